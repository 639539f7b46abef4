//! A request that concerns a certificate, on its way from the network to the ledger and back.

use std::net::IpAddr;

use pki::Certificate;
use pki::csr::Csr;
use tokio::sync::oneshot;

use crate::est::{Answer, Credentials, Refusal};

/// The operation, with the signing request if it has one.
#[derive(Debug, Clone)]
pub(crate) enum Task {
    /// A first certificate.
    Enroll(Box<Csr>),
    /// The next certificate.
    Reenroll(Box<Csr>),
    /// The proof that a certificate is used, with the SHA-256 of the trust anchors that its holder uses, if it states them.
    Confirm(Vec<[u8; 32]>),
    /// A connection with a certificate, whatever is asked over it.
    Connect,
}

/// Who asks. A certificate is proven by the handshake: its holder has the private key.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) certificate: Option<Certificate>,
    pub(crate) credentials: Option<Credentials>,
    pub(crate) address: IpAddr,
}

/// A request.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) task: Task,
    pub(crate) label: Option<String>,
    pub(crate) caller: Caller,
    pub(crate) reply: oneshot::Sender<Reply>,
}

/// The result of a request.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) answer: Answer,
    /// The device that was proven.
    pub(crate) device: Option<String>,
    /// The serial number of the certificate that is sent or confirmed.
    pub(crate) serial: Option<String>,
    /// The user who has approved the certificate.
    pub(crate) approved_by: Option<String>,
}

impl Reply {
    pub(crate) fn refused(refusal: &Refusal) -> Self {
        Self { answer: Answer::from(refusal), device: None, serial: None, approved_by: None }
    }
}

impl Call {
    /// The name for which a certificate will most likely be issued: that of the password or of the client certificate.
    pub(crate) fn expected_name(&self) -> Option<String> {
        let Caller { certificate, credentials, .. } = &self.caller;
        match self.task {
            Task::Enroll(_) | Task::Reenroll(_) => {
                let named = credentials.as_ref().map(|credentials| credentials.name.clone());
                named.or_else(|| certificate.as_ref()?.common_name())
            }
            Task::Confirm(_) | Task::Connect => None,
        }
    }

    /// Sends the result. A client that has gone does not need it.
    pub(crate) fn end(self, reply: Reply) {
        drop(self.reply.send(reply));
    }
}
