//! Small sets of named bits, as servers write them: one word each.

/// Makes a set type out of words, with a constant and a doc comment for each.
macro_rules! bit_set {
    (
        $(#[$about:meta])*
        pub struct $set:ident {
            $($(#[$doc:meta])* $bit:ident = $word:literal @ $at:literal,)+
        }
    ) => {
        $(#[$about])*
        #[derive(Clone, Copy, Default, Eq, Hash, PartialEq)]
        pub struct $set(u32);

        impl $set {
            $($(#[$doc])* pub const $bit: Self = Self(1 << $at);)+

            const WORDS: &'static [(&'static str, Self)] = &[$(($word, Self::$bit)),+];

            /// The set without members.
            pub const EMPTY: Self = Self(0);

            /// Both sets in one.
            #[must_use]
            pub const fn with(self, other: Self) -> Self {
                Self(self.0 | other.0)
            }

            /// Whether all of `other` is in this set.
            #[inline]
            pub const fn contains(self, other: Self) -> bool {
                self.0 & other.0 == other.0
            }

            /// Whether some of `other` is in this set.
            #[inline]
            pub const fn intersects(self, other: Self) -> bool {
                self.0 & other.0 != 0
            }

            /// What a server calls the members.
            pub fn words(self) -> impl Iterator<Item = &'static str> {
                Self::WORDS.iter().filter(move |(_, bit)| self.contains(*bit)).map(|(word, _)| *word)
            }

            /// The member that a server calls so. Words of later servers are not known.
            pub fn from_word(word: &[u8]) -> Option<Self> {
                Self::WORDS.iter().find(|(known, _)| known.as_bytes() == word).map(|&(_, bit)| bit)
            }

            /// The set of these words, for tables in code: a wrong word does not compile.
            pub(crate) const fn of(words: &str) -> Self {
                let words = words.as_bytes();
                let (mut set, mut at) = (Self(0), 0);
                while at < words.len() {
                    let start = at;
                    while at < words.len() && words[at] != b' ' {
                        at += 1;
                    }
                    let mut known = 0;
                    while !$crate::spec::bits::is_word(words, start, at, Self::WORDS[known].0) {
                        known += 1;
                    }
                    set = set.with(Self::WORDS[known].1);
                    at += 1;
                }
                set
            }
        }

        impl std::fmt::Debug for $set {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_list().entries(self.words()).finish()
            }
        }
    };
}

pub(super) use bit_set;

/// Whether `text[start..end]` is this word, at compile time.
pub(super) const fn is_word(text: &[u8], start: usize, end: usize, word: &str) -> bool {
    let word = word.as_bytes();
    if word.len() != end - start {
        return false;
    }
    let mut at = 0;
    while at < word.len() {
        if text[start + at] != word[at] {
            return false;
        }
        at += 1;
    }
    true
}
