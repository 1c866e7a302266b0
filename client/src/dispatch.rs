//! From a command to the nodes it goes to, and back.

use std::sync::Arc;

use bytes::Bytes;
use slotway_protocol::{
    Audience, Block, Command, Delivery, Merge, Merger, Pin, Plan, RetryClass, Split,
};

use tracing::Instrument as _;

use crate::{
    Client, Error,
    client::Commands,
    follow::{Route, follow},
    node::Node,
    request::Request,
    state,
};

impl Client {
    /// Sends a command to where it belongs. The reply is as it came from the socket.
    ///
    /// Whoever looks at spans of level TRACE sees each call, with the command's name and nothing of
    /// its arguments.
    pub(crate) async fn call_raw(&self, command: Command<'_>) -> Result<Bytes, Error> {
        let reply = if tracing::enabled!(tracing::Level::TRACE) {
            let name = String::from_utf8_lossy(command.name());
            let span = tracing::trace_span!("call", command = %name);
            Box::pin(self.dispatch(command).instrument(span)).await
        } else {
            self.dispatch(command).await
        };
        self.forget_written(&command);
        reply
    }

    async fn dispatch(&self, command: Command<'_>) -> Result<Bytes, Error> {
        let Commands { table, rules, .. } = &*self.commands;
        let cluster = &*self.cluster;
        let request = |class| Request::new(command.bytes(), class, self.terms);
        match Plan::of(&command, table, rules) {
            Plan::Single { slot, class: RetryClass::Read } if self.terms.cached => {
                match &cluster.cache {
                    Some(cache) => Box::pin(self.read_cached(command, slot, cache)).await,
                    None => follow(cluster, request(RetryClass::Read), Route::Slot(slot)).await,
                }
            }
            Plan::Single { slot, class } => {
                follow(cluster, request(class), Route::Slot(slot)).await
            }
            Plan::AnyNode { class } => {
                state::check(&command, table)?;
                follow(cluster, request(class), Route::Any).await
            }
            Plan::Answer(_) => {
                state::check(&command, table)?;
                let class = self.class_of(&command);
                follow(cluster, request(class), Route::Any).await
            }
            // The state of what is rare must not make every call carry its size.
            Plan::Split(split) => Box::pin(self.split(command, &split)).await,
            Plan::Broadcast { to, merge, class } => {
                Box::pin(self.broadcast(command, to, merge, class)).await
            }
            Plan::Scan(_) => Box::pin(self.scan_page(command)).await,
            Plan::Pinned { why: Pin::Blocking, slot } => {
                let request = request(RetryClass::Never).blocking(Block::of(&command));
                follow(cluster, request, slot.map_or(Route::Any, Route::Slot)).await
            }
            Plan::Pinned { why, .. } => Err(state::needs_its_own(why)),
            Plan::Refused(refusal) => {
                Err(Error::Refused(String::from_utf8_lossy(&refusal.text(&command)).into_owned()))
            }
        }
    }

    /// Whether a command may be sent again, as far as its name and arguments tell.
    pub(crate) fn class_of(&self, command: &Command<'_>) -> RetryClass {
        let spec = self.commands.table.lookup(command);
        spec.map_or(RetryClass::Never, |spec| spec.retry_class(command))
    }

    /// Sends the parts of a command to their slots at once, and merges the replies.
    async fn split(&self, command: Command<'_>, split: &Split) -> Result<Bytes, Error> {
        let encode = |part| {
            let mut bytes = Vec::new();
            split.encode_part(part, &command, &mut bytes);
            bytes
        };
        let parts: Vec<Vec<u8>> = split.parts().iter().map(encode).collect();
        let calls = parts.iter().zip(split.parts()).map(|(part, place)| {
            let request = Request::new(&part[..], split.class(), self.terms);
            follow(&self.cluster, request, Route::Slot(place.slot()))
        });
        merged(split.merger(), futures_util::future::join_all(calls).await)
    }

    /// Sends a command to many nodes at once, and merges the replies.
    async fn broadcast(
        &self,
        command: Command<'_>,
        to: Audience,
        merge: Merge,
        class: RetryClass,
    ) -> Result<Bytes, Error> {
        let routes = self.cluster.routes();
        let nodes: Vec<Arc<Node>> = match to {
            Audience::AllPrimaries => routes.primaries().cloned().collect(),
            Audience::AllNodes => routes.nodes().cloned().collect(),
        };
        drop(routes);
        let merger = Merger::new(merge, nodes.len());
        let request = Request::new(command.bytes(), class, self.terms);
        let calls = nodes.into_iter().map(|node| follow(&self.cluster, request, Route::Node(node)));
        merged(merger, futures_util::future::join_all(calls).await)
    }
}

/// Every part has to be answered, or the whole is not.
fn merged(mut merger: Merger, replies: Vec<Result<Bytes, Error>>) -> Result<Bytes, Error> {
    let may_have_run = |reply: &Result<Bytes, Error>| match reply {
        Ok(_) => true,
        Err(error) => error.delivery() == Delivery::MaybeSent,
    };
    let touched = replies.iter().any(may_have_run);
    for (part, reply) in replies.into_iter().enumerate() {
        match reply {
            Ok(frame) => merger.add(part, frame),
            // That no byte of this part was sent says nothing of the others.
            Err(error) if touched => return Err(Error::Partly { source: Arc::new(error) }),
            Err(error) => return Err(error),
        }
    }
    let mut frame = Vec::new();
    merger.finish(&mut frame);
    Ok(frame.into())
}

#[cfg(test)]
mod tests {
    use slotway_protocol::NodeAddr;

    use super::*;

    fn refused() -> Result<Bytes, Error> {
        Err(Error::Refused("no".to_owned()))
    }

    fn check(replies: Vec<Result<Bytes, Error>>, expected: Result<&str, Delivery>) {
        let merged = merged(Merger::new(Merge::Sum, replies.len()), replies);
        let got = merged.map(|frame| String::from_utf8_lossy(&frame).into_owned());
        assert_eq!(got.map_err(|error| error.delivery()), expected.map(str::to_owned));
    }

    #[test]
    fn what_was_done_in_part_may_have_been_done() {
        let one = || Ok(Bytes::from(":1\r\n"));
        check(vec![one(), one()], Ok(":2\r\n"));
        check(vec![refused(), refused()], Err(Delivery::NotSent));
        check(vec![refused(), one()], Err(Delivery::MaybeSent));
        check(vec![one(), refused()], Err(Delivery::MaybeSent));
        let unknown = Err(Error::Unknown { node: NodeAddr::new("a", 1) });
        check(vec![refused(), unknown], Err(Delivery::MaybeSent));
    }
}
