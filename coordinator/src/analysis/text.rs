//! How text for people is put together. Knows no table and no analysis.

use proto::spec::Seeds;
use proto::text::is_command;

/// A number of things: one of them, or more.
#[must_use]
pub fn counted(count: u64, word: &str) -> String {
    if count == 1 { format!("1 {word}") } else { format!("{count} {word}s") }
}

/// Text without what would end the line, speak to a terminal or turn the order of letters around.
#[must_use]
pub fn one_line(text: &str) -> String {
    text.chars().map(|c| if is_command(c) { ' ' } else { c }).collect()
}

/// The replicates in a line, no more than `most` of them written out; one number where split, initialisation and order have the
/// same seed.
#[must_use]
pub fn replicates(replicates: &[Seeds], most: usize) -> String {
    let alike = |seeds: &Seeds| seeds.init_seed == seeds.split_seed && seeds.order_seed == seeds.split_seed;
    let name = |seeds: &Seeds| {
        let Seeds { split_seed, init_seed, order_seed } = seeds;
        if alike(seeds) { split_seed.to_string() } else { format!("{split_seed}/{init_seed}/{order_seed}") }
    };
    let kind = if replicates.iter().all(alike) { "seeds" } else { "seeds (split/init/order)" };
    let listed: Vec<_> = replicates.iter().take(most).map(name).collect();
    let more = if replicates.len() > most { format!(", ... ({} in all)", replicates.len()) } else { String::new() };
    format!("{kind} {}{more}", listed.join(", "))
}
