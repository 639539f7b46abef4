//! The other ends of the connections of a simulated device: the service and the broker.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use core::future::poll_fn;
use core::task::Poll;

use base64ct::{Base64, Encoding};
use embedded_io_async::{ErrorKind, ErrorType, Read, Write};

use super::{BEGIN, BROKER, DAY, Issued, LIFETIME, NAME, State, World, dates, key_info};
use crate::enrolment::samples::{certificate, key_of_leaf, message, requested_key};

/// A connection to the service or to the broker.
pub(in crate::life) struct Connection {
    world: World,
    port: u16,
    /// The chain that the device has shown, after the handshake; empty for none.
    chain: Option<String>,
    sent: Vec<u8>,
    answer: Vec<u8>,
}

impl ErrorType for Connection {
    type Error = ErrorKind;
}

impl Write for Connection {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        self.sent.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    async fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

impl Read for Connection {
    async fn read(&mut self, bytes: &mut [u8]) -> Result<usize, ErrorKind> {
        poll_fn(|_| {
            if self.answer.is_empty() && !self.respond()? {
                return Poll::Pending;
            }
            let length = bytes.len().min(self.answer.len());
            bytes[..length].copy_from_slice(&self.answer[..length]);
            self.answer.drain(..length);
            Poll::Ready(Ok(length))
        })
        .await
    }
}

impl Connection {
    /// A connection to a port.
    pub(super) fn new(world: World, port: u16) -> Self {
        Self { world, port, chain: None, sent: Vec::new(), answer: Vec::new() }
    }

    /// Answers what was sent, if it is complete.
    fn respond(&mut self) -> Result<bool, ErrorKind> {
        let now = self.world.now();
        let mut state = self.world.0.borrow_mut();
        let Some(chain) = &self.chain else {
            let Some(end) = self.sent.iter().position(|byte| *byte == b'\n') else { return Ok(false) };
            let hello = String::from_utf8(self.sent.drain(..=end).collect()).unwrap();
            // PEM again, whose lines were joined to send it in one.
            let text = hello.trim_end().replace(' ', "\n");
            let text = text.replace("BEGIN\nCERTIFICATE", "BEGIN CERTIFICATE");
            self.chain = Some(text.replace("END\nCERTIFICATE", "END CERTIFICATE"));
            let root = if self.port == BROKER { &state.broker_root } else { &state.service_root };
            self.answer = root.as_bytes().to_vec();
            return Ok(true);
        };
        let shown = if chain.trim_end_matches('\0').is_empty() { None } else { Some(key_of_leaf(chain)) };
        let request = core::mem::take(&mut self.sent);
        if request.is_empty() {
            return Ok(false);
        }
        self.answer = match self.port {
            BROKER => state.mqtt(&request, shown, now)?,
            _ => state.http(core::str::from_utf8(&request).unwrap(), shown, now),
        };
        Ok(true)
    }
}

pub(super) fn issuing() -> Vec<u8> {
    certificate("devices", "issuing", &key_info(2), dates(BEGIN - DAY, BEGIN + 7_000 * DAY), None)
}

impl State {
    /// A certificate for a key; the same one again for the same key.
    pub(super) fn issue(&mut self, key: &[u8], now: u64) -> Vec<u8> {
        let known = self.issued.iter().find(|issued| issued.key == key).map(|issued| issued.not_after);
        let not_after = known.unwrap_or(now + LIFETIME);
        if known.is_none() {
            self.issued.push(Issued { key: key.to_vec(), not_after, is_confirmed: false });
        }
        certificate("issuing", NAME, key, dates(not_after - LIFETIME, not_after), None)
    }

    fn mqtt(&mut self, request: &[u8], shown: Option<Vec<u8>>, now: u64) -> Result<Vec<u8>, ErrorKind> {
        match request.first() {
            Some(0x10) => {
                let shown = shown.ok_or(ErrorKind::ConnectionReset)?;
                let is_valid = self.issued.iter().any(|issued| issued.key == shown && issued.not_after > now);
                let is_credential = self.credential.as_ref().is_none_or(|credential| *credential == shown);
                if !is_valid || !is_credential {
                    self.refused += 1;
                    return Ok(vec![0x20, 2, 0, 5]);
                }
                if self.logins.last() != Some(&shown) {
                    self.logins.push(shown);
                }
                Ok(vec![0x20, 2, 0, 0])
            }
            Some(0x32) => {
                self.readings += 1;
                // The identifier follows the topic.
                let topic = 2 + crate::session::TELEMETRY_TOPIC.len();
                let begin = if request[1] & 0x80 == 0 { 2 } else { 3 };
                Ok(vec![0x40, 2, request[begin + topic], request[begin + topic + 1]])
            }
            Some(0xC0) => Ok(vec![0xD0, 0]),
            other => panic!("{other:?}"),
        }
    }

    fn http(&mut self, request: &str, shown: Option<Vec<u8>>, now: u64) -> Vec<u8> {
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        let path = head.split(' ').nth(1).unwrap().trim_start_matches("/.well-known/").to_string();
        self.requests.push(path.clone());
        let (status, more, body) = self.operation(path.rsplit('/').next().unwrap(), head, body, shown, now);
        format!("HTTP/1.1 {status} x\r\n{more}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
    }

    fn operation(
        &mut self,
        operation: &str,
        head: &str,
        body: &str,
        shown: Option<Vec<u8>>,
        now: u64,
    ) -> (u16, &'static str, String) {
        let refused = |text: &str| (403, "", text.to_string());
        let is_known = |state: &Self, key: &[u8]| {
            state.issued.iter().skip(state.disowns).any(|issued| issued.key == key && issued.not_after > now)
        };
        match operation {
            "anchors" => (200, "", self.anchors.concat()),
            "cacerts" => (200, "", message(&[&issuing()])),
            "simpleenroll" => {
                let user = Base64::encode_string(format!("{NAME}:{}", self.password).as_bytes());
                if !head.contains(&format!("Authorization: Basic {user}")) {
                    return (401, "", "the name or the password is wrong".to_string());
                }
                let key = requested_key(body);
                if self.bound_key.get_or_insert_with(|| key.clone()) != &key {
                    return refused("the password was used with another key");
                }
                (200, "", message(&[&self.issue(&key, now)]))
            }
            "simplereenroll" => match shown {
                Some(shown) if is_known(self, &shown) => (200, "", message(&[&self.issue(&requested_key(body), now)])),
                _ => refused("the client certificate is unknown"),
            },
            "confirm" => {
                let Some(shown) = shown.filter(|shown| is_known(self, shown)) else {
                    return refused("the client certificate is unknown");
                };
                self.stated = body.into();
                if self.platform_delay > 0 {
                    self.platform_delay -= 1;
                    return (202, "Retry-After: 60\r\n", String::new());
                }
                if self.follows {
                    self.credential = Some(shown.clone());
                }
                self.issued
                    .iter_mut()
                    .filter(|issued| issued.key == shown)
                    .for_each(|issued| issued.is_confirmed = true);
                (200, "", String::new())
            }
            other => panic!("{other}"),
        }
    }

    /// The number of certificates that were confirmed.
    pub(in crate::life) fn confirmed(&self) -> usize {
        self.issued.iter().filter(|issued| issued.is_confirmed).count()
    }
}
