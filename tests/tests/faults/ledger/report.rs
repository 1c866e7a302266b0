//! What a ledger found.

/// How many of these are quoted.
const QUOTED: usize = 12;

/// How all writes and reads of a load ended.
#[derive(Clone, Debug, Default)]
pub(crate) struct Report {
    pub(crate) acknowledged: usize,
    pub(crate) refused: usize,
    pub(crate) unknown: usize,
    pub(crate) reads_failed: usize,
    /// Acknowledged, and not there any more.
    pub(crate) missing: usize,
    /// Replies that knew less than one before them.
    pub(crate) rewound: usize,
    /// What no fault excuses: writes that were run twice, replies to something else. Some of it.
    pub(crate) wrong: Vec<String>,
    /// Some of the errors.
    pub(crate) errors: Vec<String>,
}

impl Report {
    pub(super) fn wrong(&mut self, what: String) {
        if self.wrong.len() < QUOTED {
            self.wrong.push(what);
        }
    }

    pub(super) fn note_error(&mut self, error: &str) {
        if self.errors.len() < QUOTED && !self.errors.iter().any(|known| known == error) {
            self.errors.push(error.to_owned());
        }
    }

    pub(super) fn note_failed_read(&mut self, error: &str) {
        self.reads_failed += 1;
        self.note_error(error);
    }

    pub(super) fn add(&mut self, other: Self) {
        self.acknowledged += other.acknowledged;
        self.refused += other.refused;
        self.unknown += other.unknown;
        self.reads_failed += other.reads_failed;
        self.missing += other.missing;
        self.rewound += other.rewound;
        other.wrong.into_iter().for_each(|what| self.wrong(what));
        other.errors.iter().for_each(|error| self.note_error(error));
    }

    /// The application noticed nothing.
    #[track_caller]
    pub(crate) fn is_without_error(&self) {
        assert_eq!((self.refused, self.unknown, self.reads_failed), (0, 0, 0), "{self:#?}");
        self.lost_nothing();
    }

    /// Every write was run at most once, and those that were acknowledged are there.
    #[track_caller]
    pub(crate) fn lost_nothing(&self) {
        assert_eq!((self.missing, self.rewound), (0, 0), "{self:#?}");
        self.doubled_nothing();
    }

    /// Every write was run at most once; the last ones of a primary that crashed may be lost with
    /// it, since it acknowledges what its replicas have not heard of yet.
    #[track_caller]
    pub(crate) fn doubled_nothing(&self) {
        assert!(self.wrong.is_empty(), "{self:#?}");
    }
}
