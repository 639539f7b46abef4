//! Injected faults: the kind of failure, the calls, and how many times.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

/// A kind of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind", content = "value")]
pub enum FaultKind {
    /// The connection ends before anything is done.
    DropBefore,
    /// The call is done, and the connection ends without an answer.
    DropAfter,
    /// The call is done this many milliseconds late.
    Delay(u64),
    /// The call is done, and answered this many milliseconds late.
    DelayAnswer(u64),
    /// The call waits, and is done once the faults are cleared: for a test in which something else comes first.
    Hold,
    /// The call is done, and answered once the faults are cleared.
    HoldAnswer,
    /// Nothing is done, and this status returned: 401 (expired token), 409, 429, 500 in the server's own words, others
    /// in words like them.
    Status(u16),
    /// The call is done, and answered with half of a body.
    HalfAnswer,
    /// The call is done, and answered with bytes that are not HTTP.
    Garbage,
    /// The call is done, and answered with 200 and a page of HTML, as captive portals do.
    Html,
}

/// A fault that waits for its calls.
///
/// A call is a method and a path: `POST` and `/api/device/credentials`. For MQTT the method is `MQTT`, and the paths are
/// `connect`, `publish` and `subscribe`; drops, delays and holds work there.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Fault {
    /// The kind of failure.
    #[serde(flatten)]
    pub kind: FaultKind,
    /// The method of the calls; none is any.
    #[serde(default)]
    pub method: Option<String>,
    /// The beginning of the path of the calls; empty is any. A `*` is one segment.
    #[serde(default)]
    pub path: String,
    /// The number of matching calls that succeed before.
    #[serde(default)]
    pub after: u32,
    /// The number of calls that fail; 0 is without limit.
    #[serde(default = "once")]
    pub times: u32,
}

fn once() -> u32 {
    1
}

impl Fault {
    /// A fault on the next call of any kind.
    pub fn new(kind: FaultKind) -> Self {
        Self { kind, method: None, path: String::new(), after: 0, times: 1 }
    }

    /// Restricts the fault to these calls.
    #[must_use]
    pub fn on(mut self, method: &str, path: &str) -> Self {
        self.method = Some(method.to_owned());
        path.clone_into(&mut self.path);
        self
    }

    /// Delays the fault until this number of matching calls have succeeded.
    #[must_use]
    pub fn after(mut self, calls: u32) -> Self {
        self.after = calls;
        self
    }

    /// Sets the number of calls that fail; 0 is without limit.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = times;
        self
    }

    fn concerns(&self, method: &str, path: &str) -> bool {
        self.method.as_deref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(method)) && begins(path, &self.path)
    }
}

/// The faults that wait for their calls.
#[derive(Default)]
pub(crate) struct Faults {
    waiting: Mutex<Vec<Fault>>,
    /// How often all held calls were let go, and the number of calls that are held.
    released: watch::Sender<u64>,
    held: AtomicUsize,
}

/// A call that counts as held as long as this value lives: its client can go away.
struct Held<'a>(&'a AtomicUsize);

impl<'a> Held<'a> {
    fn new(held: &'a AtomicUsize) -> Self {
        held.fetch_add(1, Ordering::SeqCst);
        Self(held)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Faults {
    pub(crate) fn add(&self, fault: Fault) {
        self.lock().push(fault);
    }

    /// Removes all faults, and lets go of the calls that they hold.
    pub(crate) fn clear(&self) {
        self.lock().clear();
        self.released.send_modify(|times| *times += 1);
    }

    /// The number of calls that are held now.
    pub(crate) fn held(&self) -> usize {
        self.held.load(Ordering::SeqCst)
    }

    /// Waits until the faults are cleared.
    pub(crate) async fn hold(&self) {
        // Before the call counts as held: from then on a test may clear the faults.
        let mut released = self.released.subscribe();
        let _held = Held::new(&self.held);
        // An error means that the simulator ends.
        let _ = released.changed().await;
    }

    pub(crate) fn waiting(&self) -> Vec<Fault> {
        self.lock().clone()
    }

    /// The failure of this call, if any. A fault is removed after its last call.
    pub(crate) fn next_fault(&self, method: &str, path: &str) -> Option<FaultKind> {
        let mut waiting = self.lock();
        let mut struck = None;
        let mut gone = None;
        for (index, fault) in waiting.iter_mut().enumerate().filter(|(_, fault)| fault.concerns(method, path)) {
            if fault.after > 0 {
                fault.after -= 1;
                continue;
            }
            struck = Some(fault.kind);
            if fault.times == 1 {
                gone = Some(index);
            }
            // 0 stays 0, which is without limit.
            fault.times = fault.times.saturating_sub(1);
            break;
        }
        // After the loop, which still borrows the list.
        if let Some(index) = gone {
            waiting.remove(index);
        }
        struck
    }

    /// Applies the fault of an MQTT packet: waits for a delay, and returns true if the connection must end.
    pub(crate) async fn apply_to_mqtt(&self, path: &str) -> bool {
        match self.next_fault("MQTT", path) {
            None => false,
            Some(FaultKind::Delay(ms) | FaultKind::DelayAnswer(ms)) => {
                tokio::time::sleep(Duration::from_millis(ms)).await;
                false
            }
            Some(FaultKind::Hold | FaultKind::HoldAnswer) => {
                self.hold().await;
                false
            }
            Some(_) => true,
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Fault>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn begins(path: &str, pattern: &str) -> bool {
    if pattern.is_empty() {
        return true;
    }
    let mut segments = path.split('/');
    // By whole segments: `/api/device` must not hit `/api/deviceProfile`.
    pattern.split('/').all(|wanted| segments.next().is_some_and(|segment| wanted == "*" || wanted == segment))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_strikes_its_calls_as_often_as_it_was_told() {
        let faults = Faults::default();
        faults.add(Fault::new(FaultKind::DropBefore).on("POST", "/api/device").after(1).times(2));
        let strikes = |method: &str, path: &str| faults.next_fault(method, path).is_some();
        assert!(!strikes("GET", "/api/device"));
        assert!(!strikes("POST", "/api/devices"));
        assert!(!strikes("POST", "/api/device"), "the first goes well");
        assert!(strikes("POST", "/api/device"));
        assert!(strikes("POST", "/api/device/credentials"));
        assert!(!strikes("POST", "/api/device"));
        assert!(faults.waiting().is_empty());
    }

    #[test]
    fn a_star_is_a_segment_and_zero_is_without_limit() {
        let faults = Faults::default();
        faults.add(Fault::new(FaultKind::Status(500)).on("GET", "/api/device/*/credentials").times(0));
        for _ in 0..3 {
            assert_eq!(faults.next_fault("GET", "/api/device/x/credentials"), Some(FaultKind::Status(500)));
        }
        assert_eq!(faults.next_fault("GET", "/api/device/x"), None);
    }

    #[test]
    fn faults_are_read_from_json() {
        let fault: Fault = serde_json::from_str(r#"{"kind":"delay","value":50,"path":"/api"}"#).unwrap();
        assert_eq!((fault.kind, fault.times), (FaultKind::Delay(50), 1));
        let fault: Fault = serde_json::from_str(r#"{"kind":"drop-after","times":3}"#).unwrap();
        assert_eq!((fault.kind, fault.times), (FaultKind::DropAfter, 3));
    }
}
