//! Where the page is reached: on this machine, or inside TLS on others too; and by which names.

use super::keys::Right;
use axum::http::header::{HOST, HeaderMap, HeaderName, ORIGIN};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// What a browser says of where a request comes from: a page of the same server, of another, or nowhere.
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// What is said of a name that is not this machine's.
const THIS_MACHINE: &str = "This page is served to this machine only, as http://127.0.0.1 or http://localhost; from another \
                            one use ssh -L.\n";
/// What is said of a name that the certificate is not for.
const NOT_NAMED: &str = "The coordinator's certificate is not for this name, so nothing is served under it: coordinator certs \
                         DIR --renew NAME... makes one that is.\n";

/// Whether the coordinator's certificate is for a name or an address.
pub type Names = Arc<dyn Fn(&str) -> bool + Send + Sync>;

/// What the token that the headers of a request bear lets somebody do.
pub type Roles = Arc<dyn Fn(&HeaderMap) -> Option<Right> + Send + Sync>;

/// Where the page is reached.
#[derive(Clone)]
pub struct Reach {
    /// What stands before the path in its addresses.
    origin: String,
    /// By which names other machines reach it, and what their tokens are for; none if they do not reach it.
    network: Option<Network>,
}

/// What is known of a page that other machines reach.
#[derive(Clone)]
struct Network {
    names: Names,
    roles: Roles,
}

impl fmt::Debug for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reach({})", self.origin)
    }
}

impl Reach {
    /// At that address of this machine.
    #[must_use]
    pub fn this_machine(address: SocketAddr) -> Self {
        Self { origin: format!("http://{address}"), network: None }
    }

    /// By other machines too, inside TLS, at that host and port. `names` says what the certificate is for, `roles` what
    /// tokens are for.
    #[must_use]
    pub fn network(host: &str, port: u16, names: Names, roles: Roles) -> Self {
        let is_v6 = host.contains(':');
        let origin = if is_v6 { format!("https://[{host}]:{port}") } else { format!("https://{host}:{port}") };
        Self { origin, network: Some(Network { names, roles }) }
    }

    /// Whether other machines reach it.
    pub(super) fn is_network(&self) -> bool {
        self.network.is_some()
    }

    /// What the token that the headers bear lets somebody on another machine do.
    pub(super) fn right(&self, headers: &HeaderMap) -> Option<Right> {
        self.network.as_ref().and_then(|network| (network.roles)(headers))
    }

    /// The address that lets a browser in.
    pub(super) fn link(&self, code: &str) -> String {
        format!("{}/?code={code}", self.origin)
    }

    /// Why a request is for somebody else: a site may have pointed its own name here.
    pub(super) fn why_not(&self, headers: &HeaderMap) -> Option<&'static str> {
        let name = host(headers).unwrap_or_default();
        match &self.network {
            None if is_this_machine(name) => None,
            None => Some(THIS_MACHINE),
            Some(network) if (network.names)(name) => None,
            Some(_) => Some(NOT_NAMED),
        }
    }

    /// Whether a request that changes something may come from a page of this server. Old browsers do not say where it comes from.
    pub(super) fn is_from_here(&self, headers: &HeaderMap) -> bool {
        let text = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
        if let Some(site) = text(SEC_FETCH_SITE) {
            return site == "same-origin";
        }
        let scheme = if self.is_network() { "https" } else { "http" };
        let own = text(HOST).map(|host| format!("{scheme}://{host}"));
        // `null`: a browser that sends no address of the page that it comes from sends no more here
        text(ORIGIN).is_none_or(|origin| origin == "null" || own.is_some_and(|own| own.eq_ignore_ascii_case(origin)))
    }
}

/// The name that a request is for, without its port.
fn host(headers: &HeaderMap) -> Option<&str> {
    let host = headers.get(HOST)?.to_str().ok()?;
    match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map(|(name, _)| name),
        None => Some(host.split_once(':').map_or(host, |(name, _)| name)),
    }
}

/// Whether only this machine can have the name.
fn is_this_machine(name: &str) -> bool {
    name.eq_ignore_ascii_case("localhost") || name.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |&(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        pairs.iter().map(pair).collect()
    }

    fn network() -> Reach {
        Reach::network(
            "head",
            7071,
            Arc::new(|name| matches!(name, "head" | "10.0.0.7" | "2001:db8::7")),
            Arc::new(|_| None),
        )
    }

    #[test]
    fn other_machines_reach_the_page_by_the_names_of_the_certificate_only() {
        let reach = network();
        for named in ["head", "head:7071", "10.0.0.7:7071", "[2001:db8::7]:7071"] {
            assert_eq!(reach.why_not(&headers(&[("host", named)])), None, "{named}");
        }
        for other in ["evil.example", "10.0.0.8:7071", "127.0.0.1:7071", "localhost", "", "[", "[::1]:7071"] {
            assert_eq!(reach.why_not(&headers(&[("host", other)])), Some(NOT_NAMED), "{other}");
        }
        assert_eq!(reach.why_not(&HeaderMap::new()), Some(NOT_NAMED));
    }

    #[test]
    fn addresses_that_let_browsers_in_say_how_the_page_is_reached() {
        assert_eq!(network().link("c0de"), "https://head:7071/?code=c0de");
        let v6 = Reach::network("2001:db8::7", 7071, Arc::new(|_| true), Arc::new(|_| None));
        assert_eq!(v6.link("c0de"), "https://[2001:db8::7]:7071/?code=c0de");
        let own = Reach::this_machine(SocketAddr::from(([127, 0, 0, 1], 7071)));
        assert_eq!(own.link("c0de"), "http://127.0.0.1:7071/?code=c0de");
    }

    #[test]
    fn what_changes_something_comes_from_a_page_of_this_server() {
        let reach = network();
        let own: [&[_]; 4] = [
            &[],
            &[("sec-fetch-site", "same-origin"), ("origin", "null")],
            &[("host", "head:7071"), ("origin", "https://head:7071")],
            &[("host", "head:7071"), ("origin", "null")],
        ];
        for own in own {
            assert!(reach.is_from_here(&headers(own)), "{own:?}");
        }
        let foreign: [&[_]; 6] = [
            &[("sec-fetch-site", "cross-site")],
            &[("sec-fetch-site", "same-site"), ("host", "head:7071"), ("origin", "https://head:7071")],
            &[("sec-fetch-site", "none")],
            &[("host", "head:7071"), ("origin", "https://evil.example")],
            &[("host", "head:7071"), ("origin", "http://head:7071")],
            &[("origin", "https://head:7071")],
        ];
        for foreign in foreign {
            assert!(!reach.is_from_here(&headers(foreign)), "{foreign:?}");
        }
    }
}
