//! The replies of many nodes as the reply of one.

mod elements;

use std::collections::BTreeSet;

use bytes::Bytes;

use crate::{encode::encode_header, number::parse_i64, reply::ReplyLimits};

use elements::{Head, elements, head};

/// How the replies of several nodes become one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Merge {
    /// Numbers are added; in lists, one place with the same place.
    Sum,
    /// The smallest number.
    Min,
    /// The largest number.
    Max,
    /// 1 where all have a number other than 0.
    And,
    /// 1 where one has a number other than 0.
    Or,
    /// Any of them, since all say the same.
    AllOk,
    /// Elements of all lists, in the order of the keys that they are for.
    Gather,
    /// All lists as one.
    Concat,
    /// The same, each element once.
    Union,
    /// The first that is no error.
    First,
    /// The first that is not null.
    FirstFound,
}

/// Collects the replies to the parts of a command, in any order, and makes one of them.
///
/// Replies are kept as the bytes that came and are never decoded into values: a list of big
/// values is put together by copying each once.
///
/// If a part was answered with an error, that is the answer to the whole; of several errors, that
/// of the first part. Of a command that writes, other parts may have run then: the whole is not
/// atomic, and the error of a part does not say more than it would alone.
#[derive(Clone, Debug)]
pub struct Merger {
    merge: Merge,
    /// For each element of a gathered list, the part that it comes from.
    sources: Vec<u32>,
    replies: Vec<Option<Bytes>>,
    missing: usize,
}

const MISFIT: &[u8] = b"-ERR the replies of the nodes do not fit together\r\n";
const MISSING: &[u8] = b"-ERR a node did not answer its part of the command\r\n";

impl Merger {
    /// Merges the replies to this many parts. A [`Merge::Gather`] has an order of its own:
    /// [`Split::merger`](crate::Split::merger).
    pub fn new(merge: Merge, parts: usize) -> Self {
        Self { merge, sources: Vec::new(), replies: vec![None; parts], missing: parts }
    }

    /// Merges lists: `sources` says for each element of the whole from which part it comes.
    pub(crate) fn gathering(sources: Vec<u32>, parts: usize) -> Self {
        Self { sources, ..Self::new(Merge::Gather, parts) }
    }

    /// Takes the whole reply to a part, as it came, without attributes. A second one to the same
    /// part is ignored.
    pub fn add(&mut self, part: usize, reply: Bytes) {
        if let Some(place @ None) = self.replies.get_mut(part) {
            *place = Some(reply);
            self.missing -= 1;
        }
    }

    /// Whether all parts are answered.
    pub fn is_complete(&self) -> bool {
        self.missing == 0
    }

    /// Appends the one reply. It is an error if a part is not answered, or if the replies are
    /// not of the kind that the command gives.
    pub fn finish(&self, out: &mut Vec<u8>) {
        let start = out.len();
        let Some(replies) = self.replies.iter().map(Option::as_deref).collect::<Option<Vec<_>>>()
        else {
            out.extend_from_slice(MISSING);
            return;
        };
        if self.merge_into(&replies, out).is_none() {
            out.truncate(start);
            out.extend_from_slice(MISFIT);
        }
    }

    fn merge_into(&self, replies: &[&[u8]], out: &mut Vec<u8>) -> Option<()> {
        let error = replies.iter().find(|reply| is_error(reply));
        let chosen = match (self.merge, error) {
            (Merge::First, _) => replies.iter().find(|reply| !is_error(reply)).or(error),
            (_, Some(error)) => Some(error),
            (Merge::AllOk, None) => replies.first(),
            (Merge::FirstFound, None) => {
                replies.iter().find(|reply| !is_null(reply)).or_else(|| replies.first())
            }
            (Merge::Gather, None) => return self.gather(replies, out),
            (Merge::Concat, None) => return concat(replies, out),
            (Merge::Union, None) => return union(replies, out),
            (Merge::Sum, None) => return fold(replies, i64::checked_add, out),
            (Merge::Min, None) => return fold(replies, |a, b| Some(a.min(b)), out),
            (Merge::Max, None) => return fold(replies, |a, b| Some(a.max(b)), out),
            (Merge::And, None) => {
                return fold(replies, |a, b| Some((a != 0 && b != 0).into()), out);
            }
            (Merge::Or, None) => return fold(replies, |a, b| Some((a != 0 || b != 0).into()), out),
        };
        out.extend_from_slice(chosen?);
        Some(())
    }

    fn gather(&self, replies: &[&[u8]], out: &mut Vec<u8>) -> Option<()> {
        let limits = ReplyLimits::default();
        let mut lists = replies
            .iter()
            .map(|reply| elements(reply, &limits).map(|(_, list)| list))
            .collect::<Option<Vec<_>>>()?;
        out.reserve(replies.iter().map(|reply| reply.len()).sum());
        encode_header(out, b'*', self.sources.len());
        for &source in &self.sources {
            out.extend_from_slice(lists.get_mut(source as usize)?.next()??);
        }
        // An element too many is as wrong as one that is missing.
        lists.iter_mut().all(|list| list.next().is_none()).then_some(())
    }
}

fn is_error(reply: &[u8]) -> bool {
    matches!(reply.first(), Some(b'-' | b'!'))
}

fn is_null(reply: &[u8]) -> bool {
    matches!(reply, b"$-1\r\n" | b"*-1\r\n" | b"_\r\n")
}

fn concat(replies: &[&[u8]], out: &mut Vec<u8>) -> Option<()> {
    let lists = replies.iter().map(|reply| head(reply)).collect::<Option<Vec<_>>>()?;
    let kind = lists.first()?.kind;
    if lists.iter().any(|list| list.kind != kind) {
        return None;
    }
    let count = lists.iter().try_fold(0, |count: usize, list| count.checked_add(list.count))?;
    encode_header(out, kind, count);
    lists.iter().for_each(|list| out.extend_from_slice(list.body));
    Some(())
}

fn union(replies: &[&[u8]], out: &mut Vec<u8>) -> Option<()> {
    let limits = ReplyLimits::default();
    let mut all = BTreeSet::new();
    let mut kind = None;
    for reply in replies {
        let (Head { kind: this, .. }, list) = elements(reply, &limits)?;
        if *kind.get_or_insert(this) != this {
            return None;
        }
        for element in list {
            all.insert(element?);
        }
    }
    encode_header(out, kind?, all.len());
    all.into_iter().for_each(|element| out.extend_from_slice(element));
    Some(())
}

/// Combines numbers, or lists of them place by place. What is no number in such a list has to be
/// the same in all, and stays.
fn fold(
    replies: &[&[u8]],
    combine: impl Fn(i64, i64) -> Option<i64> + Copy,
    out: &mut Vec<u8>,
) -> Option<()> {
    let first = replies.first()?;
    if first.starts_with(b":") {
        return fold_one(replies.iter().copied(), combine, out);
    }
    let limits = ReplyLimits::default();
    let (whole, _) = elements(first, &limits)?;
    let mut lists = Vec::with_capacity(replies.len());
    for reply in replies {
        let (this, list) = elements(reply, &limits)?;
        if (this.kind, this.count) != (whole.kind, whole.count) {
            return None;
        }
        lists.push(list);
    }
    encode_header(out, whole.kind, whole.count);
    for _ in 0..whole.count {
        let place = lists.iter_mut().map(|list| list.next()?).collect::<Option<Vec<_>>>()?;
        fold_one(place.into_iter(), combine, out)?;
    }
    lists.iter_mut().all(|list| list.next().is_none()).then_some(())
}

fn fold_one<'a>(
    mut replies: impl Iterator<Item = &'a [u8]>,
    combine: impl Fn(i64, i64) -> Option<i64>,
    out: &mut Vec<u8>,
) -> Option<()> {
    let first = replies.next()?;
    let Some(first_number) = integer(first) else {
        out.extend_from_slice(first);
        return replies.all(|reply| reply == first).then_some(());
    };
    let sum = replies.try_fold(first_number, |sum, reply| combine(sum, integer(reply)?))?;
    out.extend_from_slice(format!(":{sum}\r\n").as_bytes());
    Some(())
}

fn integer(reply: &[u8]) -> Option<i64> {
    parse_i64(reply.strip_prefix(b":")?.strip_suffix(b"\r\n")?)
}
