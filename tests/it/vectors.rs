//! The worker's loops stay vector code: what it is compiled to, and what the sources must say for that.

use crate::harness::{program, skipped};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Functions that are compiled for AVX2 or AVX-512: pulp's, with everything that is inlined into them.
fn is_vectorized(function: &str) -> bool {
    function.starts_with("pulp::x86::") && function.contains("::vectorize::imp")
}

/// The function that a line of the disassembly calls or jumps to by name.
fn callee(line: &str) -> Option<&str> {
    let (_, instruction) = line.split_once('\t')?;
    let (operation, operands) = instruction.split_once(char::is_whitespace)?;
    let (_, name) = operands.split_once('<')?;
    let name = name.trim_end().strip_suffix('>')?;
    let direct = matches!(operation, "call" | "jmp") && !operands.trim_start().starts_with('*');
    direct.then(|| name.split_once("+0x").map_or(name, |(name, _)| name))
}

/// The functions that vector code of a disassembly calls, though they are compiled for any processor.
fn strays(disassembly: &str) -> (usize, BTreeSet<&str>) {
    let (mut count, mut strays, mut inside) = (0, BTreeSet::new(), false);
    for line in disassembly.lines() {
        if let Some((_, function)) = line.strip_suffix(">:").and_then(|line| line.split_once(" <")) {
            inside = is_vectorized(function);
            count += usize::from(inside);
        } else if inside && let Some(name) = callee(line) {
            let copies = name.starts_with("memcpy") || name.starts_with("memset") || name.starts_with("memmove");
            let ends = name.contains("panic") || name.contains("fail");
            if !(copies || ends || is_vectorized(name)) {
                strays.insert(name);
            }
        }
    }
    (count, strays)
}

#[test]
fn vector_code_calls_nothing_that_is_compiled_for_any_processor() {
    if !cfg!(target_arch = "x86_64") {
        return skipped("this processor is not an x86-64");
    }
    let mut objdump = Command::new("objdump");
    objdump.args(["--disassemble", "--demangle", "--no-show-raw-insn", "--section=.text"]).arg(program("worker"));
    let Ok(output) = objdump.output() else { return skipped("objdump is not there") };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let disassembly = String::from_utf8_lossy(&output.stdout);
    let (count, strays) = strays(&disassembly);
    assert!(count > 50, "only {count} functions of vector code");
    assert!(strays.is_empty(), "vector code calls {strays:#?} (if the worker is built with opt-level 3)");
}

#[test]
fn a_stray_call_is_seen() {
    let line = "  6f1d90:\tjmp    6f2920 <core::ops::function::FnOnce::call_once>";
    assert_eq!(callee(line), Some("core::ops::function::FnOnce::call_once"));
    let head = "00000000006f1d80 <pulp::x86::v3::V3::vectorize::imp>:\n";
    let jump = "  6f1d84:\tjmp    6f1d88 <pulp::x86::v3::V3::vectorize::imp+0x8>\n";
    let table = "  6f1d88:\tjmp    *%rdx\n  6f1d8b:\tcall   *0x6(%rip)        # 1225050 <_DYNAMIC+0x8>\n";
    let copy = "  6f1d8c:\tcall   44550 <memcpy@GLIBC_2.14>\n";
    assert_eq!(strays(&[head, jump, table, copy].concat()), (1, BTreeSet::new()));
    assert_eq!(strays(&[head, line].concat()), (1, BTreeSet::from(["core::ops::function::FnOnce::call_once"])));
    assert_eq!(strays(line), (0, BTreeSet::new()), "scalar code may call anything");
}

/// A function that is not inlined into vector code is compiled for any processor.
#[test]
fn what_is_to_be_vector_code_is_inlined() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../worker/src");
    let mut places = vec![folder];
    let mut found = 0;
    while let Some(path) = places.pop() {
        if path.is_dir() {
            places.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            continue;
        }
        let text = fs::read_to_string(&path).unwrap_or_default();
        let lines: Vec<_> = text.lines().map(str::trim).collect();
        for (index, line) in lines.iter().enumerate() {
            let neighbour = if line.starts_with("fn run<S: Simd>(") && line.ends_with('{') {
                lines[index - 1]
            } else if line.ends_with("vectorize(") {
                lines[index + 1]
            } else {
                continue;
            };
            found += 1;
            assert_eq!(neighbour, "#[inline(always)]", "{}:{}", path.display(), index + 1);
        }
    }
    assert!(found > 15, "only {found} places");
}
