//! slotway-protocol decides; it never acts.
//!
//! Every item is a value, a function or a state machine over bytes that somebody else read. There
//! is no runtime, clock, socket, file, environment or random number in this crate: time and
//! randomness are arguments, so that any run can be repeated.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod address_rules;
mod backoff;
mod block;
mod command;
mod command_table;
mod encode;
mod handshake;
mod merge;
mod node;
mod number;
mod order;
mod pipeline;
mod plan;
mod quote;
mod redirect;
mod reply;
mod request;
mod retry;
mod secret;
mod slot;
mod spec;
mod subscriptions;
mod table;
mod topology;
mod value;

pub use address_rules::{AddressRule, AddressRuleError, AddressRules};
pub use backoff::Backoff;
pub use block::{Block, lost_its_place};
pub use command::{Command, CommandBuf, CommandTooLong};
pub use command_table::{CommandTable, CommandTableError, UnknownCommand};
pub use encode::{encode_bulk, encode_command, encode_header, encoded_len};
pub use handshake::{
    Access, Credentials, Greeting, Handshake, HandshakeError, HandshakeStep, Negotiated, Protocol,
};
pub use merge::{Merge, Merger};
pub use node::{NodeAddr, NodeAddrError, NodeId};
pub use order::{Earlier, Sequence, SlotOrder, Turn};
pub use pipeline::{
    Abandoned, Answered, Pipeline, PipelineFull, PipelineLimits, UnexpectedReply, UnitId,
};
pub use plan::{
    CrossSlot, KeyInSlot, Part, Plan, PlanRules, Refusal, ScanCursor, Split, UnknownName,
};
pub use redirect::{GiveUp, Learn, Notice, Now, Redirect, RedirectLimits, Step, Target};
pub use reply::{Reply, ReplyError, ReplyKind, ReplyLimits, ReplyScan, ReplyScanner};
pub use request::{LoginState, RequestError, RequestLimits, RequestScan, RequestScanner};
pub use retry::{
    Delivery, Evidence, Mishap, Progress, Repeats, RetryClass, Verdict, aborted, unknown_outcome,
};
pub use secret::Secret;
pub use slot::{Slot, hash_tag};
pub use spec::{
    Arity, Audience, Categories, CommandFlags, CommandSpec, Key, KeyBegin, KeyFind, KeyFlags,
    KeySpec, Keys, KeysError, Pin, RequestPolicy, ResponsePolicy, SessionCommand,
};
pub use subscriptions::{
    Channel, ChannelKind, Heard, Published, Subscriptions, UnexpectedFrame, Wanted,
};
pub use table::{Moved, Node, SlotTable};
pub use topology::{
    Freshness, Health, NodeInfo, Origin, Shard, SlotMove, SlotRange, Topology, TopologyError,
    Transport,
};
pub use value::Value;
