//! The client as a service of tower, so that its layers fit around it.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use slotway_protocol::Value;
use tower_service::Service;

use crate::{Client, Cmd, Error, NodeClient};

/// The reply to a [`Cmd`] that was handed to a [`Client`] or a [`NodeClient`] as a service.
///
/// It is boxed, as the future of an async function has no name: one allocation for each call, which
/// [`Client::run`] does without. Dropped, it takes the command back, or sees to it that the reply is
/// dropped when it comes.
#[must_use = "futures do nothing unless polled"]
pub struct ResponseFuture(Pin<Box<dyn Future<Output = Result<Value, Error>> + Send>>);

impl ResponseFuture {
    fn new(reply: impl Future<Output = Result<Value, Error>> + Send + 'static) -> Self {
        Self(Box::pin(reply))
    }
}

impl Future for ResponseFuture {
    type Output = Result<Value, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl fmt::Debug for ResponseFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResponseFuture")
    }
}

/// Replies are as for [`Client::run`]: an error of the server is an error here.
///
/// It is always ready. Which node a command goes to is known only when it is there, and a place
/// cannot be kept on a connection that all share. So the bounds of
/// [`Limits::pipeline`](crate::Limits::pipeline) speak when the command is called: beyond them the
/// reply is [`Error::Overloaded`] at once, and nothing was sent. Whoever wants to wait instead, or to
/// shed load earlier, puts a concurrency limit around the client.
impl Service<Cmd> for Client {
    type Response = Value;
    type Error = Error;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, cmd: Cmd) -> ResponseFuture {
        let client = self.clone();
        ResponseFuture::new(async move { client.reply(&cmd).await })
    }
}

/// The same for a client that is only borrowed.
impl Service<Cmd> for &Client {
    type Response = Value;
    type Error = Error;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, cmd: Cmd) -> ResponseFuture {
        Service::call(&mut Client::clone(self), cmd)
    }
}

/// The same for one node: always ready, and [`Error::Overloaded`] when there is no room.
impl Service<Cmd> for NodeClient {
    type Response = Value;
    type Error = Error;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, cmd: Cmd) -> ResponseFuture {
        let node = self.clone();
        ResponseFuture::new(async move { node.reply(&cmd).await })
    }
}
