//! What the admin port answers to which path.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{RawQuery, Request, State},
    http::{HeaderName, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
    routing::get,
};
use serde::Serialize;
use serde_json::{Value, json};
use slotway_protocol::Slot;
use tokio::{
    sync::Semaphore,
    task::spawn_blocking,
    time::{Instant, timeout},
};

use super::{
    api::{NodesView, TopologyView},
    view::{AdminView, Phase},
};
use crate::metrics::{self, WorkerMetrics};

/// A worker that has been silent for longer is thought to hang.
pub const HEALTHY_SILENCE_MAX: Duration = Duration::from_secs(5);

/// As many clients are shown, if not fewer are asked for.
pub const SESSIONS_SHOWN_MAX: usize = 1000;

/// As many lines of the log.
const LINES_SHOWN_MAX: usize = 256;

/// A look takes no longer than this.
const LOOK_TIME_MAX: Duration = Duration::from_secs(5);

const INDEX: &str = "slotway admin port

  /healthz           whether the process is alive: every worker has said so lately
  /readyz            whether clients are served: all slots have an owner, and nothing is being shut down
  /metrics           numbers for Prometheus
  /api/v1/topology   shards, nodes, slots, and what the loss of a host would do
  /api/v1/nodes      the way to each node: connections, requests, what went wrong
  /api/v1/clients    who is connected; ?limit=N
  /api/v1/config     the configuration that is in force, without secrets
  /api/v1/log        the newest lines of the log; ?limit=N
";

/// What all pages share.
#[derive(Clone, Debug)]
struct Shared {
    view: Arc<AdminView>,
    addr: SocketAddr,
    /// How many more looks may be under way; one that hangs keeps its place.
    looks: Arc<Semaphore>,
}

/// All pages, of a port that is bound to `addr`.
pub(super) fn router(view: Arc<AdminView>, addr: SocketAddr, looks_max: usize) -> Router {
    let shared = Shared { view, addr, looks: Arc::new(Semaphore::new(looks_max)) };
    Router::new()
        .route("/", get(async || text(StatusCode::OK, "text/plain; charset=utf-8", INDEX.into())))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(numbers))
        .route("/api/v1/topology", get(topology))
        .route("/api/v1/nodes", get(nodes))
        .route("/api/v1/clients", get(clients))
        .route("/api/v1/config", get(config))
        .route("/api/v1/log", get(log))
        .fallback(async || error(StatusCode::NOT_FOUND, "no such page; / lists all of them"))
        .method_not_allowed_fallback(async || {
            error(StatusCode::METHOD_NOT_ALLOWED, "nothing can be changed here: GET alone")
        })
        .layer(middleware::from_fn_with_state(shared.clone(), own_host_only))
        .with_state(shared)
}

async fn healthz(State(shared): State<Shared>) -> Response {
    let workers = shared.view.workers();
    match hanging(&workers, Instant::now()) {
        None => json(StatusCode::OK, &json!({ "status": "ok", "workers": workers.len() })),
        Some((_, reason)) => not_ok("unhealthy", &reason),
    }
}

async fn readyz(State(shared): State<Shared>) -> Response {
    shared
        .look(|view| {
            match view.phase() {
                Phase::Starting => return not_ok("starting", "no client is accepted yet"),
                Phase::Draining => return not_ok("draining", "no more clients are accepted"),
                Phase::Serving => {}
            }
            let workers = view.workers();
            if let Some((many, reason)) = hanging(&workers, Instant::now())
                && many == workers.len()
            {
                return not_ok("hanging", &reason);
            }
            let overview = view.overview();
            if !overview.is_complete() {
                let open = usize::from(Slot::COUNT).saturating_sub(overview.topology().covered());
                return not_ok(
                    "incomplete",
                    &format!("{open} of {} slots have no owner", Slot::COUNT),
                );
            }
            json(StatusCode::OK, &json!({ "status": "ready" }))
        })
        .await
}

async fn numbers(State(shared): State<Shared>) -> Response {
    shared
        .look(|view| text(StatusCode::OK, metrics::CONTENT_TYPE, view.metrics(Instant::now())))
        .await
}

async fn topology(State(shared): State<Shared>) -> Response {
    shared.look(|view| json(StatusCode::OK, &TopologyView::of(&view.overview()))).await
}

async fn nodes(State(shared): State<Shared>) -> Response {
    shared.look(|view| json(StatusCode::OK, &NodesView::of(view.overview()))).await
}

async fn clients(State(shared): State<Shared>, RawQuery(query): RawQuery) -> Response {
    match limit(query.as_deref(), SESSIONS_SHOWN_MAX) {
        Err(reason) => error(StatusCode::BAD_REQUEST, reason),
        Ok(most) => {
            shared
                .look(move |view| json(StatusCode::OK, &view.sessions(most, Instant::now())))
                .await
        }
    }
}

async fn config(State(shared): State<Shared>) -> Response {
    shared.look(|view| json(StatusCode::OK, view.config())).await
}

async fn log(State(shared): State<Shared>, RawQuery(query): RawQuery) -> Response {
    match limit(query.as_deref(), LINES_SHOWN_MAX) {
        Err(reason) => error(StatusCode::BAD_REQUEST, reason),
        Ok(most) => {
            shared
                .look(move |view| {
                    let lines = view.log().newest(most);
                    let lines: Vec<_> = lines.iter().map(AsRef::as_ref).collect();
                    json(StatusCode::OK, &json!({ "lost": view.log_dropped(), "lines": lines }))
                })
                .await
        }
    }
}

impl Shared {
    /// Looks at the proxy on a thread that may wait, and not for ever.
    async fn look(&self, look: impl FnOnce(&AdminView) -> Response + Send + 'static) -> Response {
        let view = self.view.clone();
        let looks = self.looks.clone();
        let looked = async {
            let permit = looks.acquire_owned().await.ok();
            let looked = spawn_blocking(move || {
                let looked = look(&view);
                drop(permit);
                looked
            });
            looked.await.unwrap_or_else(|_| {
                error(StatusCode::INTERNAL_SERVER_ERROR, "a defect in slotway; the log tells more")
            })
        };
        let looked = timeout(LOOK_TIME_MAX, looked).await;
        looked.unwrap_or_else(|_| {
            error(
                StatusCode::SERVICE_UNAVAILABLE,
                "a worker did not let itself be looked at in time",
            )
        })
    }
}

/// A page of some site whose name leads here must not read through its visitors what is meant for this
/// machine alone: a port that only this machine reaches is asked by its address, or as `localhost`.
async fn own_host_only(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    if shared.addr.ip().is_loopback() && !host.is_none_or(is_this_machine) {
        return error(StatusCode::FORBIDDEN, "ask by address, or for localhost");
    }
    next.run(request).await
}

fn is_this_machine(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        Some(_) | None => host,
    };
    let address = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost") || address.parse::<std::net::IpAddr>().is_ok()
}

/// How many workers have been silent for too long, and what to say of the worst.
fn hanging(workers: &[Arc<WorkerMetrics>], now: Instant) -> Option<(usize, String)> {
    let silent = workers.iter().map(|worker| worker.silent(now)).enumerate();
    let silent: Vec<_> = silent.filter(|(_, time)| *time > HEALTHY_SILENCE_MAX).collect();
    let (number, time) = silent.iter().max_by_key(|(_, time)| *time)?;
    let seconds = time.as_secs_f64();
    Some((silent.len(), format!("worker {number} has been silent for {seconds:.1} s")))
}

/// `limit=N` of a query, at most `most`.
fn limit(query: Option<&str>, most: usize) -> Result<usize, &'static str> {
    let Some(query) = query.filter(|query| !query.is_empty()) else { return Ok(most) };
    let number = query.strip_prefix("limit=").and_then(|number| number.parse::<usize>().ok());
    number.map(|number| number.min(most)).ok_or("the only parameter is limit=N")
}

fn not_ok(status: &str, reason: &str) -> Response {
    json(StatusCode::SERVICE_UNAVAILABLE, &json!({ "status": status, "reason": reason }))
}

fn error(status: StatusCode, reason: &str) -> Response {
    json(status, &json!({ "error": reason }))
}

fn json(status: StatusCode, value: &impl Serialize) -> Response {
    let written = serde_json::to_string(value).map(|mut written| {
        written.push('\n');
        written
    });
    match written {
        Ok(written) => text(status, "application/json", written),
        Err(_) => text(
            StatusCode::INTERNAL_SERVER_ERROR,
            "application/json",
            Value::from("it cannot be written as JSON").to_string(),
        ),
    }
}

fn text(status: StatusCode, content_type: &'static str, body: String) -> Response {
    const HEADERS: [(HeaderName, &str); 2] =
        [(header::CACHE_CONTROL, "no-store"), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")];
    (status, [(header::CONTENT_TYPE, content_type)], HEADERS, body).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_worker_that_is_silent_for_too_long_hangs() {
        let workers = [0, 1].map(|_| Arc::new(WorkerMetrics::new(1)));
        tokio::time::advance(HEALTHY_SILENCE_MAX).await;
        assert_eq!(hanging(&workers, Instant::now()), None);
        workers[0].beat(Instant::now());
        tokio::time::advance(Duration::from_millis(2500)).await;
        let reason = "worker 1 has been silent for 7.5 s".to_owned();
        assert_eq!(hanging(&workers, Instant::now()), Some((1, reason)));
    }

    #[test]
    fn a_port_of_this_machine_is_asked_by_address_or_as_localhost() {
        for host in ["127.0.0.1:9379", "localhost", "LOCALHOST:80", "[::1]:9379", "10.0.0.1"] {
            assert!(is_this_machine(host), "{host}");
        }
        for host in ["evil.example", "localhost.evil.example:9379", "127.0.0.1.evil.example", ""] {
            assert!(!is_this_machine(host), "{host}");
        }
    }

    #[test]
    fn a_limit_is_a_number_and_has_a_limit() {
        assert_eq!(limit(None, 10), Ok(10));
        assert_eq!(limit(Some(""), 10), Ok(10));
        assert_eq!(limit(Some("limit=3"), 10), Ok(3));
        assert_eq!(limit(Some("limit=30"), 10), Ok(10));
        assert!(limit(Some("limit=-1"), 10).is_err() && limit(Some("x=1"), 10).is_err());
    }
}
