//! A proxy that keeps what passes through it.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::spawn;

/// A proxy that keeps what passes through it.
pub(crate) struct Tap {
    pub(crate) url: String,
    pub(crate) seen: Arc<Mutex<Vec<u8>>>,
}

impl Tap {
    pub(crate) fn before(address: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        let (seen, address) = (Arc::new(Mutex::new(Vec::new())), address.to_owned());
        let sink = Arc::clone(&seen);
        spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                let Ok(far) = TcpStream::connect(&address) else { return };
                for (from, to) in [(&near, &far), (&far, &near)] {
                    let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    let sink = Arc::clone(&sink);
                    spawn(move || pass(from, to, &sink));
                }
            }
        });
        Self { url, seen }
    }

    pub(crate) fn saw(&self, text: &str) -> bool {
        self.seen.lock().unwrap().windows(text.len()).any(|bytes| bytes == text.as_bytes())
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, sink: &Mutex<Vec<u8>>) {
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        sink.lock().unwrap().extend(&buffer[..count]);
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}
