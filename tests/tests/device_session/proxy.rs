//! A network between a device and its broker, which can be as bad as one likes.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// The treatment of connections.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// They lead to the broker at this port.
    To(u16),
    /// They end before a byte was read.
    Close,
    /// They end after so many bytes from the broker at this port.
    CloseAfter(u16, usize),
    /// They stay open, and whatever is sent is lost: packets are dropped.
    Lose,
}

pub(crate) struct Proxy {
    port: u16,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    mode: Mutex<Mode>,
    end: AtomicBool,
}

impl Proxy {
    pub(crate) fn new(mode: Mode) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared { mode: Mutex::new(mode), end: AtomicBool::new(false) });
        let ours = Arc::clone(&shared);
        let thread = thread::spawn(move || {
            let mut connections = Vec::new();
            while !ours.end.load(Ordering::Relaxed) {
                match listener.accept() {
                    Ok((device, _)) => {
                        let shared = Arc::clone(&ours);
                        connections.push(thread::spawn(move || shared.serve(device)));
                    }
                    Err(_) => thread::sleep(Duration::from_millis(2)),
                }
            }
            connections.into_iter().for_each(|connection| connection.join().unwrap());
        });
        Self { port, shared, thread: Some(thread) }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// From now on, for connections that there are as well.
    pub(crate) fn set(&self, mode: Mode) {
        *self.shared.mode.lock().unwrap() = mode;
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.end.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

impl Shared {
    fn mode(&self) -> Mode {
        *self.mode.lock().unwrap()
    }

    /// Carries bytes between a device and the broker, as long as the mode is the one that it began with or loses them.
    fn serve(&self, mut device: TcpStream) {
        let begun = self.mode();
        let mut broker = match begun {
            Mode::To(port) | Mode::CloseAfter(port, _) => match TcpStream::connect((Ipv4Addr::LOCALHOST, port)) {
                Ok(broker) => Some(broker),
                Err(_) => return,
            },
            Mode::Close => return,
            Mode::Lose => None,
        };
        for stream in [Some(&device), broker.as_ref()].into_iter().flatten() {
            stream.set_nodelay(true).unwrap();
            stream.set_nonblocking(true).unwrap();
        }
        let (mut from_broker, mut bytes) = (0, [0; 4096]);
        while !self.end.load(Ordering::Relaxed) {
            let mode = self.mode();
            // Loss does not end a connection: neither side learns of it, as with a radio that is out of reach.
            if mode != begun && mode != Mode::Lose {
                break;
            }
            let lose = mode == Mode::Lose;
            let up = carry(&mut device, broker.as_mut().filter(|_| !lose), &mut bytes);
            let down = match &mut broker {
                Some(broker) => carry(broker, Some(&mut device).filter(|_| !lose), &mut bytes),
                None => Some(0),
            };
            let (Some(up), Some(down)) = (up, down) else { break };
            from_broker += down;
            if matches!(begun, Mode::CloseAfter(_, most) if from_broker >= most) {
                break;
            }
            if up + down == 0 {
                thread::sleep(Duration::from_millis(1));
            }
        }
        for stream in [Some(&device), broker.as_ref()].into_iter().flatten() {
            // The other end may have gone before.
            drop(stream.shutdown(Shutdown::Both));
        }
    }
}

/// Carries what has come, or loses it. Nothing where a stream has ended.
fn carry(from: &mut TcpStream, to: Option<&mut TcpStream>, bytes: &mut [u8]) -> Option<usize> {
    let length = match from.read(bytes) {
        Ok(0) => return None,
        Ok(length) => length,
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return Some(0),
        Err(_) => return None,
    };
    if let Some(to) = to {
        // Blocking, because a full buffer would end the connection here, which only the mode may do.
        to.set_nonblocking(false).unwrap();
        let written = to.write_all(&bytes[..length]);
        to.set_nonblocking(true).unwrap();
        written.ok()?;
    }
    Some(length)
}
