//! One process of a server, held for as long as a cursor of it means anything.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use slotway_protocol::{
    CommandBuf, Delivery, GiveUp, NodeId, Notice, Origin, ReplyLimits, Topology, Value,
};
use tokio::time::Instant;

use super::standing::Standing;
use crate::{
    Client, Error,
    connection::{Connection, Ended, Manner},
    node::{Node, NotSent},
};

/// A node, as the process that it is now.
///
/// A cursor is a position in the hash table of one process: to the process that takes over, and to
/// the one that starts anew at the same address, it is a random number.
#[derive(Clone, Debug)]
pub(super) struct Seat {
    node: Arc<Node>,
    connection: Arc<Connection>,
    /// What the process calls itself, if it says so.
    run: Option<String>,
}

/// Why a walk does not go on at once.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The node is not the one to ask now: things have to settle first.
    Passing(Error),
    /// The node answers, and will answer the same again.
    Lasting(Error),
    /// The node sent the command elsewhere.
    Elsewhere(Notice),
    /// What answers is not the process that the cursor is of.
    Replaced,
}

impl Seat {
    /// Connects to a node, unless that is done already.
    pub(super) async fn take(node: &Arc<Node>, deadline: Instant) -> Result<Self, Trouble> {
        let connection = connect(node, deadline).await?;
        Ok(Self { node: node.clone(), connection, run: None })
    }

    /// The node that is held.
    pub(super) fn node(&self) -> &Arc<Node> {
        &self.node
    }

    /// Holds the same process by a connection of this client, which may be another one than before.
    pub(super) async fn move_to(
        &mut self,
        client: &Client,
        deadline: Instant,
    ) -> Result<(), Trouble> {
        let node = client.cluster.routes().node_at(self.node.addr()).cloned();
        let node = node.ok_or(Trouble::Replaced)?;
        if !Arc::ptr_eq(&node, &self.node) {
            self.connection = connect(&node, deadline).await?;
            self.node = node;
            self.recognize(deadline).await?;
        }
        Ok(())
    }

    /// Whether it is still this process at the other end of a new connection.
    async fn recognize(&self, deadline: Instant) -> Result<(), Trouble> {
        let run = self.process(deadline).await?;
        if run.is_none() || run != self.run { Err(Trouble::Replaced) } else { Ok(()) }
    }

    /// Asks the process what it calls itself, so that it is known again over another connection.
    pub(super) async fn identify(&mut self, deadline: Instant) -> Result<(), Trouble> {
        if self.run.is_none() {
            self.run = self.process(deadline).await?;
        }
        Ok(())
    }

    /// Sends a command to this very process, over another connection if the last one is gone.
    pub(super) async fn ask(
        &mut self,
        command: &CommandBuf,
        manner: Manner,
        deadline: Instant,
    ) -> Result<Bytes, Trouble> {
        self.reconnect(deadline).await?;
        match self.send(command, manner, deadline).await {
            // That the last one was gone was not known yet. The command only reads.
            Err(Trouble::Passing(_)) if self.connection.is_closed() => {
                self.reconnect(deadline).await?;
                self.send(command, manner, deadline).await
            }
            sent => sent,
        }
    }

    /// Makes another connection to the same process, if the last one is gone.
    async fn reconnect(&mut self, deadline: Instant) -> Result<(), Trouble> {
        if self.connection.is_closed() {
            self.connection = connect(&self.node, deadline).await?;
            self.recognize(deadline).await?;
        }
        Ok(())
    }

    /// How the node stands in the cluster, in its own words; and which process says so.
    pub(super) async fn standing(&mut self, deadline: Instant) -> Result<Standing, Trouble> {
        self.identify(deadline).await?;
        let nodes = self.value(&["CLUSTER", "NODES"], deadline).await?;
        if nodes.as_error() == Some(b"ERR This instance has cluster support disabled") {
            return Ok(Standing::alone());
        }
        let transport = self.node.config().transport();
        let origin = Origin { addr: self.node.addr().clone(), transport };
        let topology = Topology::from_nodes(&nodes, &origin).map_err(|_| self.unfit())?;
        let info = self.value(&["CLUSTER", "INFO"], deadline).await?;
        // A node without a majority may have been replaced without knowing it.
        if !info.as_str().is_some_and(|info| info.contains("cluster_state:ok")) {
            return Err(self.unfit());
        }
        let own = nodes.as_str().and_then(own_id).ok_or_else(|| self.unfit())?;
        Standing::of(&topology, own).ok_or_else(|| self.unfit())
    }

    /// That the node is not one to ask now.
    fn unfit(&self) -> Trouble {
        let waited = Duration::ZERO;
        Trouble::Passing(Error::GaveUp(GiveUp::Unreachable { waited }))
    }

    /// What the process calls itself; nothing if it does not say, as to users who may not ask.
    async fn process(&self, deadline: Instant) -> Result<Option<String>, Trouble> {
        let command = command(&["INFO", "server"])?;
        let frame = match self.send(&command, Manner::Plain, deadline).await {
            Ok(frame) => frame,
            Err(Trouble::Lasting(_)) => return Ok(None),
            Err(trouble) => return Err(trouble),
        };
        let info = decode(&frame)?;
        let lines = info.as_str().unwrap_or_default().lines();
        Ok(lines.filter_map(|line| line.strip_prefix("run_id:")).map(str::to_owned).next())
    }

    async fn value(&mut self, words: &[&str], deadline: Instant) -> Result<Value, Trouble> {
        let frame = match self.ask(&command(words)?, Manner::Plain, deadline).await {
            // A standalone server, and it says so in an error.
            Err(Trouble::Lasting(Error::Server { code, message })) => {
                return Ok(Value::Error(format!("{code} {message}").into()));
            }
            frame => frame?,
        };
        decode(&frame)
    }

    async fn send(
        &self,
        command: &CommandBuf,
        manner: Manner,
        deadline: Instant,
    ) -> Result<Bytes, Trouble> {
        let (bytes, sent) = (command.as_command().bytes(), Instant::now());
        let call = self.connection.send(bytes, manner, deadline);
        let addr = self.node.addr();
        let call = call.map_err(|_| Trouble::Passing(Error::Unknown { node: addr.clone() }))?;
        let frame = match call.await {
            Ended::Reply(frame) => frame,
            Ended::Lost(_) => {
                return Err(Trouble::Passing(Error::Unknown { node: addr.clone() }));
            }
            Ended::Late(_) => {
                return Err(Trouble::Passing(Error::Late {
                    node: addr.clone(),
                    waited: sent.elapsed(),
                    delivery: Delivery::MaybeSent,
                }));
            }
        };
        if let Some(notice) = Notice::of_reply(&frame, addr) {
            return Err(Trouble::Elsewhere(notice));
        }
        match frame.first() {
            Some(b'-' | b'!') => Err(Trouble::Lasting(refusal(&frame)?)),
            _ => Ok(frame),
        }
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Lasting(error)
    }
}

/// A command of our own.
pub(super) fn command<W: AsRef<[u8]>>(words: &[W]) -> Result<CommandBuf, Error> {
    CommandBuf::new(words).map_err(|error| Error::Refused(error.to_string()))
}

/// A reply that is no error.
pub(super) fn decode(frame: &Bytes) -> Result<Value, Trouble> {
    Ok(Value::decode(frame, &ReplyLimits::default()).map_err(Error::from)?)
}

fn refusal(frame: &Bytes) -> Result<Error, Trouble> {
    let value = decode(frame)?;
    Ok(Error::from_server(value.as_error().unwrap_or_default()))
}

async fn connect(node: &Arc<Node>, deadline: Instant) -> Result<Arc<Connection>, Trouble> {
    let started = Instant::now();
    node.connection(Manner::Plain, deadline).await.map_err(|reason| {
        let waited = started.elapsed();
        Trouble::Passing(match reason {
            NotSent::Late => {
                Error::Late { node: node.addr().clone(), waited, delivery: Delivery::NotSent }
            }
            NotSent::Unreachable(_) | NotSent::Full(_) | NotSent::AllLeased => {
                Error::GaveUp(GiveUp::Unreachable { waited })
            }
        })
    })
}

/// The id of the node that gave this answer to CLUSTER NODES.
fn own_id(nodes: &str) -> Option<NodeId> {
    let own = |line: &&str| {
        let flags = line.split(' ').nth(2);
        flags.is_some_and(|flags| flags.split(',').any(|flag| flag == "myself"))
    };
    NodeId::parse(nodes.lines().find(own)?.split(' ').next()?.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Limits,
        stage::{Player, client, line},
    };

    async fn says_who_it_is(player: &mut Player, run: &str) {
        assert_eq!(player.hears().await.unwrap(), "INFO server");
        let info = format!("run_id:{run}\r\n");
        player.says(&format!("${}\r\n{info}\r\n", info.len())).await;
    }

    /// What comes of a question whose connection is lost when it was sent, if the next one leads to
    /// this process.
    async fn asked_again(run: &str) -> Result<Bytes, Trouble> {
        let client = client(&[line(1, "0-16383", 1)], Limits::default());
        let mut first = Player::of(&client, 1);
        let node = client.cluster.routes().nodes().next().unwrap().clone();
        let deadline = Instant::now() + Duration::from_secs(5);
        let mut seat = Seat::take(&node, deadline).await.unwrap_or_else(|_| unreachable!());
        let scan = command(&["SCAN", "7"]).unwrap();
        let asks = async {
            seat.identify(deadline).await?;
            seat.ask(&scan, Manner::Plain, deadline).await
        };
        let plays = async {
            says_who_it_is(&mut first, "one").await;
            assert_eq!(first.hears().await.unwrap(), "SCAN 7");
            let mut second = Player::of(&client, 1);
            drop(first);
            says_who_it_is(&mut second, run).await;
            if second.hears().await.as_deref() == Some("SCAN 7") {
                second.says("*2\r\n$1\r\n0\r\n*0\r\n").await;
            }
        };
        tokio::select! {
            asked = asks => asked,
            () = async { plays.await; std::future::pending().await } => unreachable!(),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_process_is_asked_again_over_another_connection_and_no_other_is() {
        let frame = asked_again("one").await.unwrap();
        assert_eq!(frame, "*2\r\n$1\r\n0\r\n*0\r\n");
        let other = asked_again("two").await.unwrap_err();
        assert!(matches!(other, Trouble::Replaced), "{other:?}");
    }
}
