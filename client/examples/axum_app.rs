//! A web application that counts visits: the client is its state, cloned for each request.
//!
//! `axum_app URL ADDRESS`, where it listens at the address; `127.0.0.1:0` is any free port.

#![expect(clippy::print_stdout, reason = "it says where it listens")]

use axum::{
    Router,
    extract::{Path, State},
    http::StatusCode,
    routing::{get, post},
};
use slotway::{Client, Delivery, Error};

async fn visit(
    State(client): State<Client>,
    Path(page): Path<String>,
) -> Result<String, (StatusCode, String)> {
    let visits = client.incr(format!("visits:{page}")).await.map_err(respond)?;
    Ok(visits.to_string())
}

async fn visits(
    State(client): State<Client>,
    Path(page): Path<String>,
) -> Result<String, (StatusCode, String)> {
    let visits: Option<u64> = client.get(format!("visits:{page}")).await.map_err(respond)?;
    let none = || (StatusCode::NOT_FOUND, "no visits\n".to_owned());
    visits.map(|visits| visits.to_string()).ok_or_else(none)
}

/// A visit that was not counted may be sent again by whoever asked; of another nobody knows.
fn respond(error: Error) -> (StatusCode, String) {
    let status = match error.delivery() {
        Delivery::NotSent => StatusCode::SERVICE_UNAVAILABLE,
        Delivery::MaybeSent => StatusCode::INTERNAL_SERVER_ERROR,
    };
    (status, format!("{error}\n"))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let url = args.next();
    let address = args.next();
    let client = Client::connect(url.as_deref().unwrap_or("redis://127.0.0.1:17001")).await?;
    let app = Router::new()
        .route("/visits/{page}", post(visit))
        .route("/visits/{page}", get(visits))
        .with_state(client);
    let address = address.as_deref().unwrap_or("127.0.0.1:3000");
    let listener = tokio::net::TcpListener::bind(address).await?;
    println!("http://{}", listener.local_addr()?);
    axum::serve(listener, app).await?;
    Ok(())
}
