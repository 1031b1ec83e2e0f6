//! The names and addresses of this machine.

use rustix::system::uname;
use std::collections::BTreeSet;
use std::fs::read_to_string;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What this machine can be called: by its name, its addresses, and by itself.
#[must_use]
pub fn names() -> Vec<String> {
    let name = uname().nodename().to_string_lossy().into_owned();
    let v4 = local_v4(&read_to_string("/proc/net/fib_trie").unwrap_or_default());
    let v6 = local_v6(&read_to_string("/proc/net/if_inet6").unwrap_or_default());
    let addresses = v4.into_iter().map(IpAddr::from).chain(v6.into_iter().map(IpAddr::from));
    let others = addresses.filter(|address| !address.is_loopback()).map(|address| address.to_string());
    [name].into_iter().filter(|name| !name.is_empty() && name != "localhost").chain(others).collect()
}

/// The addresses in the kernel's table of routes that are its own.
fn local_v4(table: &str) -> BTreeSet<Ipv4Addr> {
    let lines = table.lines().zip(table.lines().skip(1));
    let own = lines.filter(|(_, kind)| kind.contains("/32 host LOCAL"));
    own.filter_map(|(address, _)| address.trim().strip_prefix("|-- ")?.parse().ok()).collect()
}

/// The addresses in the kernel's list, but for those that name no single machine.
fn local_v6(list: &str) -> BTreeSet<Ipv6Addr> {
    let numbers = list.lines().filter_map(|line| u128::from_str_radix(line.split_whitespace().next()?, 16).ok());
    numbers.map(Ipv6Addr::from).filter(|address| !address.is_unicast_link_local()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_s_tables_are_read() {
        let table = "Local:\n  +-- 10.0.0.0/24 2 0 2\n     |-- 10.0.0.0\n        /24 link UNICAST\n     |-- 10.0.0.7\n        /32 host LOCAL\n     |-- 10.0.0.255\n        /32 link BROADCAST\n";
        assert_eq!(local_v4(table), [Ipv4Addr::new(10, 0, 0, 7)].into());
        let list = "00000000000000000000000000000001 01 80 10 80       lo\nfe80000000000000025056fffe000001 02 40 20 80     eth0\n20010db8000000000000000000000007 02 40 00 80     eth0\n";
        let expected = [Ipv6Addr::LOCALHOST, Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 7)];
        assert_eq!(local_v6(list), expected.into());
    }
}
