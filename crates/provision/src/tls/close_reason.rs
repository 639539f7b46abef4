//! The reason why a TLS connection ended early.

use std::io::{self, ErrorKind};
use std::time::Duration;

use base::text::variant_words;
use rustls::AlertDescription;

/// The reason why a connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CloseReason {
    /// The peer sent an alert.
    Alert(AlertDescription),
    /// The peer does not speak TLS.
    NotTls(String),
    /// The peer closed the connection.
    Closed,
    /// The time limit was exceeded.
    TimedOut,
    /// Another error of rustls or of the system.
    Other(String),
}

impl CloseReason {
    pub(crate) fn of(error: &io::Error) -> Self {
        match (error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()), error.kind()) {
            (Some(error), _) => Self::of_tls(error),
            (None, ErrorKind::TimedOut) => Self::TimedOut,
            (
                None,
                ErrorKind::UnexpectedEof
                | ErrorKind::ConnectionReset
                | ErrorKind::ConnectionAborted
                | ErrorKind::BrokenPipe,
            ) => Self::Closed,
            (None, _) => Self::Other(error.to_string()),
        }
    }

    pub(crate) fn of_tls(error: &rustls::Error) -> Self {
        match error {
            rustls::Error::AlertReceived(alert) => Self::Alert(*alert),
            rustls::Error::InvalidMessage(fault) => Self::NotTls(variant_words(fault)),
            rustls::Error::InvalidCertificate(fault) => {
                Self::Other(format!("the certificate is refused: {}", variant_words(fault)))
            }
            other => Self::Other(other.to_string()),
        }
    }

    /// The text for messages; `timeout` is the time limit that the peer had.
    pub(crate) fn text(&self, timeout: Duration) -> String {
        match self {
            Self::Alert(alert) => format!("the server ended it with the alert {alert:?}"),
            Self::NotTls(fault) => format!("what the server sends is not TLS ({fault})"),
            Self::Closed => "the server closed the connection".to_owned(),
            Self::TimedOut => format!("the server did not answer within {} s", timeout.as_secs_f32()),
            Self::Other(text) => text.clone(),
        }
    }
}
