//! Somebody who looks at the live page: a browser without windows, that asks for a page, keeps its cookie and listens to events.

use super::{Process, until};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// A browser, with the cookie that it was given.
pub(crate) struct Browser {
    pub(crate) address: String,
    pub(crate) cookie: String,
}

/// What a page's server answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The head, with the names of headers in lower case.
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    /// What comes until the other end closes the connection.
    pub(super) fn read(mut stream: impl Read) -> Self {
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("an answer");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        // cookies and addresses are case-sensitive, names of headers are not
        let line =
            |line: &str| line.split_once(": ").map(|(name, value)| format!("{}: {value}", name.to_ascii_lowercase()));
        let head: Vec<_> = head.lines().map(|text| line(text).unwrap_or_else(|| text.to_owned())).collect();
        Self { status, head: head.join("\n"), body: body.to_owned() }
    }

    /// A header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    /// The version that a page shows.
    pub(crate) fn version(&self) -> u64 {
        let (_, rest) = self.body.split_once("data-version=\"").expect("a page");
        rest.split('"').next().and_then(|version| version.parse().ok()).expect("a version")
    }
}

/// The address by which a program that has a page lets one browser in.
pub(crate) fn link(process: &mut Process) -> String {
    const BEFORE: &str = "live page: ";
    process.says(BEFORE).split_off(BEFORE.len())
}

/// Where an address leads: host and port, and the path without its first slash.
fn parts(link: &str) -> (&str, &str) {
    link.strip_prefix("http://").and_then(|rest| rest.split_once('/')).expect("an address")
}

impl Browser {
    /// A browser at the page of an address that nobody has let in.
    pub(crate) fn stranger(link: &str) -> Self {
        Self { address: parts(link).0.to_owned(), cookie: String::new() }
    }

    /// A browser that was let in by an address with a code.
    pub(crate) fn let_in(link: &str) -> Self {
        let (stranger, (_, path)) = (Self::stranger(link), parts(link));
        let welcome = stranger.get(&format!("/{path}"));
        assert_eq!((welcome.status, welcome.header("location")), (303, Some("/")), "{welcome:?}");
        let cookie = welcome.header("set-cookie").and_then(|cookie| cookie.split(';').next()).expect("a cookie");
        Self { cookie: cookie.to_owned(), ..stranger }
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &self.address)
    }

    /// The page, which must be there, once it shows all that it will: until then it is of no version.
    pub(crate) fn page(&self, path: &str) -> Answer {
        let answer = until(path, || Some(self.get(path)).filter(|page| !page.body.contains("data-version=\"0\"")));
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        assert!(answer.body.ends_with("</html>"), "{path} is a whole page");
        answer
    }

    pub(crate) fn ask(&self, method: &str, path: &str, host: &str) -> Answer {
        Self::read(self.send(method, path, host, &format!("cookie: {}", self.cookie)))
    }

    /// Sends a form.
    pub(crate) fn post(&self, path: &str, form: &str) -> Answer {
        let length = form.len();
        let headers = format!("cookie: {}\r\nsec-fetch-site: same-origin\r\ncontent-length: {length}", self.cookie);
        let mut stream = self.send("POST", path, &self.address, &headers);
        stream.write_all(form.as_bytes()).expect("a form");
        Answer::read(stream)
    }

    /// What a program gets that has a token and no cookie.
    pub(crate) fn get_bearing(&self, path: &str, token: &str) -> Answer {
        Self::read(self.send("GET", path, &self.address, &format!("authorization: Bearer {token}")))
    }

    fn read(stream: TcpStream) -> Answer {
        Answer::read(stream)
    }

    /// The versions that are announced, one after the other.
    pub(crate) fn events(&self) -> impl Iterator<Item = u64> + use<> {
        let cookie = format!("cookie: {}", self.cookie);
        let lines = BufReader::new(self.send("GET", "/events", &self.address, &cookie)).lines();
        lines
            .map_while(Result::ok)
            .filter_map(|line| line.strip_prefix("data: ").and_then(|version| version.parse().ok()))
    }

    fn send(&self, method: &str, path: &str, host: &str, header: &str) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).expect("a server");
        // far beyond what anything takes on a busy machine
        stream.set_read_timeout(Some(Duration::from_secs(120))).expect("a timeout");
        let request = format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\n{header}\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("a request");
        stream
    }
}
