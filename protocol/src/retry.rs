//! What becomes of a request whose connection broke, or that a server turned away.

use crate::NodeAddr;

/// Whether a request may have been executed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Delivery {
    /// It did not run: it never left whole, or the server turned it away unrun. Any request may be
    /// sent again.
    NotSent,
    /// It may have run: only what may run twice may be sent again.
    MaybeSent,
}

/// What may be done with a request whose outcome is unknown.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RetryClass {
    /// It changes nothing, and means the same on another connection: it may run any number of
    /// times.
    Read,
    /// It writes, and nobody said that it may run twice.
    Write,
    /// It writes, but leaves the same behind when it runs twice, and the user opted in to that.
    Idempotent,
    /// It must not run twice whatever the user opted in to: counters, pushes and pops, locks,
    /// everything that blocks, every command that is not known.
    Never,
    /// A script or a function: as [`Never`](Self::Never), and its errors prove nothing, since it
    /// can write first and return any error afterwards.
    Script,
    /// MULTI to EXEC, sent as one block.
    Transaction,
    /// EXEC of a transaction whose WATCH lives on the connection that broke.
    WatchedTransaction,
}

/// How far a request came before its connection broke.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Progress {
    /// No byte of it was written.
    NotSent,
    /// Some of it was written, and the rest never will be. A server runs only what it has read
    /// whole.
    PartlySent,
    /// All of it was written; nothing of a reply came.
    Sent,
    /// A part of the reply came, so it ran.
    ReplyStarted,
    /// A part of the reply came and was passed on.
    ReplyForwarded,
}

/// What happened to a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mishap {
    /// Its connection broke.
    Lost {
        /// How far it came.
        progress: Progress,
        /// How often it was sent again already after being sent whole and not answered.
        repeats: u32,
    },
    /// A server turned it away with an error that is a [`Notice`](crate::Notice).
    TurnedAway(Evidence),
    /// A server answered with any other error.
    Refused,
}

/// Whether an error proves that the request did not run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Evidence {
    /// The error alone; for a script it proves nothing.
    ErrorAlone,
    /// A fresh table agrees that the node could not have run it.
    TableAgrees,
}

/// What to do about it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// Send it again, within its deadline.
    SendAgain,
    /// Answer with [`unknown_outcome`]: it may have run.
    UnknownOutcome,
    /// Pass the server's error on, unchanged.
    Deliver,
    /// Answer with [`aborted`]: it did not run, and sending it again would not mean the same.
    Fail,
    /// Close the connection of whoever asked: they hold the start of a reply whose end is lost,
    /// and would take anything that follows for its rest.
    Close,
}

impl Verdict {
    /// What becomes of a request of this class after this mishap.
    ///
    /// Nothing that may have run is ever sent again, except what may run twice.
    pub fn of(class: RetryClass, mishap: Mishap) -> Self {
        match mishap {
            Mishap::Lost { progress, repeats } => Self::of_lost(class, progress, repeats),
            Mishap::TurnedAway(evidence) => Self::of_turned_away(class, evidence),
            Mishap::Refused => Self::Deliver,
        }
    }

    fn of_lost(class: RetryClass, progress: Progress, repeats: u32) -> Self {
        use RetryClass::{Idempotent, Never, Read, Script, Transaction, WatchedTransaction, Write};
        match (progress, class) {
            (Progress::ReplyForwarded, _) => Self::Close,
            // The watch is gone, so EXEC elsewhere would run what should be refused.
            (Progress::NotSent | Progress::PartlySent, WatchedTransaction) => Self::Fail,
            (Progress::PartlySent, Transaction) => Self::Fail,
            (Progress::NotSent | Progress::PartlySent, _) => Self::SendAgain,
            (Progress::Sent | Progress::ReplyStarted, Read) => Self::SendAgain,
            (Progress::Sent, Idempotent) if repeats == 0 => Self::SendAgain,
            (
                Progress::Sent | Progress::ReplyStarted,
                Write | Idempotent | Never | Script | Transaction | WatchedTransaction,
            ) => Self::UnknownOutcome,
        }
    }

    fn of_turned_away(class: RetryClass, evidence: Evidence) -> Self {
        match (class, evidence) {
            (RetryClass::Script, Evidence::ErrorAlone) => Self::UnknownOutcome,
            (RetryClass::WatchedTransaction, _) => Self::Fail,
            (
                RetryClass::Read
                | RetryClass::Write
                | RetryClass::Idempotent
                | RetryClass::Never
                | RetryClass::Script
                | RetryClass::Transaction,
                _,
            ) => Self::SendAgain,
        }
    }
}

impl Progress {
    /// Whether the request may have been executed.
    pub fn delivery(self) -> Delivery {
        match self {
            Self::NotSent | Self::PartlySent => Delivery::NotSent,
            Self::Sent | Self::ReplyStarted | Self::ReplyForwarded => Delivery::MaybeSent,
        }
    }
}

/// The error for a request that may have run on this node. Its code is one that no client library
/// sends a request again for by itself.
pub fn unknown_outcome(node: &NodeAddr) -> String {
    format!("UNKNOWNOUTCOME command may have been executed: connection to {node} lost")
}

/// The error for a transaction that did not run since the connection to this node broke.
pub fn aborted(node: &NodeAddr) -> String {
    format!("EXECABORT Transaction discarded: connection to {node} lost before EXEC")
}

#[cfg(test)]
mod tests {
    use super::{RetryClass as Class, *};

    const CLASSES: [Class; 7] = [
        Class::Read,
        Class::Write,
        Class::Idempotent,
        Class::Never,
        Class::Script,
        Class::Transaction,
        Class::WatchedTransaction,
    ];

    /// One row: what becomes of each class, in the order of [`CLASSES`].
    #[track_caller]
    fn check(mishap: Mishap, row: [Verdict; 7]) {
        assert_eq!(CLASSES.map(|class| Verdict::of(class, mishap)), row, "{mishap:?}");
    }

    fn lost(progress: Progress) -> Mishap {
        Mishap::Lost { progress, repeats: 0 }
    }

    #[test]
    fn what_did_not_run_is_sent_again() {
        use Verdict::{Fail, SendAgain as Again};
        check(lost(Progress::NotSent), [Again, Again, Again, Again, Again, Again, Fail]);
        check(lost(Progress::PartlySent), [Again, Again, Again, Again, Again, Fail, Fail]);
    }

    #[test]
    fn what_may_have_run_is_sent_again_only_if_it_may_run_twice() {
        use Verdict::{SendAgain as Again, UnknownOutcome as Unknown};
        check(lost(Progress::Sent), [Again, Unknown, Again, Unknown, Unknown, Unknown, Unknown]);
        check(
            lost(Progress::ReplyStarted),
            [Again, Unknown, Unknown, Unknown, Unknown, Unknown, Unknown],
        );
        let repeated = Mishap::Lost { progress: Progress::Sent, repeats: 1 };
        check(repeated, [Again, Unknown, Unknown, Unknown, Unknown, Unknown, Unknown]);
    }

    #[test]
    fn half_a_reply_is_never_followed_by_anything() {
        check(lost(Progress::ReplyForwarded), [Verdict::Close; 7]);
    }

    #[test]
    fn what_was_turned_away_is_sent_again_unless_only_a_script_says_so() {
        use Verdict::{Fail, SendAgain as Again, UnknownOutcome as Unknown};
        check(
            Mishap::TurnedAway(Evidence::ErrorAlone),
            [Again, Again, Again, Again, Unknown, Again, Fail],
        );
        check(
            Mishap::TurnedAway(Evidence::TableAgrees),
            [Again, Again, Again, Again, Again, Again, Fail],
        );
    }

    #[test]
    fn any_other_error_is_the_answer() {
        check(Mishap::Refused, [Verdict::Deliver; 7]);
    }

    #[test]
    fn a_verdict_agrees_with_the_delivery() {
        for progress in [
            Progress::NotSent,
            Progress::PartlySent,
            Progress::Sent,
            Progress::ReplyStarted,
            Progress::ReplyForwarded,
        ] {
            let verdict = Verdict::of(Class::Never, lost(progress));
            let may_go_again = verdict == Verdict::SendAgain;
            assert_eq!(may_go_again, progress.delivery() == Delivery::NotSent, "{progress:?}");
        }
    }

    #[test]
    fn the_texts_name_the_node_and_nothing_else() {
        let node = NodeAddr::new("10.0.0.7", 6379);
        assert_eq!(
            unknown_outcome(&node),
            "UNKNOWNOUTCOME command may have been executed: connection to 10.0.0.7:6379 lost"
        );
        assert_eq!(
            aborted(&node),
            "EXECABORT Transaction discarded: connection to 10.0.0.7:6379 lost before EXEC"
        );
    }
}
