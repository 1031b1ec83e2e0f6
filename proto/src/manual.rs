//! What both programs say of their own commands: completions for shells, pages for `man`, and a help that lists commands in groups.

use clap::Command;
use clap_complete::Shell;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::PathBuf;

/// Print the completions of a shell: `... completions bash >~/.local/share/bash-completion/completions/PROGRAM`
#[derive(Debug, clap::Args)]
pub struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    /// Prints them for a program with these commands.
    ///
    /// # Errors
    /// If the standard output cannot be written; a pipe that is closed is no error.
    pub fn print(&self, mut command: Command) -> io::Result<()> {
        let name = command.get_name().to_owned();
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut command, name, &mut script);
        match io::stdout().lock().write_all(&script) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            other => other,
        }
    }
}

/// Write a page for `man` about each command: `man -l DIR/PROGRAM.1`
#[derive(Debug, clap::Args)]
pub struct Man {
    /// Folder for the pages
    dir: PathBuf,
}

impl Man {
    /// Writes the pages of a program with these commands.
    ///
    /// # Errors
    /// If the folder or a page cannot be written; the message names the folder.
    pub fn write(&self, command: Command) -> io::Result<()> {
        let pages = std::fs::create_dir_all(&self.dir).and_then(|()| clap_mangen::generate_to(command, &self.dir));
        let named = |error: io::Error| {
            io::Error::new(error.kind(), format!("cannot write the pages to {}: {error}", self.dir.display()))
        };
        pages.map_err(named)
    }
}

/// The program with a help that lists its commands in these groups, each with a title; commands that are in none come last.
#[must_use]
pub fn grouped(mut program: Command, groups: &[(&str, &[&str])]) -> Command {
    program.build();
    let named: Vec<&str> = groups.iter().flat_map(|(_, names)| names.iter().copied()).collect();
    let visible = program.get_subcommands().filter(|command| !command.is_hide_set());
    let rest: Vec<&str> = visible.map(Command::get_name).filter(|name| !named.contains(name)).collect();
    let mut lists = String::new();
    let all = groups.iter().copied().chain([("Other commands", &rest[..])]);
    for (title, names) in all.filter(|(_, names)| !names.is_empty()) {
        write_group(&mut lists, &program, title, names);
    }
    let template = format!("{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{lists}{{all-args}}{{after-help}}");
    // listed above, so not once more
    program.mut_subcommands(|command| command.hide(true)).help_template(template)
}

/// Columns of the help, as clap's own: no wider on any terminal.
const WIDTH: usize = 100;
/// Where the words on a command begin.
const INDENT: &str = "               ";

fn write_group(lists: &mut String, program: &Command, title: &str, names: &[&str]) {
    let (header, literal) = (program.get_styles().get_header(), program.get_styles().get_literal());
    // writing to a string cannot fail
    let _ = writeln!(lists, "{header}{title}:{header:#}");
    for command in names.iter().filter_map(|name| program.find_subcommand(name)) {
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        let about = textwrap::wrap(&about, WIDTH - INDENT.len()).join(&format!("\n{INDENT}"));
        let _ = writeln!(lists, "  {literal}{:<11}{literal:#}  {about}", command.get_name());
    }
    lists.push('\n');
}
