//! What is said between the running cluster, a second terminal, and people.

use serde::{Deserialize, Serialize};

use crate::{Error, ProcessState};

/// What a second terminal asks for.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "verb", rename_all = "snake_case")]
pub(crate) enum Request {
    Status,
    Kill { target: String },
    Stop { target: Option<String> },
    Start { target: String },
    Pause { target: String },
    Resume { target: String },
    Add { primary: bool },
}

/// What happened, as one line of JSON or of text.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Event {
    /// How the cluster is.
    Status(Status),
    /// Something was done, or happened.
    Note { text: String },
    /// A step of a failover.
    Step { after_ms: u64, text: String },
    /// It did not work.
    Failed { error: String, hint: Option<String>, code: u8 },
    /// All that was asked for is done.
    Done,
}

/// How a cluster is.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Status {
    pub(crate) server: String,
    pub(crate) dir: String,
    pub(crate) process: u32,
    pub(crate) shards: Vec<ShardStatus>,
    /// Who stands in front of it, if anybody does.
    pub(crate) proxy: Option<ProxyStatus>,
}

/// Where the proxy is.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct ProxyStatus {
    /// What any client is given.
    pub(crate) url: String,
    pub(crate) port: u16,
    /// Where health, metrics and the API are.
    pub(crate) admin: Option<String>,
}

impl ProxyStatus {
    pub(crate) fn of(port: u16, admin: Option<u16>) -> Self {
        let admin = admin.map(|port| format!("http://localhost:{port}"));
        Self { url: format!("redis://localhost:{port}"), port, admin }
    }

    fn text(&self) -> String {
        let admin = self.admin.as_ref().map(|admin| format!("\n  admin     {admin}"));
        format!("  proxy     {}{}", self.url, admin.unwrap_or_default())
    }
}

/// How one shard is.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct ShardStatus {
    pub(crate) name: String,
    pub(crate) slots: Vec<(u16, u16)>,
    pub(crate) nodes: Vec<NodeStatus>,
}

/// How one node is.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct NodeStatus {
    pub(crate) port: u16,
    pub(crate) id: String,
    pub(crate) role: NodeRole,
    pub(crate) state: ProcessState,
    pub(crate) host: Option<String>,
    pub(crate) process: Option<u32>,
}

/// What a node is to its shard now.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum NodeRole {
    Primary,
    Replica,
}

impl NodeRole {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Replica => "replica",
        }
    }
}

impl Event {
    pub(crate) fn note(text: impl Into<String>) -> Self {
        Self::Note { text: text.into() }
    }

    /// The form in which an error goes to a second terminal.
    pub(crate) fn failed(error: &Error) -> Self {
        Self::Failed { error: error.to_string(), hint: error.hint(), code: error.exit_code() }
    }

    /// The form for people; nothing when there is nothing to say.
    pub(crate) fn text(&self) -> Option<String> {
        match self {
            Self::Status(status) => Some(status.text()),
            Self::Note { text } => Some(format!("  {text}")),
            Self::Step { after_ms, text } => {
                let tenths = after_ms / 100;
                Some(format!("  +{}.{}s  {text}", tenths / 10, tenths % 10))
            }
            Self::Failed { .. } | Self::Done => None,
        }
    }
}

impl Status {
    fn text(&self) -> String {
        let proxy = self.proxy.as_ref().map(|proxy| format!("\n\n{}", proxy.text()));
        format!(
            "  {}   data {}   process {}\n\n{}{}",
            self.server,
            self.dir,
            self.process,
            shard_table(&self.shards),
            proxy.unwrap_or_default()
        )
    }
}

/// One line a shard: its slots and its nodes, the primary first.
pub(crate) fn shard_table(shards: &[ShardStatus]) -> String {
    let slots: Vec<_> = shards.iter().map(|shard| slot_text(&shard.slots)).collect();
    let width = slots.iter().map(String::len).max().unwrap_or(0);
    let mut lines = Vec::with_capacity(shards.len());
    for (shard, slots) in shards.iter().zip(&slots) {
        let nodes: Vec<_> = shard.nodes.iter().map(NodeStatus::text).collect();
        let name = shard.name.replace("shard", "shard ");
        lines.push(format!("  {name}   {slots:width$}   {}", nodes.join("   ")));
    }
    lines.join("\n")
}

impl NodeStatus {
    fn text(&self) -> String {
        let state = match self.state {
            ProcessState::Running => "",
            ProcessState::Paused => " (paused)",
            ProcessState::Dead => " (down)",
        };
        let host = self.host.as_ref().map(|host| format!(" on {host}")).unwrap_or_default();
        format!("{} :{}{host}{state}", self.role.name(), self.port)
    }
}

/// `0-5460 7000`, or `no slots`.
pub(crate) fn slot_text(slots: &[(u16, u16)]) -> String {
    if slots.is_empty() {
        return "no slots".into();
    }
    let range = |&(first, last): &(u16, u16)| {
        if first == last { first.to_string() } else { format!("{first}-{last}") }
    };
    slots.iter().map(range).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_is_one_line() {
        let node = |port, role, state| NodeStatus {
            port,
            id: String::new(),
            role,
            state,
            host: None,
            process: None,
        };
        let shards = [
            ShardStatus {
                name: "shard1".into(),
                slots: vec![(0, 5460), (7000, 7000)],
                nodes: vec![
                    node(17001, NodeRole::Primary, ProcessState::Running),
                    node(17004, NodeRole::Replica, ProcessState::Paused),
                ],
            },
            ShardStatus {
                name: "shard2".into(),
                slots: vec![],
                nodes: vec![node(17002, NodeRole::Primary, ProcessState::Dead)],
            },
        ];
        let expected = "  \
  shard 1   0-5460 7000   primary :17001   replica :17004 (paused)
  shard 2   no slots      primary :17002 (down)";
        assert_eq!(shard_table(&shards), expected);
    }

    #[test]
    fn an_event_reads_back_as_it_was_sent() {
        for event in [
            Event::Done,
            Event::note("x"),
            Event::Step { after_ms: 2249, text: "x".into() },
            Event::Failed { error: "a".into(), hint: None, code: 2 },
        ] {
            let json = serde_json::to_string(&event).unwrap();
            assert_eq!(serde_json::from_str::<Event>(&json).unwrap(), event, "{json}");
        }
        assert_eq!(
            Event::Step { after_ms: 2249, text: "x".into() }.text().as_deref(),
            Some("  +2.2s  x")
        );
    }
}
