//! A thread that talks to the server.
//!
//! The connection needs a runtime of its own, and who asks may be inside of one already, where another cannot be
//! waited for.

use std::sync::mpsc::{self, Sender};
use std::thread;

use base::{Code, Result};

use super::{PostgresServer, Session};

type Call = Box<dyn FnOnce(&mut Session) + Send>;

/// A session with the server, from whatever thread. Dropped, the connection is closed.
pub(crate) struct PostgresWorker {
    calls: Sender<Call>,
    pub(crate) server: PostgresServer,
}

impl PostgresWorker {
    /// Connects, without waiting for a server that is not there.
    pub(crate) fn start(server: PostgresServer) -> Result<Self> {
        let (calls, waiting) = mpsc::channel::<Call>();
        let mut session = Session::new(server.clone())?;
        thread::Builder::new()
            .name("ledger".to_owned())
            .spawn(move || {
                // Ends when the worker is dropped, which closes the channel.
                for call in waiting {
                    call(&mut session);
                }
            })
            .map_err(|error| Code::Internal.error("a thread cannot be started").caused_by(error))?;
        let worker = Self { calls, server };
        worker.call(Session::connect)?;
        Ok(worker)
    }

    /// Does something with the session and waits for what comes of it.
    pub(crate) fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Session) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        // Room for the one answer, so that the thread never waits for the asker.
        let (answer, answered) = mpsc::sync_channel(1);
        let call: Call = Box::new(move |session| {
            // If the asker has panicked, no one waits for the answer.
            let _ = answer.send(work(session));
        });
        let gone = || Code::Internal.error("the thread that talks to the ledger has ended");
        self.calls.send(call).map_err(|_| gone())?;
        answered.recv().map_err(|_| gone())?
    }
}
