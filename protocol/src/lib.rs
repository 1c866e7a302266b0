//! slotway-protocol decides; it never acts.
//!
//! Every item is a value, a function or a state machine over bytes that somebody else read. There
//! is no runtime, clock, socket, file, environment or random number in this crate: time and
//! randomness are arguments, so that any run can be repeated.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod command;
mod command_table;
mod encode;
mod merge;
mod node;
mod number;
mod plan;
mod reply;
mod slot;
mod spec;
mod value;

pub use command::{Command, CommandBuf, CommandTooLong};
pub use command_table::{CommandTable, CommandTableError, UnknownCommand};
pub use encode::{encode_command, encoded_len};
pub use merge::{Merge, Merger};
pub use node::{NodeAddr, NodeAddrError, NodeId};
pub use plan::{
    Audience, CrossSlot, CursorTooLarge, KeyInSlot, Part, Pin, Plan, PlanRules, Refusal,
    ScanCursor, ScanReplyError, SessionCommand, Split, UnknownName,
};
pub use reply::{Reply, ReplyError, ReplyKind, ReplyLimits, ReplyScan, ReplyScanner};
pub use slot::{Slot, hash_tag};
pub use spec::{
    Arity, Categories, CommandFlags, CommandSpec, Key, KeyBegin, KeyFind, KeyFlags, KeySpec, Keys,
    KeysError, RequestPolicy, ResponsePolicy, RetryClass,
};
pub use value::Value;
