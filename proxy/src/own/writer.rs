//! Writes replies in either version of the protocol.

use slotway_protocol::{Protocol, Value};

/// Adds replies to a buffer, each in the form that the session's protocol has for it.
#[derive(Debug)]
pub struct ReplyWriter<'a> {
    out: &'a mut Vec<u8>,
    protocol: Protocol,
}

impl<'a> ReplyWriter<'a> {
    /// Writes behind what `out` holds already.
    pub fn new(out: &'a mut Vec<u8>, protocol: Protocol) -> Self {
        Self { out, protocol }
    }

    /// A status, such as `OK`.
    pub fn simple(&mut self, text: &str) {
        self.line(b'+', text.as_bytes());
    }

    /// An error; the text starts with its code. What would end the line early becomes a space, as
    /// with a server.
    pub fn error(&mut self, text: &[u8]) {
        self.line(b'-', text);
    }

    /// A whole number.
    pub fn integer(&mut self, number: i64) {
        self.line(b':', number.to_string().as_bytes());
    }

    /// A string of bytes.
    pub fn bulk(&mut self, bytes: &[u8]) {
        self.blob(b'$', &[bytes]);
    }

    /// Nothing, where a string could be.
    pub fn null(&mut self) {
        self.out.extend_from_slice(match self.protocol {
            Protocol::Resp2 => b"$-1\r\n",
            Protocol::Resp3 => b"_\r\n",
        });
    }

    /// Nothing, where an array could be.
    pub fn null_array(&mut self) {
        self.out.extend_from_slice(match self.protocol {
            Protocol::Resp2 => b"*-1\r\n",
            Protocol::Resp3 => b"_\r\n",
        });
    }

    /// A floating-point number; without RESP3 its digits as a string.
    pub fn double(&mut self, number: f64) {
        let text = if number.is_nan() { "nan".to_owned() } else { number.to_string() };
        match self.protocol {
            Protocol::Resp2 => self.bulk(text.as_bytes()),
            Protocol::Resp3 => self.line(b',', text.as_bytes()),
        }
    }

    /// Yes or no; without RESP3 `1` or `0`.
    pub fn boolean(&mut self, yes: bool) {
        self.out.extend_from_slice(match (self.protocol, yes) {
            (Protocol::Resp2, true) => b":1\r\n",
            (Protocol::Resp2, false) => b":0\r\n",
            (Protocol::Resp3, true) => b"#t\r\n",
            (Protocol::Resp3, false) => b"#f\r\n",
        });
    }

    /// Begins an array: `len` elements have to follow.
    pub fn array(&mut self, len: usize) {
        self.line(b'*', len.to_string().as_bytes());
    }

    /// Begins a set: `len` elements have to follow. Without RESP3 it is an array.
    pub fn set(&mut self, len: usize) {
        self.aggregate(b'~', len, len);
    }

    /// Begins a map: `pairs` keys with their values have to follow. Without RESP3 it is a flat
    /// array.
    pub fn map(&mut self, pairs: usize) {
        self.aggregate(b'%', pairs, pairs.saturating_mul(2));
    }

    /// Begins a push: `len` elements have to follow. Without RESP3 it is an array.
    pub fn push(&mut self, len: usize) {
        self.aggregate(b'>', len, len);
    }

    /// A text for people; without RESP3 a string.
    pub fn text(&mut self, text: &str) {
        match self.protocol {
            Protocol::Resp2 => self.bulk(text.as_bytes()),
            Protocol::Resp3 => self.blob(b'=', &[b"txt:", text.as_bytes()]),
        }
    }

    /// A reply of a server, whatever protocol it came by.
    pub fn value(&mut self, value: &Value) {
        match value {
            Value::Null => self.null(),
            Value::Simple(text) => self.line(b'+', text),
            Value::Error(text) => self.error(text),
            Value::Integer(number) => self.integer(*number),
            Value::Double(number) => self.double(*number),
            Value::Boolean(yes) => self.boolean(*yes),
            Value::BigNumber(digits) => match self.protocol {
                Protocol::Resp2 => self.bulk(digits),
                Protocol::Resp3 => self.line(b'(', digits),
            },
            Value::Bulk(bytes) => self.bulk(bytes),
            Value::Verbatim { format, text } => match self.protocol {
                Protocol::Resp2 => self.bulk(text),
                Protocol::Resp3 => self.blob(b'=', &[format, b":", text]),
            },
            Value::Array(elements) => {
                self.array(elements.len());
                elements.iter().for_each(|element| self.value(element));
            }
            Value::Set(elements) => {
                self.set(elements.len());
                elements.iter().for_each(|element| self.value(element));
            }
            Value::Push(elements) => {
                self.push(elements.len());
                elements.iter().for_each(|element| self.value(element));
            }
            Value::Map(pairs) => self.pairs(pairs),
            // Remarks are for whoever asked the server, which was us.
            Value::Attributed { value, .. } => self.value(value),
        }
    }

    fn pairs(&mut self, pairs: &[(Value, Value)]) {
        self.map(pairs.len());
        for (key, value) in pairs {
            self.value(key);
            self.value(value);
        }
    }

    fn aggregate(&mut self, mark: u8, len: usize, flat: usize) {
        match self.protocol {
            Protocol::Resp2 => self.array(flat),
            Protocol::Resp3 => self.line(mark, len.to_string().as_bytes()),
        }
    }

    fn line(&mut self, mark: u8, text: &[u8]) {
        self.out.push(mark);
        let harmless = |byte: &u8| if matches!(byte, b'\r' | b'\n') { b' ' } else { *byte };
        self.out.extend(text.iter().map(harmless));
        self.out.extend_from_slice(b"\r\n");
    }

    fn blob(&mut self, mark: u8, parts: &[&[u8]]) {
        let len: usize = parts.iter().map(|part| part.len()).sum();
        self.line(mark, len.to_string().as_bytes());
        parts.iter().for_each(|part| self.out.extend_from_slice(part));
        self.out.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[track_caller]
    fn check(write: impl Fn(&mut ReplyWriter<'_>), resp2: &str, resp3: &str) {
        for (protocol, expected) in [(Protocol::Resp2, resp2), (Protocol::Resp3, resp3)] {
            let mut out = b"before".to_vec();
            write(&mut ReplyWriter::new(&mut out, protocol));
            let expected = format!("before{expected}").replace('|', "\r\n");
            assert_eq!(String::from_utf8_lossy(&out), expected, "{protocol:?}");
        }
    }

    fn bytes(text: &'static str) -> Bytes {
        Bytes::from_static(text.as_bytes())
    }

    #[test]
    fn a_scalar_has_the_form_of_its_protocol() {
        check(|w| w.simple("OK"), "+OK|", "+OK|");
        check(|w| w.error(b"ERR a\r\nb"), "-ERR a  b|", "-ERR a  b|");
        check(|w| w.integer(-7), ":-7|", ":-7|");
        check(|w| w.bulk(b"a\r\n"), "$3|a\r\n|", "$3|a\r\n|");
        check(|w| w.null(), "$-1|", "_|");
        check(|w| w.null_array(), "*-1|", "_|");
        check(|w| w.double(1.5), "$3|1.5|", ",1.5|");
        check(|w| w.double(f64::NEG_INFINITY), "$4|-inf|", ",-inf|");
        check(|w| w.double(f64::NAN), "$3|nan|", ",nan|");
        check(|w| w.boolean(true), ":1|", "#t|");
        check(|w| w.boolean(false), ":0|", "#f|");
        check(|w| w.text("hi\n"), "$3|hi\n|", "=7|txt:hi\n|");
    }

    #[test]
    fn an_aggregate_is_an_array_without_resp3() {
        check(|w| w.array(0), "*0|", "*0|");
        check(|w| w.map(2), "*4|", "%2|");
        check(|w| w.set(2), "*2|", "~2|");
        check(|w| w.push(2), "*2|", ">2|");
    }

    #[test]
    fn a_value_is_written_as_it_was_read() {
        let map = Value::Map(vec![(
            Value::Bulk(bytes("a")),
            Value::Set(vec![Value::Null, Value::Boolean(true)]),
        )]);
        check(|w| w.value(&map), "*2|$1|a|*2|$-1|:1|", "%1|$1|a|~2|_|#t|");
        let text = Value::Verbatim { format: bytes("mkd"), text: bytes("x") };
        let push = Value::Push(vec![text, Value::BigNumber(bytes("12"))]);
        check(|w| w.value(&push), "*2|$1|x|$2|12|", ">2|=5|mkd:x|(12|");
        let noted = Value::Attributed { attributes: Vec::new(), value: Box::new(Value::Null) };
        let list = Value::Array(vec![noted, Value::Simple(bytes("OK")), Value::Double(0.5)]);
        check(|w| w.value(&list), "*3|$-1|+OK|$3|0.5|", "*3|_|+OK|,0.5|");
    }
}
