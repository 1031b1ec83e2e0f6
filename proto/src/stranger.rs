//! What answers at an address where no coordinator does, for the message about it.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;
use tonic::codegen::http::Uri;

/// Time for each step: whoever answers at all does so at once.
const PATIENCE: Duration = Duration::from_secs(2);
/// How every HTTP/2 connection begins: RFC 9113, section 3.4, and an empty frame of settings.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// Who else answers at the address, if a connection to it failed because it is not a coordinator. May wait for some seconds.
#[must_use]
pub fn behind(url: &str) -> Option<&'static str> {
    let uri: Uri = url.parse().ok()?;
    if uri.scheme_str() != Some("http") {
        return None;
    }
    let host = uri.host()?.trim_start_matches('[').trim_end_matches(']');
    let addresses = (host, uri.port_u16().unwrap_or(80)).to_socket_addrs().ok()?;
    let mut stream = addresses.into_iter().find_map(|at| TcpStream::connect_timeout(&at, PATIENCE).ok())?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    // who spoke first and closed the connection does not take it any more, but what he said is there to be read
    let _ = stream.write_all(PREFACE);
    let mut begin = [0; 5];
    stream.read_exact(&mut begin).ok()?;
    told_by(begin)
}

fn told_by(begin: [u8; 5]) -> Option<&'static str> {
    match begin {
        [b'H', b'T', b'T', b'P', b'/'] => Some("is not a coordinator (it answers HTTP/1.1)"),
        // an alert of TLS: RFC 8446, section 5.1
        [0x15, 3, ..] => Some("speaks TLS: the address of a coordinator with certificates begins with https://"),
        [b'S', b'S', b'H', b'-', _] => Some("is not a coordinator (it answers SSH)"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn a_web_server_is_told_from_a_coordinator() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a caller");
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").expect("an answer");
        });
        assert_eq!(behind(&url.replace("http", "https")), None, "it is not asked");
        assert_eq!(behind(&url), Some("is not a coordinator (it answers HTTP/1.1)"));
        server.join().expect("the server");
        assert_eq!(behind(&url), None, "it does not answer");
        assert!(told_by([0x15, 3, 3, 0, 2]).is_some_and(|text| text.contains("https://")));
    }
}
