//! The values that labels have: all of them are known beforehand, so that nothing a client sends can
//! make another series.

use slotway_protocol::{Categories, CommandFlags, CommandSpec};

/// An enum whose members are values of a label.
macro_rules! label {
    ($(#[$doc:meta])* pub enum $label:ident {
        $($(#[$member_doc:meta])* $member:ident = $word:literal,)+
    }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        pub enum $label {
            $($(#[$member_doc])* $member,)+
        }

        impl $label {
            /// All of them, each at the place that `as usize` gives.
            pub const ALL: [Self; [$($word),+].len()] = [$(Self::$member),+];

            /// The word in the label.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$member => $word,)+
                }
            }
        }
    };
}

label! {
    /// What became of a request.
    pub enum Outcome {
        /// It was answered.
        Ok = "ok",
        /// It was answered with an error.
        Error = "error",
        /// It was refused here, and no server saw it.
        Rejected = "rejected",
    }
}

label! {
    /// What kind of command it is, as far as its time goes.
    pub enum Group {
        /// It reads keys.
        Read = "read",
        /// It changes keys.
        Write = "write",
        /// It may wait for something to happen.
        Blocking = "blocking",
        /// It runs a script or a function, or has to do with them.
        Script = "script",
        /// It publishes or subscribes.
        Pubsub = "pubsub",
        /// It concerns the connection, a transaction or the server.
        Admin = "admin",
    }
}

label! {
    /// Why a client is no longer connected.
    pub enum Closed {
        /// It left.
        ByClient = "client",
        /// It said QUIT.
        Quit = "quit",
        /// Somebody said CLIENT KILL, or its user may no longer be here.
        Killed = "killed",
        /// It was idle for too long.
        Idle = "idle",
        /// It sent what is not the protocol.
        Protocol = "protocol_error",
        /// It sent a request larger than may be.
        InputLimit = "input_limit",
        /// It did not read its replies.
        OutputLimit = "output_limit",
        /// There were too many clients already.
        ClientLimit = "client_limit",
        /// The proxy is going away.
        Drained = "drain",
        /// Its socket failed.
        Broken = "io_error",
        /// A defect in the proxy ended it, and it alone.
        Panicked = "panic",
    }
}

label! {
    /// A bound that was met. Each one is the name of a setting.
    pub enum Limit {
        /// Connected clients.
        Clients = "clients",
        /// Requests of one client that wait for a reply.
        Pipeline = "pipeline",
        /// Bytes of one request.
        Request = "request_bytes",
        /// Bytes of replies that a client has not read.
        Output = "output_bytes",
        /// Requests that wait for a slot to have a primary again.
        Held = "held_requests",
        /// The bytes of those.
        HeldBytes = "held_bytes",
        /// Connections of their own, for what waits or watches.
        Leases = "leases",
        /// Requests on their way to one node.
        InFlight = "in_flight",
        /// Channels and patterns that are listened to.
        Subscriptions = "subscriptions",
    }
}

/// First words of errors, by which clients tell them apart; any other counts as `other`.
pub(super) const ERROR_PREFIXES: [&str; 30] = [
    "ERR",
    "WRONGTYPE",
    "CROSSSLOT",
    "CLUSTERDOWN",
    "UNKNOWNOUTCOME",
    "NOAUTH",
    "WRONGPASS",
    "NOPERM",
    "NOPROTO",
    "NOSCRIPT",
    "EXECABORT",
    "OOM",
    "MISCONF",
    "READONLY",
    "NOREPLICAS",
    "LOADING",
    "MASTERDOWN",
    "TRYAGAIN",
    "MOVED",
    "ASK",
    "BUSY",
    "BUSYKEY",
    "BUSYGROUP",
    "NOGROUP",
    "UNKILLABLE",
    "NOTBUSY",
    "NOGOODSLAVE",
    "INPROG",
    "UNBLOCKED",
    "DENIED",
];

/// What stands for whatever is in no table of ours.
pub(super) const OTHER: &str = "other";

impl Group {
    /// The group of a command.
    #[inline]
    pub fn of(spec: &CommandSpec) -> Self {
        let (flags, categories) = (spec.flags(), spec.categories());
        if flags.contains(CommandFlags::BLOCKING) {
            Self::Blocking
        } else if categories.contains(Categories::SCRIPTING) {
            Self::Script
        } else if categories.contains(Categories::PUBSUB) {
            Self::Pubsub
        } else if flags.contains(CommandFlags::WRITE) {
            Self::Write
        } else if flags.contains(CommandFlags::READONLY) {
            Self::Read
        } else {
            Self::Admin
        }
    }
}

/// Where the error's first word stands in [`ERROR_PREFIXES`], or behind them.
pub(super) fn error_place(error: &[u8]) -> usize {
    let text = error.strip_prefix(b"-").unwrap_or(error);
    let word = text.split(|byte| byte.is_ascii_whitespace()).next().unwrap_or_default();
    let known = ERROR_PREFIXES.iter().position(|prefix| prefix.as_bytes() == word);
    known.unwrap_or(ERROR_PREFIXES.len())
}

#[cfg(test)]
mod tests {
    use slotway_protocol::CommandTable;

    use super::*;

    #[track_caller]
    fn check(command: &str, group: Group) {
        let table = CommandTable::builtin();
        assert_eq!(Group::of(table.named(command).unwrap()), group, "{command}");
    }

    #[test]
    fn each_command_has_the_group_that_its_time_depends_on() {
        check("get", Group::Read);
        check("set", Group::Write);
        check("blpop", Group::Blocking);
        check("xread", Group::Blocking);
        check("eval", Group::Script);
        check("fcall_ro", Group::Script);
        check("script|load", Group::Script);
        check("publish", Group::Pubsub);
        check("ssubscribe", Group::Pubsub);
        check("ping", Group::Admin);
        check("exec", Group::Admin);
        check("config|get", Group::Admin);
    }

    #[test]
    fn each_member_of_a_label_has_its_place() {
        for (place, reason) in Closed::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, place, "{}", reason.name());
        }
        assert_eq!((Outcome::Rejected as usize, Outcome::ALL.len()), (2, 3));
        assert_eq!((Limit::Subscriptions as usize, Limit::ALL.len()), (8, 9));
    }

    #[test]
    fn an_error_counts_by_its_first_word_if_that_is_known() {
        let place = |prefix| ERROR_PREFIXES.iter().position(|known| *known == prefix).unwrap();
        assert_eq!(error_place(b"-ERR unknown command"), place("ERR"));
        assert_eq!(error_place(b"WRONGTYPE Operation"), place("WRONGTYPE"));
        assert_eq!(error_place(b"-BUSYKEY\r\n"), place("BUSYKEY"));
        assert_eq!(error_place(b"-secret:key is not here"), ERROR_PREFIXES.len());
        assert_eq!(error_place(b""), ERROR_PREFIXES.len());
    }
}
