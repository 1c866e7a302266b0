//! From the moment that clients are served to the end.

use std::{future::pending, io, pin::Pin};

use tokio::{
    signal::unix::{Signal as Heard, SignalKind, signal},
    time::{Instant, sleep},
};
use tracing::{info, warn};

use crate::{
    Proxy, ProxyConfig,
    admin::{AdminView, HEALTHY_SILENCE_MAX},
    notify::{News, Notify},
    shutdown::{Shutdown, Signal},
};

/// The signals that end a proxy.
pub(super) struct Signals {
    interrupt: Heard,
    terminate: Heard,
}

impl Signals {
    pub(super) fn new() -> io::Result<Self> {
        let (interrupt, terminate) = (SignalKind::interrupt(), SignalKind::terminate());
        Ok(Self { interrupt: signal(interrupt)?, terminate: signal(terminate)? })
    }

    pub(super) async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.interrupt.recv() => Signal::Interrupt,
            _ = self.terminate.recv() => Signal::Terminate,
        }
    }
}

/// Serves until it is told to stop and all that was asked is answered, or nobody wants to wait for
/// that. Returns the exit code.
pub(super) async fn live(
    config: &ProxyConfig,
    proxy: Proxy,
    mut signals: Signals,
    notify: &Notify,
) -> u8 {
    tell(notify, &News::Ready);
    let view = proxy.view().clone();
    let mut alive = std::pin::pin!(tell_alive(notify, &view));
    let mut serving = Some(proxy);
    let mut draining = None;
    let mut state = Shutdown::Running;
    loop {
        tokio::select! {
            signal = signals.next() => {
                let drain = config.limits.drain_deadline;
                state = state.handle_signal(signal, Instant::now(), drain);
            }
            () = drained(&mut draining) => state = state.handle_clients(0),
            () = &mut alive => {}
        }
        match state {
            Shutdown::Running => {}
            Shutdown::Draining { since, .. } => {
                if let Some(proxy) = serving.take() {
                    info!(signal = since.name(), clients = view.connected(), "stopping");
                    tell(notify, &News::Stopping);
                    draining = Some(Box::pin(proxy.drain()));
                }
            }
            Shutdown::Over { code } => return code,
        }
    }
}

async fn drained(draining: &mut Option<Pin<Box<impl Future<Output = ()>>>>) {
    match draining {
        Some(draining) => draining.await,
        None => pending().await,
    }
}

/// Tells the manager that the proxy is alive, as long as all of it is. Never ends.
async fn tell_alive(notify: &Notify, view: &AdminView) {
    let Some(every) = notify.alive_every() else { return pending().await };
    loop {
        let now = Instant::now();
        if view.workers().iter().all(|worker| worker.silent(now) <= HEALTHY_SILENCE_MAX) {
            tell(notify, &News::Alive);
        }
        sleep(every).await;
    }
}

fn tell(notify: &Notify, news: &News<'_>) {
    if let Err(error) = notify.tell(news) {
        warn!(%error, "the service manager cannot be told");
    }
}
