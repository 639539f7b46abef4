//! Faults on request: what goes wrong, on which calls, how many times.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind", content = "value")]
pub enum FaultKind {
    /// The connection ends before anything is done.
    DropBefore,
    /// What was asked is done, and then the connection ends without an answer.
    DropAfter,
    /// The call is done this many milliseconds late.
    Delay(u64),
    /// What was asked is done, and answered this many milliseconds late.
    DelayAnswer(u64),
    /// Nothing is done, and this status answered: 401 (expired token), 409, 429, 500 in the server's own words, others
    /// in words like them.
    Status(u16),
    /// What was asked is done, and answered with half of a body.
    HalfAnswer,
    /// What was asked is done, and answered with bytes that are no HTTP.
    Garbage,
    /// What was asked is done, and answered with 200 and a page of HTML, as gateways do.
    Html,
}

/// A fault, waiting for its calls.
///
/// A call is a method and a path: `POST` and `/api/device/credentials`. Over MQTT the method is `MQTT`, and the paths are
/// `connect`, `publish` and `subscribe`; drops and delays work there.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Fault {
    /// What goes wrong.
    #[serde(flatten)]
    pub kind: FaultKind,
    /// On calls with this method; any if there is none.
    #[serde(default)]
    pub method: Option<String>,
    /// On calls whose path begins so; empty is any. A `*` stands for one segment.
    #[serde(default)]
    pub path: String,
    /// How many matching calls go well before.
    #[serde(default)]
    pub after: u32,
    /// How many times; 0 is for ever.
    #[serde(default = "once")]
    pub times: u32,
}

fn once() -> u32 {
    1
}

impl Fault {
    /// A fault on the next call, whichever that is.
    pub fn new(kind: FaultKind) -> Self {
        Self { kind, method: None, path: String::new(), after: 0, times: 1 }
    }

    /// On these calls only.
    #[must_use]
    pub fn on(mut self, method: &str, path: &str) -> Self {
        self.method = Some(method.to_owned());
        path.clone_into(&mut self.path);
        self
    }

    /// After so many matching calls have gone well.
    #[must_use]
    pub fn after(mut self, calls: u32) -> Self {
        self.after = calls;
        self
    }

    /// So many times; 0 is for ever.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = times;
        self
    }

    fn concerns(&self, method: &str, path: &str) -> bool {
        self.method.as_deref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(method)) && begins(path, &self.path)
    }
}

/// All that wait.
#[derive(Default)]
pub(crate) struct Faults {
    waiting: Mutex<Vec<Fault>>,
}

impl Faults {
    pub(crate) fn add(&self, fault: Fault) {
        self.lock().push(fault);
    }

    pub(crate) fn clear(&self) {
        self.lock().clear();
    }

    pub(crate) fn waiting(&self) -> Vec<Fault> {
        self.lock().clone()
    }

    /// What goes wrong with this call. A fault that has had its times is gone.
    pub(crate) fn strike(&self, method: &str, path: &str) -> Option<FaultKind> {
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
            fault.times = fault.times.saturating_sub(1);
            break;
        }
        if let Some(index) = gone {
            waiting.remove(index);
        }
        struck
    }

    /// For MQTT: waits where that is the fault. True where the connection is to end.
    pub(crate) async fn strike_mqtt(&self, path: &str) -> bool {
        match self.strike("MQTT", path) {
            None => false,
            Some(FaultKind::Delay(ms) | FaultKind::DelayAnswer(ms)) => {
                tokio::time::sleep(Duration::from_millis(ms)).await;
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
    pattern.split('/').all(|wanted| segments.next().is_some_and(|segment| wanted == "*" || wanted == segment))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_strikes_its_calls_as_often_as_it_was_told() {
        let faults = Faults::default();
        faults.add(Fault::new(FaultKind::DropBefore).on("POST", "/api/device").after(1).times(2));
        let strikes = |method: &str, path: &str| faults.strike(method, path).is_some();
        assert!(!strikes("GET", "/api/device"));
        assert!(!strikes("POST", "/api/devices"));
        assert!(!strikes("POST", "/api/device"), "the first goes well");
        assert!(strikes("POST", "/api/device"));
        assert!(strikes("POST", "/api/device/credentials"));
        assert!(!strikes("POST", "/api/device"));
        assert!(faults.waiting().is_empty());
    }

    #[test]
    fn a_star_stands_for_a_segment_and_zero_for_ever() {
        let faults = Faults::default();
        faults.add(Fault::new(FaultKind::Status(500)).on("GET", "/api/device/*/credentials").times(0));
        for _ in 0..3 {
            assert_eq!(faults.strike("GET", "/api/device/x/credentials"), Some(FaultKind::Status(500)));
        }
        assert_eq!(faults.strike("GET", "/api/device/x"), None);
    }

    #[test]
    fn faults_are_read_from_json() {
        let fault: Fault = serde_json::from_str(r#"{"kind":"delay","value":50,"path":"/api"}"#).unwrap();
        assert_eq!((fault.kind, fault.times), (FaultKind::Delay(50), 1));
        let fault: Fault = serde_json::from_str(r#"{"kind":"drop-after","times":3}"#).unwrap();
        assert_eq!((fault.kind, fault.times), (FaultKind::DropAfter, 3));
    }
}
