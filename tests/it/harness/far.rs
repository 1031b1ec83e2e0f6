//! Somebody who looks at the live page from another machine: over TLS, trusting the CA of a folder of certificates only.

use super::{Answer, Lab};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

/// A browser, with the cookie that it was given.
#[derive(Clone)]
pub(crate) struct Far {
    pub(crate) port: u16,
    /// The name by which it knows the coordinator.
    pub(crate) name: String,
    pub(crate) cookie: String,
    trust: Arc<ClientConfig>,
}

impl Far {
    /// One that has the address that a program printed, and trusts the lab's folder `certs`.
    pub(crate) fn new(lab: &Lab, link: &str) -> Self {
        let (address, _) = link.strip_prefix("https://").and_then(|rest| rest.split_once('/')).expect("an address");
        let (name, port) = address.rsplit_once(':').expect("a port");
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(lab.path("certs/ca.crt")).unwrap()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()));
        let config = config.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots);
        let trust = Arc::new(config.with_no_client_auth());
        Self { port: port.parse().unwrap(), name: name.to_owned(), cookie: String::new(), trust }
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], "")
    }

    /// Sends a form.
    pub(crate) fn post(&self, path: &str, form: &str) -> Answer {
        self.ask("POST", path, &[("sec-fetch-site", "same-origin"), ("origin", "null")], form)
    }

    /// Asks with headers of its own. One that is named `host` takes the place of the usual.
    pub(crate) fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        Answer::read(self.send(method, path, headers, body))
    }

    /// Shows a token to `/login`, and keeps the cookie if there is one.
    pub(crate) fn log_in(&mut self, token: &str) -> Answer {
        let answer = self.post("/login", &format!("token={token}&to=%2Fworkers"));
        if let Some(cookie) = answer.header("set-cookie") {
            cookie.split(';').next().unwrap().clone_into(&mut self.cookie);
        }
        answer
    }

    /// The lines of the stream of events.
    pub(crate) fn events(&self) -> impl Iterator<Item = String> + use<> {
        BufReader::new(self.send("GET", "/events", &[], "")).lines().map_while(Result::ok)
    }

    fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> StreamOwned<ClientConnection, TcpStream> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(120))).unwrap();
        let name = ServerName::try_from(self.name.clone()).unwrap();
        let mut stream = StreamOwned::new(ClientConnection::new(Arc::clone(&self.trust), name).unwrap(), stream);
        let host = format!("{}:{}", self.name, self.port);
        let host = headers.iter().find(|(name, _)| *name == "host").map_or(host.as_str(), |(_, host)| host);
        let mut request = format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n");
        if !self.cookie.is_empty() {
            request += &format!("cookie: {}\r\n", self.cookie);
        }
        for (name, value) in headers.iter().filter(|(name, _)| *name != "host") {
            request += &format!("{name}: {value}\r\n");
        }
        request +=
            &format!("content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        stream.write_all(request.as_bytes()).unwrap();
        stream
    }
}
