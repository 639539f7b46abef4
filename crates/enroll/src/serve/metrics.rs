//! Counters and gauges, as Prometheus text.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use base::prometheus::{Family, MetricsText};
use identity::lifecycle::metrics::families;

/// The figures of the service.
#[derive(Debug, Default)]
pub(crate) struct Metrics(Mutex<Figures>);

#[derive(Debug, Default)]
struct Figures {
    requests: BTreeMap<(&'static str, &'static str), u64>,
    rejected: BTreeMap<&'static str, u64>,
    issued: u64,
    state: State,
}

/// What the service found at its last look at the store.
#[derive(Debug, Clone, Default)]
pub(crate) struct State {
    pub(crate) open_passwords: u64,
    pub(crate) open_swaps: u64,
    /// Requests that an operator has to approve.
    pub(crate) waiting_requests: u64,
    /// The end of the revocation list of the devices' CA, in Unix seconds; `None` if there is no list.
    pub(crate) list_ends: Option<i64>,
    /// The end of the service's own certificate, in Unix seconds.
    pub(crate) certificate_ends: Option<i64>,
    /// The end of the certificate of the CA that signs, in Unix seconds.
    pub(crate) ca_ends: Option<i64>,
}

impl Metrics {
    fn with<T>(&self, work: impl FnOnce(&mut Figures) -> T) -> T {
        // A panic elsewhere must not end the figures, which are whole after every change.
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Counts an answer.
    pub(crate) fn answered(&self, operation: &'static str, outcome: &'static str) {
        self.with(|figures| *figures.requests.entry((operation, outcome)).or_default() += 1);
    }

    /// Counts a connection that was closed before its first request, and why.
    pub(crate) fn rejected(&self, why: &'static str) {
        self.with(|figures| *figures.rejected.entry(why).or_default() += 1);
    }

    /// Counts signed certificates.
    pub(crate) fn issued(&self, number: usize) {
        self.with(|figures| figures.issued += u64::try_from(number).unwrap_or(u64::MAX));
    }

    /// Keeps the state of the store.
    pub(crate) fn set(&self, state: State) {
        self.with(|figures| figures.state = state);
    }

    /// The text (version 0.0.4 of the format).
    pub(crate) fn render(&self, connections: usize) -> String {
        self.with(|figures| {
            let mut text = MetricsText::new();
            text.family(&REQUESTS);
            for ((operation, outcome), count) in &figures.requests {
                text.sample(&REQUESTS, &[("operation", operation), ("outcome", outcome)], *count);
            }
            text.family(&REJECTED);
            for (why, count) in &figures.rejected {
                text.sample(&REJECTED, &[("reason", why)], *count);
            }
            let state = &figures.state;
            let single = [
                (&CONNECTIONS, Some(whole(connections))),
                (&ISSUED, Some(whole(figures.issued))),
                (&families::PASSWORDS, Some(whole(state.open_passwords))),
                (&WAITING, Some(whole(state.waiting_requests))),
                (&families::SWAPS, Some(whole(state.open_swaps))),
                (&families::LIST_END, state.list_ends),
                (&CERTIFICATE_END, state.certificate_ends),
                (&families::CA_END, state.ca_ends),
            ];
            for (family, value) in single {
                // An unknown end is left out: 0 would be an alarm, that everything ended in 1970.
                if let Some(value) = value {
                    text.single(family, value);
                }
            }
            text.into_string()
        })
    }
}

const REQUESTS: Family = Family::counter("tbpki_requests_total", "Answers by operation and outcome.");
const REJECTED: Family = Family::counter("tbpki_connections_rejected_total", "Connections closed before a request.");
const CONNECTIONS: Family = Family::gauge("tbpki_connections", "Open connections.");
const ISSUED: Family = Family::counter("tbpki_certificates_issued_total", "Certificates signed.");
const WAITING: Family = Family::gauge("tbpki_enrolment_requests_waiting", "Requests that an operator has to approve.");
const CERTIFICATE_END: Family =
    Family::gauge("tbpki_service_certificate_end_seconds", "End of the service's certificate.");

fn whole(number: impl TryInto<i64>) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_lines_and_unknown_ones_are_absent() {
        let metrics = Metrics::default();
        metrics.answered("simpleenroll", "done");
        metrics.answered("simpleenroll", "done");
        metrics.answered("simplereenroll", "revoked");
        metrics.rejected("handshake");
        metrics.issued(2);
        metrics.set(State {
            open_passwords: 3,
            waiting_requests: 4,
            list_ends: Some(1_800_000_000),
            ..State::default()
        });
        let text = metrics.render(5);
        for line in [
            "tbpki_requests_total{operation=\"simpleenroll\",outcome=\"done\"} 2",
            "tbpki_requests_total{operation=\"simplereenroll\",outcome=\"revoked\"} 1",
            "tbpki_connections_rejected_total{reason=\"handshake\"} 1",
            "tbpki_connections 5",
            "tbpki_certificates_issued_total 2",
            "tbpki_enrolment_passwords 3",
            "tbpki_enrolment_requests_waiting 4",
            "tbpki_revocation_list_end_seconds 1800000000",
        ] {
            assert!(text.lines().any(|one| one == line), "{line} is not in {text}");
        }
        assert!(!text.contains("tbpki_ca_end_seconds"));
    }
}
