//! A receiver on this machine that does as it is told, connection by connection.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    time::Duration,
};

#[derive(Debug, Clone)]
pub(crate) enum Behave {
    /// Reads the request and answers with these bytes.
    Answer(String),
    /// Reads the request and closes.
    Close,
    /// Reads the request and says nothing for this long.
    Silence(Duration),
}

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Behaves once per connection; the last behaviour stays.
    pub(crate) fn start(script: Vec<Behave>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        std::thread::spawn(move || {
            for (n, stream) in listener.incoming().enumerate() {
                let behave = script.get(n).or(script.last()).unwrap().clone();
                serve(stream.unwrap(), behave, &seen);
            }
        });
        Self { address, requests }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

pub(crate) fn status(line: &str) -> Behave {
    Behave::Answer(format!("HTTP/1.1 {line}\r\ncontent-length: 0\r\n\r\n"))
}

fn serve(mut stream: TcpStream, behave: Behave, seen: &Mutex<Vec<String>>) {
    stream
        .set_read_timeout(Some(Duration::from_secs(5)))
        .unwrap();
    let mut text = String::new();
    let mut piece = [0; 4_096];
    loop {
        let read = stream.read(&mut piece).unwrap_or(0);
        text.push_str(&String::from_utf8_lossy(&piece[..read]));
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|l| {
                    l.to_ascii_lowercase()
                        .strip_prefix("content-length:")
                        .map(|n| n.trim().parse().unwrap())
                })
                .unwrap_or(0_usize);
            if body.len() >= length {
                break;
            }
        }
        if read == 0 {
            break;
        }
    }
    seen.lock().unwrap().push(text);
    match behave {
        Behave::Answer(bytes) => stream.write_all(bytes.as_bytes()).unwrap_or_default(),
        Behave::Close => {}
        Behave::Silence(time) => std::thread::sleep(time),
    }
}
