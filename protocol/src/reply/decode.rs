//! A whole reply, read into a [`Value`].

use std::ops::Range;

use bytes::Bytes;

use super::{
    ReplyError, ReplyLimits,
    head::{self, Aggregate, Blob, Head, Scalar},
};
use crate::{Value, number::short_number_line};

impl Value {
    /// Reads `frame`, which must be exactly one reply, as [`ReplyScanner`](crate::ReplyScanner)
    /// cuts them.
    ///
    /// Not recursive, so a hostile nesting costs a [`ReplyError::TooDeep`] and no stack. Strings
    /// are slices of `frame`: whoever keeps one keeps the whole frame's memory.
    pub fn decode(frame: &Bytes, limits: &ReplyLimits) -> Result<Self, ReplyError> {
        if let Some(body) = plain_bulk(frame, limits) {
            return Ok(Self::Bulk(frame.slice(body)));
        }
        let mut decoder = Decoder { frame, limits, at: 0, open: Vec::new() };
        loop {
            let Some(mut value) = decoder.element()? else { continue };
            loop {
                match decoder.add(value)? {
                    Added::Ends(whole) => value = whole,
                    Added::GoesOn => break,
                    Added::Outermost(value) if decoder.at == frame.len() => return Ok(value),
                    Added::Outermost(_) => return Err(ReplyError::NotOneReply),
                }
            }
        }
    }
}

/// Where the body is, if all of `frame` is one bulk with a plain header, as most replies are.
fn plain_bulk(frame: &[u8], limits: &ReplyLimits) -> Option<Range<usize>> {
    let (len, taken) = short_number_line(frame.strip_prefix(b"$")?)?;
    let body = 1 + taken..1 + taken + len;
    (frame.get(body.end..)? == b"\r\n" && len <= limits.bulk_max).then_some(body)
}

struct Decoder<'a> {
    frame: &'a Bytes,
    limits: &'a ReplyLimits,
    at: usize,
    open: Vec<Open>,
}

/// An element whose parts are still coming.
enum Open {
    Elements { kind: Aggregate, left: Option<u64>, elements: Vec<Value> },
    Chunks(Vec<u8>),
    Attributed(Vec<(Value, Value)>),
}

/// What became of a value that was added to the element around it.
enum Added {
    /// That element is whole with it.
    Ends(Value),
    /// That element wants more.
    GoesOn,
    /// There is none around it.
    Outermost(Value),
}

impl Decoder<'_> {
    /// Reads one header and what belongs to it. `None` when it only opened something.
    fn element(&mut self) -> Result<Option<Value>, ReplyError> {
        let mut searched = 0;
        let opened = head::open(self.frame, self.at, &mut searched, self.limits)?
            .ok_or(ReplyError::NotOneReply)?;
        self.at = opened.next;
        let chunk_due = matches!(self.open.last(), Some(Open::Chunks(_)));
        if chunk_due != matches!(opened.head, Head::Chunk(_)) {
            return Err(ReplyError::BadStream);
        }
        match opened.head {
            Head::Scalar(Scalar::Integer, text) => {
                let number = head::integer(&self.frame[text]).ok_or(ReplyError::BadScalar)?;
                Ok(Some(Value::Integer(number)))
            }
            Head::Scalar(kind, text) => self.scalar(kind, self.frame.slice(text)).map(Some),
            Head::Blob(kind, len) => {
                let body = self.body(len)?;
                Ok(Some(blob(kind, body)))
            }
            Head::Chunk(len) => self.chunk(len),
            Head::StreamedBlob => self.enter(Open::Chunks(Vec::new())),
            Head::StreamedAggregate(kind) => {
                self.enter(Open::Elements { kind, left: None, elements: Vec::new() })
            }
            Head::Aggregate(kind, count) => self.aggregate(kind, count),
            Head::End => match self.open.pop() {
                Some(Open::Elements { kind, left: None, elements }) => {
                    finish(kind, elements).map(Some)
                }
                _ => Err(ReplyError::BadStream),
            },
        }
    }

    fn scalar(&self, kind: Scalar, text: Bytes) -> Result<Value, ReplyError> {
        Ok(match kind {
            Scalar::Null => Value::Null,
            Scalar::Simple => Value::Simple(text),
            Scalar::Error => Value::Error(text),
            Scalar::Integer => Value::Integer(head::integer(&text).ok_or(ReplyError::BadScalar)?),
            Scalar::Double => Value::Double(head::double(&text).ok_or(ReplyError::BadScalar)?),
            Scalar::Boolean => Value::Boolean(text == "t"),
            Scalar::BigNumber => Value::BigNumber(text),
        })
    }

    fn body(&mut self, len: usize) -> Result<Bytes, ReplyError> {
        let end = self.at.saturating_add(len);
        if !head::is_body_closed(self.frame, end)? {
            return Err(ReplyError::NotOneReply);
        }
        let body = self.frame.slice(self.at..end);
        self.at = end + 2;
        Ok(body)
    }

    fn chunk(&mut self, len: usize) -> Result<Option<Value>, ReplyError> {
        if len > 0 {
            let part = self.body(len)?;
            if let Some(Open::Chunks(whole)) = self.open.last_mut() {
                whole.extend_from_slice(&part);
            }
            return Ok(None);
        }
        match self.open.pop() {
            Some(Open::Chunks(whole)) => Ok(Some(Value::Bulk(whole.into()))),
            _ => Err(ReplyError::BadStream),
        }
    }

    fn aggregate(&mut self, kind: Aggregate, count: u64) -> Result<Option<Value>, ReplyError> {
        if kind == Aggregate::Push && !self.open.is_empty() {
            return Err(ReplyError::NestedPush);
        }
        let left = match kind {
            Aggregate::Map | Aggregate::Attribute => count * 2,
            Aggregate::Array | Aggregate::Set | Aggregate::Push => count,
        };
        if left == 0 {
            return match kind {
                // No remarks: as if the attribute were not there.
                Aggregate::Attribute => Ok(None),
                Aggregate::Array | Aggregate::Set | Aggregate::Map | Aggregate::Push => {
                    finish(kind, Vec::new()).map(Some)
                }
            };
        }
        // The shortest element takes three bytes, so no announcement can ask for more than this.
        let most = (self.frame.len() - self.at) / 3;
        let capacity = usize::try_from(left).unwrap_or(most).min(most);
        let elements = Vec::with_capacity(capacity);
        self.enter(Open::Elements { kind, left: Some(left), elements })
    }

    fn enter(&mut self, open: Open) -> Result<Option<Value>, ReplyError> {
        if self.open.len() >= self.limits.depth_max {
            return Err(ReplyError::TooDeep);
        }
        self.open.push(open);
        Ok(None)
    }

    /// Adds a whole value to the element around it.
    fn add(&mut self, value: Value) -> Result<Added, ReplyError> {
        match self.open.last_mut() {
            None => return Ok(Added::Outermost(value)),
            Some(Open::Attributed(attributes)) => {
                let attributes = std::mem::take(attributes);
                self.open.pop();
                return Ok(Added::Ends(Value::Attributed { attributes, value: Box::new(value) }));
            }
            Some(Open::Chunks(_)) => return Err(ReplyError::BadStream),
            Some(Open::Elements { left, elements, .. }) => {
                elements.push(value);
                match left {
                    Some(left) if *left > 1 => {
                        *left -= 1;
                        return Ok(Added::GoesOn);
                    }
                    Some(_) => {}
                    None => return Ok(Added::GoesOn),
                }
            }
        }
        match self.open.pop() {
            Some(Open::Elements { kind: Aggregate::Attribute, elements, .. }) => {
                self.open.push(Open::Attributed(pair_up(elements)?));
                Ok(Added::GoesOn)
            }
            Some(Open::Elements { kind, elements, .. }) => finish(kind, elements).map(Added::Ends),
            Some(Open::Attributed(_) | Open::Chunks(_)) | None => Err(ReplyError::BadStream),
        }
    }
}

fn blob(kind: Blob, body: Bytes) -> Value {
    match kind {
        Blob::Bulk => Value::Bulk(body),
        Blob::Error => Value::Error(body),
        // The header was refused if the body had less than four bytes.
        Blob::Verbatim => Value::Verbatim { format: body.slice(..3), text: body.slice(4..) },
    }
}

fn finish(kind: Aggregate, elements: Vec<Value>) -> Result<Value, ReplyError> {
    Ok(match kind {
        Aggregate::Array => Value::Array(elements),
        Aggregate::Set => Value::Set(elements),
        Aggregate::Push => Value::Push(elements),
        Aggregate::Map | Aggregate::Attribute => Value::Map(pair_up(elements)?),
    })
}

fn pair_up(elements: Vec<Value>) -> Result<Vec<(Value, Value)>, ReplyError> {
    let mut pairs = Vec::with_capacity(elements.len() / 2);
    let mut elements = elements.into_iter();
    while let Some(key) = elements.next() {
        pairs.push((key, elements.next().ok_or(ReplyError::BadStream)?));
    }
    Ok(pairs)
}
