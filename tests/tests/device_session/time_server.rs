//! A time server with a date that the test sets.

use std::net::{Ipv4Addr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// From 1900 to 1970.
const TO_1970: u64 = 2_208_988_800;

pub(crate) struct TimeServer {
    port: u16,
    date: Arc<AtomicU64>,
    requests: Arc<AtomicU64>,
    end: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl TimeServer {
    /// A server with this date, in seconds since 1970.
    pub(crate) fn saying(date: u64) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        let port = socket.local_addr().unwrap().port();
        let end = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&end);
        let (date, requests) = (Arc::new(AtomicU64::new(date)), Arc::new(AtomicU64::new(0)));
        let (said, counted) = (Arc::clone(&date), Arc::clone(&requests));
        let thread = thread::spawn(move || {
            let mut request = [0; 48];
            while !ended.load(Ordering::Relaxed) {
                // A time-out, mostly.
                let Ok((48, client)) = socket.recv_from(&mut request) else { continue };
                let mut answer = [0; 48];
                // No leap warning, version 4, mode 4 (server); the next byte is the stratum, of which 0 would be a
                // refusal (RFC 5905).
                answer[0] = 0x24;
                answer[1] = 2;
                // The time that the client has sent comes back as the origin. A client drops an answer without it.
                answer[24..32].copy_from_slice(&request[40..]);
                let seconds = (said.load(Ordering::Relaxed) + TO_1970) & u64::from(u32::MAX);
                answer[40..44].copy_from_slice(&u32::try_from(seconds).unwrap().to_be_bytes());
                socket.send_to(&answer, client).unwrap();
                counted.fetch_add(1, Ordering::Relaxed);
            }
        });
        Self { port, date, requests, end, thread: Some(thread) }
    }

    /// Sets the date of all later answers.
    pub(crate) fn sets(&self, date: u64) {
        self.date.store(date, Ordering::Relaxed);
    }

    /// The number of requests that it has answered.
    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for TimeServer {
    fn drop(&mut self) {
        self.end.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}
