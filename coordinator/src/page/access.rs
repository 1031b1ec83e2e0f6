//! Who may see the page, and what every answer says of how a browser is to treat it.
//!
//! ```text
//!  http://127.0.0.1:7071/?code=...   lets one browser in, once: it gets the cookie, and the next browser another code
//!  POST /login                       the same for who has a reader's token, where other machines reach the page
//!  cookie                            of a secret in a file of this user's, so that a restart of the program keeps viewers in, and of the
//!                                    token of its right, so that it ends when that is replaced
//! ```
//!
//! Other users of the machine reach the port, and so does any site that a browser has open. So each request needs the cookie, which no
//! other site can send; and a host's name that is not this machine's is refused, because a site may have pointed its own name here.
//! Where other machines reach the page, inside TLS, the names are those of the certificate.
//!
//! Programs have no cookie: for the metrics the token of a reader does, and whoever asks whether the coordinator works needs nothing.

use super::actions;
use super::assets::STYLE;
use super::keys::{Keys, Right, is_same, random};
use super::login::{self, LOGIN};
use super::monitor::{HEALTH, METRICS, READY};
use super::reach::Reach;
use super::visitor::Visitor;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, COOKIE, HeaderMap, HeaderName, LOCATION, REFERRER_POLICY,
    SET_COOKIE, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use proto::bearer;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

/// Nothing runs, is shown or is fetched but what this server gives.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
/// What every answer says.
const HEADERS: [(HeaderName, &str); 5] = [
    (CONTENT_SECURITY_POLICY, POLICY),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
];
/// What a browser without a cookie is told.
const UNKNOWN: &str = "This browser is not let in: open the address that the program printed last after `live page:`. Each \
                       address lets one browser in.\n";
/// What a program without a token is told.
const NO_TOKEN: &str = "Metrics need the header `Authorization: Bearer TOKEN`, with the token of a reader (of the folder that the \
                        coordinator was started with, reader.token, or of its --token-file).\n";
/// What a browser is told that may look only.
const READ_ONLY: &str = "This browser was let in with reader.token, which is for looking: delete its cookie, and let it in with \
                         submitter.token.\n";
/// A browser stays known for so long, seconds: 30 days, if the token of its right is not replaced before.
const COOKIE_LIFE: u32 = 30 * 86_400;

/// Says whether the headers of a request from an address bear the token of somebody who may read how sweeps stand, which may take its time.
pub type Readers = Arc<dyn Fn(HeaderMap, IpAddr) -> Pin<Box<dyn Future<Output = bool> + Send>> + Send + Sync>;

/// Lets browsers in.
pub(super) struct Access {
    reach: Reach,
    keys: Keys,
    readers: Readers,
    /// Whether the page has anything done.
    has_actions: bool,
    /// What lets the next browser in.
    code: Mutex<String>,
    links: watch::Sender<String>,
}

impl Access {
    /// Access to the page, and the addresses that let browsers in, one after the other.
    pub(super) fn new(
        reach: Reach,
        keys: Keys,
        readers: Readers,
        has_actions: bool,
    ) -> (Self, watch::Receiver<String>) {
        let code = random();
        let (links, receiver) = watch::channel(reach.link(&code));
        (Self { reach, keys, readers, has_actions, code: Mutex::new(code), links }, receiver)
    }

    /// Whether the page has anything done.
    pub(super) fn has_actions(&self) -> bool {
        self.has_actions
    }

    /// Takes a code, if it is the one; it is not valid again.
    fn takes(&self, given: &str) -> bool {
        let mut code = self.code.lock().unwrap_or_else(PoisonError::into_inner);
        let is_valid = is_same(given, &code);
        if is_valid {
            *code = random();
            self.links.send_replace(self.reach.link(&code));
        }
        is_valid
    }

    /// What the browser may do whose cookie the request bears.
    fn right(&self, headers: &HeaderMap) -> Option<Right> {
        let own = self.keys.name();
        let texts = headers.get_all(COOKIE).into_iter().filter_map(|value| value.to_str().ok());
        let cookies = texts.flat_map(|text| text.split(';')).filter_map(|cookie| cookie.trim().split_once('='));
        cookies.filter(|(name, _)| *name == own).find_map(|(_, value)| self.keys.right(value))
    }

    /// What somebody with that token may do.
    pub(super) fn right_of_token(&self, token: &str) -> Option<Right> {
        let mut headers = HeaderMap::new();
        if let Ok(value) = HeaderValue::from_str(&format!("{}{}", bearer::SCHEME, token.trim())) {
            headers.insert(bearer::HEADER, value);
        }
        self.reach.right(&headers)
    }

    /// Why a request is refused that sends something; `None` if it is not.
    fn refusal_of_post(&self, request: &Request) -> Option<(StatusCode, &'static str)> {
        let path = request.uri().path();
        let is_login = self.reach.is_network() && path == LOGIN;
        if request.method() != Method::POST || !(is_login || self.has_actions && actions::is_at(path)) {
            return Some((StatusCode::METHOD_NOT_ALLOWED, "The page is for reading only.\n"));
        }
        if !self.reach.is_from_here(request.headers()) {
            return Some((StatusCode::FORBIDDEN, "Another site has sent this browser here.\n"));
        }
        match self.right(request.headers()) {
            _ if is_login => None,
            Some(Right::Act) => None,
            Some(Right::Look) => Some((StatusCode::FORBIDDEN, READ_ONLY)),
            None => Some((StatusCode::UNAUTHORIZED, UNKNOWN)),
        }
    }

    /// The headers of a request for the metrics that a reader's token may bear.
    fn to_be_read(&self, request: &Request) -> Option<HeaderMap> {
        let headers = request.headers();
        let is_asked = request.uri().path() == METRICS && is_reading(request.method());
        let is_open = is_asked && self.reach.why_not(headers).is_none() && self.right(headers).is_none();
        is_open.then(|| headers.clone())
    }

    /// What a request gets in place of what it asks for; `None` if it gets that.
    fn refusal(&self, request: &Request, is_reader: bool) -> Option<Response> {
        let says = |status: StatusCode, words: &str| (status, words.to_owned()).into_response();
        if let Some(words) = self.reach.why_not(request.headers()) {
            return Some(says(StatusCode::MISDIRECTED_REQUEST, words));
        }
        if !is_reading(request.method()) {
            return self.refusal_of_post(request).map(|(status, words)| says(status, words));
        }
        let path = request.uri().path();
        if matches!(path, HEALTH | READY) || (path == STYLE && self.reach.is_network()) {
            return None;
        }
        let is_metrics = path == METRICS;
        if is_metrics && is_reader {
            return None;
        }
        let query = request.uri().query().unwrap_or_default();
        let is_known = self.right(request.headers()).is_some();
        let code = query.split('&').find_map(|part| part.strip_prefix("code="));
        match code {
            // a browser that is known already need not use up the code
            Some(_) if is_known => Some(self.welcome("/", None)),
            Some(code) if request.method() == Method::GET && self.takes(code) => {
                Some(self.welcome("/", Some(Right::Act)))
            }
            _ if is_known => None,
            _ if self.reach.is_network() && login::is_asked_at(path) => Some(login::ask(request.uri())),
            _ => Some(says(StatusCode::UNAUTHORIZED, if is_metrics { NO_TOKEN } else { UNKNOWN })),
        }
    }

    /// Sends the browser on, without the code in its address; a `new` one with the cookie of its right.
    pub(super) fn welcome(&self, to: &str, new: Option<Right>) -> Response {
        let mut response = (StatusCode::SEE_OTHER, [(LOCATION, to)]).into_response();
        let secure = if self.reach.is_network() { "; Secure" } else { "" };
        let cookie = new.map(|right| {
            let (name, value) = (self.keys.name(), self.keys.cookie(right));
            format!("{name}={value}; Path=/; Max-Age={COOKIE_LIFE}; HttpOnly; SameSite=Strict{secure}")
        });
        // it has letters, digits and signs of its own only
        if let Some(cookie) = cookie.and_then(|cookie| HeaderValue::from_str(&cookie).ok()) {
            response.headers_mut().insert(SET_COOKIE, cookie);
        }
        response
    }
}

fn is_reading(method: &Method) -> bool {
    method == Method::GET || method == Method::HEAD
}

/// Lets a request through, or refuses it; says to the browser how to treat the answer.
pub(super) async fn check(State(access): State<Arc<Access>>, mut request: Request, next: Next) -> Response {
    let visitor = request.extensions().get::<ConnectInfo<Visitor>>();
    let address = visitor.map_or(Ipv4Addr::LOCALHOST.into(), |ConnectInfo(visitor)| visitor.address);
    let is_reader = match access.to_be_read(&request) {
        Some(headers) => (access.readers)(headers, address).await,
        None => false,
    };
    let mut response = match access.refusal(&request, is_reader) {
        Some(refusal) => refusal,
        None => {
            let is_let_in = !matches!(request.uri().path(), HEALTH | READY | STYLE | LOGIN);
            if let Some(ConnectInfo(visitor)) = request.extensions().get::<ConnectInfo<Visitor>>().filter(|_| is_let_in)
            {
                visitor.stay();
            }
            if access.has_actions && access.right(request.headers()) == Some(Right::Act) {
                request.extensions_mut().insert(access.keys.forms());
            }
            next.run(request).await
        }
    };
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // what a page says is for its viewer, and for now
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

    use super::*;
    use crate::page::{Names, Roles};
    use axum::body::Body;
    use axum::http::header::{AUTHORIZATION, HOST};

    const ADDRESS: &str = "127.0.0.1:7071";

    fn access() -> (Access, watch::Receiver<String>) {
        Access::new(Reach::this_machine(ADDRESS.parse().unwrap()), Keys::fresh(), nobody(), false)
    }

    fn nobody() -> Readers {
        Arc::new(|_, _| Box::pin(async { false }))
    }

    fn request(uri: &str, host: &str, cookie: Option<&str>) -> Request {
        let mut request = Request::builder().uri(uri).header(HOST, host);
        if let Some(cookie) = cookie {
            request = request.header(COOKIE, cookie);
        }
        request.body(Body::empty()).unwrap()
    }

    fn status(access: &Access, request: &Request) -> u16 {
        let is_reader = access
            .to_be_read(request)
            .is_some_and(|headers| headers.get(AUTHORIZATION).is_some_and(|token| token == "Bearer of a reader"));
        access.refusal(request, is_reader).map_or(200, |refusal| refusal.status().as_u16())
    }

    #[test]
    fn a_code_lets_one_browser_in_and_the_cookie_keeps_it_in() {
        let (access, mut links) = access();
        let first = links.borrow_and_update().clone();
        let uri = first.strip_prefix("http://127.0.0.1:7071").unwrap();
        let welcome = access.refusal(&request(uri, ADDRESS, None), false).unwrap();
        assert_eq!((welcome.status().as_u16(), &welcome.headers()[LOCATION]), (303, &HeaderValue::from_static("/")));
        let cookie = welcome.headers()[SET_COOKIE].to_str().unwrap();
        assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
        let cookie = cookie.split(';').next().unwrap();
        assert_eq!(status(&access, &request("/", ADDRESS, Some(cookie))), 200);
        assert_eq!(status(&access, &request("/", ADDRESS, Some(&format!("a=b; {cookie}")))), 200);
        assert_eq!(status(&access, &request(uri, ADDRESS, None)), 401, "the code is used up");
        assert_eq!(status(&access, &request("/?code=", ADDRESS, None)), 401);
        let second = links.borrow_and_update().clone();
        assert_ne!(second, first);
        let uri = second.strip_prefix("http://127.0.0.1:7071").unwrap();
        assert_eq!(status(&access, &request(uri, ADDRESS, Some(cookie))), 303, "who is in leaves it to others");
        assert_eq!(*links.borrow(), second);
        assert_eq!(status(&access, &request(uri, ADDRESS, None)), 303, "another browser");
        for wrong in ["", &cookie[..cookie.len() - 1], &format!("{cookie}0"), &cookie.replace("splitsweep", "x")] {
            assert_eq!(status(&access, &request("/", ADDRESS, Some(wrong))), 401, "{wrong}");
        }
    }

    #[test]
    fn a_reader_s_token_is_for_the_metrics_only_and_probes_need_none() {
        let (access, _links) = access();
        let bearing = |uri, token: &'static str| {
            let mut request = request(uri, ADDRESS, None);
            request.headers_mut().insert(AUTHORIZATION, HeaderValue::from_static(token));
            status(&access, &request)
        };
        assert_eq!(bearing("/metrics", "Bearer of a reader"), 200);
        assert_eq!(bearing("/metrics", "Bearer of somebody else"), 401);
        assert_eq!(bearing("/", "Bearer of a reader"), 401);
        for (path, expected) in [("/metrics", 401), ("/metrics/", 401), ("/healthz", 200), ("/readyz", 200)] {
            assert_eq!(status(&access, &request(path, ADDRESS, None)), expected, "{path}");
        }
        assert_eq!(status(&access, &request("/healthz", "evil.example", None)), 421);
    }

    #[test]
    fn on_other_machines_a_token_or_the_code_gives_a_cookie_that_only_tls_carries() {
        let bears = |headers: &HeaderMap, words: &str| {
            headers.get(AUTHORIZATION).is_some_and(|token| token.as_bytes().starts_with(words.as_bytes()))
        };
        let names: Names = Arc::new(|name| name == "head");
        let roles: Roles = Arc::new(move |headers| {
            let is_submitter = bears(headers, "Bearer right of submitter");
            let right = if is_submitter { Right::Act } else { Right::Look };
            bears(headers, "Bearer right").then_some(right)
        });
        let reach = Reach::network("head", 7071, names, roles);
        let (access, links) = Access::new(reach, Keys::fresh(), nobody(), true);
        assert_eq!(access.right_of_token(" right\r\n"), Some(Right::Look));
        assert_eq!(access.right_of_token("right of submitter"), Some(Right::Act));
        assert_eq!((access.right_of_token("wrong"), access.right_of_token("\u{7f}")), (None, None));
        let uri = links.borrow().strip_prefix("https://head:7071").unwrap().to_owned();
        let by_code = access.refusal(&request(&uri, "head:7071", None), false).unwrap();
        for welcome in [by_code, access.welcome("/", Some(Right::Look))] {
            let cookie = welcome.headers()[SET_COOKIE].to_str().unwrap();
            assert!(cookie.ends_with("; HttpOnly; SameSite=Strict; Secure"), "{cookie}");
        }
        let cookie = |right| format!("{}={}", access.keys.name(), access.keys.cookie(right));
        let post_as = |right: Option<Right>, path: &str, site: &'static str| {
            let mut post = request(path, "head", right.map(cookie).as_deref());
            *post.method_mut() = Method::POST;
            post.headers_mut().insert("sec-fetch-site", HeaderValue::from_static(site));
            status(&access, &post)
        };
        let post = |path, site| post_as(None, path, site);
        let act = |right, site| post_as(right, "/sweep/full/cancel", site);
        assert_eq!((act(Some(Right::Act), "same-origin"), act(Some(Right::Act), "cross-site")), (200, 403));
        assert_eq!((act(Some(Right::Look), "same-origin"), act(None, "same-origin")), (403, 401));
        for path in ["/sweep/full", "/sweep/full/delete", "/sweep//cancel", "/sweep/a/b/cancel", "/cancel"] {
            assert_eq!(post_as(Some(Right::Act), path, "same-origin"), 405, "{path}");
        }
        assert_eq!((post(LOGIN, "same-origin"), post(LOGIN, "cross-site"), post("/", "same-origin")), (200, 403, 405));
        assert_eq!(status(&access, &request("/", "localhost", None)), 421);
    }

    #[test]
    fn only_names_of_this_machine_are_answered() {
        let (access, _links) = access();
        for own in ["127.0.0.1:7071", "localhost:8000", "LOCALHOST", "[::1]:7071", "[::1]", "127.1.2.3"] {
            assert_eq!(status(&access, &request("/", own, None)), 401, "{own}");
        }
        for other in
            ["evil.example:7071", "localhost.evil.example", "10.0.0.1", "", "[::2]", "[", "127.0.0.1.evil.example"]
        {
            assert_eq!(status(&access, &request("/", other, None)), 421, "{other}");
        }
        let nameless = Request::builder().uri("/").body(Body::empty()).unwrap();
        assert_eq!(status(&access, &nameless), 421);
        let mut post = request("/", ADDRESS, None);
        *post.method_mut() = Method::POST;
        assert_eq!(status(&access, &post), 405);
    }
}
