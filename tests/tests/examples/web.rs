//! The web application: it listens, counts, and is ended.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Stdio},
};

use slotway_cluster::{Spec, TestServer};

/// Ended when the test ends, however that is.
struct App(Child);

impl Drop for App {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// The status and the body of an answer.
fn ask(address: &str, method: &str, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    let request =
        format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

fn check_app(url: &str) {
    // `cargo run` turns into the program, so that what is ended is the program.
    let mut cargo = super::example("slotway", "axum_app");
    cargo.args([url, "127.0.0.1:0"]).stdout(Stdio::piped());
    let mut app = App(cargo.spawn().unwrap());
    let mut line = String::new();
    BufReader::new(app.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("http://").unwrap();
    assert_eq!(ask(address, "GET", "/visits/home"), (404, "no visits\n".to_owned()));
    assert_eq!(ask(address, "POST", "/visits/home"), (200, "1".to_owned()));
    assert_eq!(ask(address, "POST", "/visits/home"), (200, "2".to_owned()));
    assert_eq!(ask(address, "GET", "/visits/home"), (200, "2".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_web_application_counts_visits() {
    let (cluster, url) = super::start(Spec::on(TestServer::Valkey91)).await;
    tokio::task::spawn_blocking(move || check_app(&url)).await.unwrap();
    drop(cluster);
}
