//! One enrolment or renewal, from the key to the identity in its slot.

use core::fmt;

use embedded_io_async::{Read, Write};

use super::exchange::{self, Authentication, EnrolmentServer};
use super::failure::EnrolmentFailure;
use super::request::{CertificateRequest, RequestedNames};
use super::signer::{SignError, Signer};
use crate::identity::Identity;
use crate::secret::Secret;
use crate::slots::{Generation, SlotError, Slots, StoredCertificate, StoredIdentity, WritableFlash};

impl<'a> From<&'a Generation> for Identity<'a> {
    fn from(generation: &'a Generation) -> Self {
        Self { chain: &generation.certificate.chain, key: &generation.key }
    }
}

/// How a device proves who it is to the service.
#[derive(Debug, Clone, Copy)]
pub enum Proof<'a> {
    /// The record's one-time password, for the first certificate.
    Password {
        /// The device's name.
        device_name: &'a str,
        /// The password.
        password: &'a Secret,
    },
    /// The present identity, for a renewal.
    Identity(Identity<'a>),
}

/// The machine that enrols: its connections and its keys.
pub trait EnrolmentMachine {
    /// A TLS connection to the service.
    type Stream<'a>: Read + Write
    where
        Self: 'a;
    /// The reason why there is no connection.
    type Error: fmt::Display;
    /// A private key that signs.
    type Key: Signer;

    /// Opens a connection to the service that shows this identity, if one is given. The service's certificate is verified
    /// against the present trust anchors.
    fn connect<'a>(
        &'a mut self,
        identity: Option<Identity<'_>>,
    ) -> impl Future<Output = Result<Self::Stream<'a>, Self::Error>>;

    /// A new private key in PEM and a NUL, from the true random generator.
    ///
    /// # Errors
    /// [`SignError`] if the generator fails.
    fn new_key(&mut self) -> Result<Secret, SignError>;

    /// The key of a text that [`new_key`](Self::new_key) has returned.
    ///
    /// # Errors
    /// [`SignError`] for another text.
    fn key(&mut self, text: &Secret) -> Result<Self::Key, SignError>;

    /// The date in seconds since 1970.
    fn now(&mut self) -> u64;
}

/// An enrolment that has not succeeded. The same call continues it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FetchFailure<E> {
    /// There is no connection to the service.
    Connection(E),
    /// The service has not issued.
    Enrolment(EnrolmentFailure),
    /// The slots cannot be read or written.
    Slot(SlotError),
    /// The chain of the present identity contains no certificate.
    NoCertificate,
}

impl<E> From<EnrolmentFailure> for FetchFailure<E> {
    fn from(failure: EnrolmentFailure) -> Self {
        Self::Enrolment(failure)
    }
}

impl<E> From<SignError> for FetchFailure<E> {
    fn from(error: SignError) -> Self {
        Self::Enrolment(error.into())
    }
}

impl<E> From<SlotError> for FetchFailure<E> {
    fn from(error: SlotError) -> Self {
        Self::Slot(error)
    }
}

impl<E: fmt::Display> fmt::Display for FetchFailure<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connection(error) => error.fmt(f),
            Self::Enrolment(failure) => failure.fmt(f),
            Self::Slot(error) => error.fmt(f),
            Self::NoCertificate => f.write_str("the chain of this device contains no certificate"),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> core::error::Error for FetchFailure<E> {}

/// Fetches the next identity and stores it, unconfirmed. The key is in its slot before the request is sent, so that an
/// answer that is lost is asked for again with the same key, and the service does not issue twice.
///
/// # Errors
/// [`FetchFailure`].
pub async fn fetch<F: WritableFlash, M: EnrolmentMachine>(
    slots: &mut Slots<F>,
    machine: &mut M,
    server: &EnrolmentServer<'_>,
    proof: Proof<'_>,
) -> Result<StoredIdentity, FetchFailure<M::Error>> {
    let (names, identity, authentication) = match proof {
        Proof::Password { device_name, password } => {
            (RequestedNames::of_device(device_name), None, Authentication::Password { device_name, password })
        }
        Proof::Identity(identity) => {
            // A renewal has the subject and the alternative names of the
            // certificate before (RFC 7030, section 4.2.2).
            let names = RequestedNames::of_chain(identity.chain).ok_or(FetchFailure::NoCertificate)?;
            (names, Some(identity), Authentication::Certificate)
        }
    };
    let pending = match slots.pending_key()? {
        // The password belongs to the first key that was sent with it, so that another key would be refused.
        Some(pending) => pending,
        None => slots.store_key(&machine.new_key()?)?,
    };
    let request = CertificateRequest::new(names, &mut machine.key(&pending.key)?)?;

    let now = machine.now();
    let mut stream = machine.connect(identity).await.map_err(FetchFailure::Connection)?;
    let issued = exchange::enroll(&mut stream, server, authentication, &request, now).await?;
    // The service closes a connection after one answer, and the chip has memory for one.
    drop(stream);
    let mut stream = machine.connect(identity).await.map_err(FetchFailure::Connection)?;
    let chain = issued.chain(&exchange::fetch_ca_certificates(&mut stream, server).await?)?;
    drop(stream);
    let mut stream = machine.connect(identity).await.map_err(FetchFailure::Connection)?;
    let anchors = exchange::fetch_anchors(&mut stream, server).await?;
    let (not_before, not_after) = (issued.not_before, issued.not_after);
    let certificate = StoredCertificate { chain, anchors, not_before, not_after, stored: now };
    Ok(slots.store_certificate(&pending, &certificate)?)
}

/// Tells the service that a stored identity is in use with these trust anchors, on a connection that shows it.
///
/// # Errors
/// [`FetchFailure`].
pub async fn confirm_identity<M: EnrolmentMachine>(
    machine: &mut M,
    server: &EnrolmentServer<'_>,
    identity: Identity<'_>,
    anchors: &str,
) -> Result<(), FetchFailure<M::Error>> {
    let mut stream = machine.connect(Some(identity)).await.map_err(FetchFailure::Connection)?;
    Ok(exchange::confirm(&mut stream, server, anchors).await?)
}
