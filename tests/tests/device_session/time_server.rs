//! A time server that says what it is told to.

use std::net::{Ipv4Addr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// From 1900 to 1970.
const TO_1970: u64 = 2_208_988_800;

pub(crate) struct TimeServer {
    port: u16,
    end: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl TimeServer {
    /// A server that says this date, in seconds since 1970.
    pub(crate) fn saying(date: u64) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        let port = socket.local_addr().unwrap().port();
        let end = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&end);
        let thread = thread::spawn(move || {
            let mut request = [0; 48];
            while !ended.load(Ordering::Relaxed) {
                // A time-out, mostly.
                let Ok((48, client)) = socket.recv_from(&mut request) else { continue };
                let mut answer = [0; 48];
                answer[0] = 0x24;
                answer[1] = 2;
                answer[24..32].copy_from_slice(&request[40..]);
                let seconds = (date + TO_1970) & u64::from(u32::MAX);
                answer[40..44].copy_from_slice(&u32::try_from(seconds).unwrap().to_be_bytes());
                socket.send_to(&answer, client).unwrap();
            }
        });
        Self { port, end, thread: Some(thread) }
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
