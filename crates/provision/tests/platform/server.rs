//! An HTTP server on the loopback that answers what it is told to, and remembers what it was asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::Value;

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// Method and path, as in `GET /api/x`.
    pub(crate) fn line(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

/// The answer to a request.
pub(crate) enum Reply {
    /// A whole answer.
    Whole { status: u16, headers: Vec<(&'static str, String)>, body: Vec<u8> },
    /// Half of a body, and then the end of the connection.
    Half,
    /// The end of the connection.
    Cut,
    /// Nothing, until the client goes away.
    Silence,
    /// A body without end.
    Endless,
}

/// An answer with JSON.
pub(crate) fn json(status: u16, value: &Value) -> Reply {
    Reply::Whole {
        status,
        headers: vec![("Content-Type", "application/json".to_owned())],
        body: value.to_string().into_bytes(),
    }
}

/// An answer with something else.
pub(crate) fn raw(status: u16, headers: &[(&'static str, &str)], body: &[u8]) -> Reply {
    let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    Reply::Whole { status, headers, body: body.to_vec() }
}

type Answer = dyn Fn(&Seen, usize) -> Reply + Send + Sync;

/// A running server. It ends when this is dropped.
pub(crate) struct CheckedServer {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl CheckedServer {
    /// A server that answers by this function, which is also given how many requests came before.
    pub(crate) fn new(answer: impl Fn(&Seen, usize) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let ended: Arc<AtomicBool> = Arc::default();
        let (log, end, answer): (_, _, Arc<Answer>) = (seen.clone(), ended.clone(), Arc::new(answer));
        let thread = thread::spawn(move || {
            for stream in listener.incoming() {
                if end.load(Ordering::SeqCst) {
                    return;
                }
                let (log, answer) = (log.clone(), answer.clone());
                // A thread for each connection, because some tests ask several things at once.
                thread::spawn(move || serve(stream.unwrap(), &log, answer.as_ref()));
            }
        });
        Self { address, seen, ended, thread: Some(thread) }
    }

    /// The same, where the first requests are answered by a list and all others with status 418.
    pub(crate) fn script(replies: Vec<Reply>) -> Self {
        let replies = Mutex::new(replies.into_iter().map(Some).collect::<Vec<_>>());
        Self::new(move |_, count| {
            let reply = replies.lock().unwrap().get_mut(count).and_then(Option::take);
            // 418, because no client expects it: one request too many then fails the test.
            reply.unwrap_or_else(|| raw(418, &[], b"the script is over"))
        })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// The requests so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// The methods and paths of what it was asked so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.seen().iter().map(Seen::line).collect()
    }
}

impl Drop for CheckedServer {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        // Wakes the thread, which waits for the next connection.
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn serve(stream: TcpStream, log: &Mutex<Vec<Seen>>, answer: &Answer) {
    // A test that fails must end all the same.
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut writer = stream.try_clone().unwrap();
    let mut reader = BufReader::new(stream);
    while let Some(seen) = read(&mut reader) {
        let count = {
            let mut log = log.lock().unwrap();
            log.push(seen.clone());
            log.len() - 1
        };
        match answer(&seen, count) {
            Reply::Whole { status, headers, body } => {
                let mut head = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n", body.len());
                headers.iter().for_each(|(name, value)| head.push_str(&format!("{name}: {value}\r\n")));
                if writer.write_all(format!("{head}\r\n").as_bytes()).and_then(|()| writer.write_all(&body)).is_err() {
                    return;
                }
            }
            Reply::Half => {
                drop(writer.write_all(b"HTTP/1.1 200 X\r\nContent-Length: 100\r\n\r\n{\"id\":"));
                return;
            }
            Reply::Cut => return,
            Reply::Silence => {
                drop(reader.read(&mut [0]));
                return;
            }
            Reply::Endless => {
                drop(writer.write_all(b"HTTP/1.1 200 X\r\nConnection: close\r\n\r\n"));
                while writer.write_all(&[b' '; 65536]).is_ok() {}
                return;
            }
        }
    }
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Seen> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|count| *count > 0)?;
    let mut words = line.split_whitespace();
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|count| *count > 0)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.push((name.to_owned(), value.to_owned()));
    }
    let mut seen = Seen { method, path, headers, body: Vec::new() };
    let length = seen.header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    seen.body.resize(length, 0);
    reader.read_exact(&mut seen.body).ok()?;
    Some(seen)
}
