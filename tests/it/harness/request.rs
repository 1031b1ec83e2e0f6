//! What a server that a test plays is asked over HTTP, and how it answers.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

/// A request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Request {
    /// Its first line.
    pub(crate) line: String,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Request {
    /// Reads a request; `None` if the caller has gone without one.
    pub(crate) fn read(stream: &TcpStream) -> Option<Self> {
        let mut reader = BufReader::new(stream);
        let mut line = || {
            let mut line = String::new();
            reader.read_line(&mut line).expect("a request");
            line.trim_end().to_owned()
        };
        let first = line();
        let next = || line().split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned()));
        let headers = std::iter::from_fn(next).collect();
        let mut request = Self { line: first, headers, body: String::new() };
        let length = request.header("content-length").map_or(0, |length| length.parse().expect("a length"));
        reader.take(length).read_to_string(&mut request.body).expect("a text");
        (!request.line.is_empty()).then_some(request)
    }

    /// A header, by its name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(of, _)| of == name).map(|(_, value)| value.as_str())
    }

    /// Answers with a status, such as `204 No Content`, and a body.
    pub(crate) fn answer(mut stream: &TcpStream, status: &str, body: &str) {
        let length = body.len();
        write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
            .expect("a caller");
    }
}
