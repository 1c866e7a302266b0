//! The admin port: health, metrics, and what there is to see, as JSON.
//!
//! It has a thread and a runtime of its own, so that whoever looks never makes a worker wait. It only
//! shows: nothing can be changed here.

mod api;
mod pages;
mod redact;
mod server;
mod sessions;
mod view;

use std::{
    io,
    net::{SocketAddr, TcpListener},
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

use tokio::{runtime, sync::oneshot};

pub use pages::{HEALTHY_SILENCE_MAX, SESSIONS_SHOWN_MAX};
pub use sessions::{SessionState, SessionView, Sessions};
pub use view::{AdminView, Facts, Phase};

/// The running admin port. It is closed when this is dropped.
#[derive(Debug)]
pub struct Admin {
    addr: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Threads for looks that may wait for a lock. A look that hangs keeps one of them.
const LOOKS_MAX: usize = 4;

/// How long the end waits for a look that hangs.
const LAST_LOOK_MAX: Duration = Duration::from_millis(200);

impl Admin {
    /// Answers on a socket that is bound already: a port that is taken is known before anything starts.
    pub fn start(listener: TcpListener, view: Arc<AdminView>) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let addr = listener.local_addr()?;
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(LOOKS_MAX)
            .build()?;
        let (stop, stopped) = oneshot::channel();
        let listener = {
            let _entered = runtime.enter();
            tokio::net::TcpListener::from_std(listener)?
        };
        let router = pages::router(view, addr, LOOKS_MAX);
        let thread = thread::Builder::new().name("slotway-admin".into()).spawn(move || {
            runtime.block_on(server::serve(listener, router, stopped));
            runtime.shutdown_timeout(LAST_LOOK_MAX);
        })?;
        Ok(Self { addr, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it answers.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }
}

impl Drop for Admin {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // It is gone already if its thread has panicked.
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
