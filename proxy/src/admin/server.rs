//! Serves HTTP within bounds.

use std::{pin::pin, sync::Arc, time::Duration};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, oneshot},
    task::JoinSet,
    time::{sleep, timeout},
};
use tracing::warn;

/// As many connections are served at once; more wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 64;

/// A request's line and headers are no longer than this.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// No more headers than this.
const HEADERS_MAX: usize = 64;

/// A request's head comes in this time, also the next one on a connection that is kept.
const HEAD_TIME_MAX: Duration = Duration::from_secs(20);

/// A connection is kept for as long as this.
const CONNECTION_TIME_MAX: Duration = Duration::from_secs(300);

/// What is being answered then has this long to end.
const LAST_ANSWER_MAX: Duration = Duration::from_secs(5);

/// How long to wait when no connection can be accepted, since there are too many open files.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// Serves until it is told to stop, or whoever would tell it is gone.
pub(super) async fn serve(listener: TcpListener, router: Router, stopped: oneshot::Receiver<()>) {
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    let mut stopped = pin!(stopped);
    loop {
        let accepted = async {
            let permit = room.clone().acquire_owned().await;
            (listener.accept().await, permit)
        };
        let (accepted, permit) = tokio::select! {
            _ = &mut stopped => return,
            accepted = accepted => accepted,
        };
        while connections.try_join_next().is_some() {}
        match accepted {
            Ok((stream, _)) => {
                let router = router.clone();
                connections.spawn(async move {
                    connection(stream, router).await;
                    drop(permit);
                });
            }
            Err(error) => {
                warn!(%error, "the admin port cannot accept a connection");
                sleep(ACCEPT_AGAIN).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, router: Router) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME_MAX)
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut connection = pin!(connection);
    // What goes wrong with a connection concerns only whoever made it.
    if timeout(CONNECTION_TIME_MAX, connection.as_mut()).await.is_err() {
        connection.as_mut().graceful_shutdown();
        let _ = timeout(LAST_ANSWER_MAX, connection).await;
    }
}
