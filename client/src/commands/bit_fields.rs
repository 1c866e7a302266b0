//! Numbers of any width in the bits of a string.

use crate::{Client, Cmd, Error, ToArg, ToArgs, cmd};

/// How wide a number is, and whether it has a sign.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum BitInt {
    /// With a sign, up to 64 bits.
    Signed(u8),
    /// Without a sign, up to 63 bits.
    Unsigned(u8),
}

/// What becomes of a sum that does not fit.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Overflow {
    /// Its highest bits are cut off.
    #[default]
    Wrap,
    /// It becomes the highest or the lowest number that fits.
    Saturate,
    /// Nothing is added, and the reply is none.
    Fail,
}

/// What is to be done with the bits of a string, in this order.
///
/// ```
/// # async fn example(client: slotway::Client) -> Result<(), slotway::Error> {
/// use slotway::{BitField, BitInt, Overflow};
///
/// let byte = BitInt::Unsigned(8);
/// let fields = BitField::new().set(byte, 0, 250).overflow(Overflow::Saturate).add(byte, 0, 10);
/// assert_eq!(client.bitfield("bits", fields).await?, [Some(0), Some(255)]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct BitField {
    steps: Cmd,
}

impl Default for BitField {
    fn default() -> Self {
        Self { steps: cmd("") }
    }
}

impl BitField {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads the number at this bit.
    #[must_use]
    pub fn read(self, kind: BitInt, at: u64) -> Self {
        Self { steps: self.steps.arg("GET").arg(kind).arg(at) }
    }

    /// Sets the number at this bit, and reads what was there.
    #[must_use]
    pub fn set(self, kind: BitInt, at: u64, value: i64) -> Self {
        Self { steps: self.steps.arg("SET").arg(kind).arg(at).arg(value) }
    }

    /// Adds to the number at this bit, and reads the sum.
    #[must_use]
    pub fn add(self, kind: BitInt, at: u64, by: i64) -> Self {
        Self { steps: self.steps.arg("INCRBY").arg(kind).arg(at).arg(by) }
    }

    /// Does this with sums that do not fit, from here on.
    #[must_use]
    pub fn overflow(self, overflow: Overflow) -> Self {
        let name = match overflow {
            Overflow::Wrap => "WRAP",
            Overflow::Saturate => "SAT",
            Overflow::Fail => "FAIL",
        };
        Self { steps: self.steps.arg("OVERFLOW").arg(name) }
    }

    fn command(&self, name: &str, key: impl ToArg) -> Result<Cmd, Error> {
        let mut command = cmd(name).arg(key);
        self.steps.command()?.as_command().args().skip(1).for_each(|arg| command.push(arg));
        Ok(command)
    }
}

impl ToArgs for BitInt {
    fn write_args(&self, cmd: &mut Cmd) {
        match self {
            Self::Signed(bits) => cmd.push(format!("i{bits}").as_bytes()),
            Self::Unsigned(bits) => cmd.push(format!("u{bits}").as_bytes()),
        }
    }
}

impl Client {
    /// Reads and writes numbers in the bits of a string, all at once. One reply for each step.
    pub async fn bitfield(
        &self,
        key: impl ToArg,
        fields: BitField,
    ) -> Result<Vec<Option<i64>>, Error> {
        self.run(fields.command("BITFIELD", key)?).await
    }

    /// The same where all steps read.
    pub async fn bitfield_ro(&self, key: impl ToArg, fields: BitField) -> Result<Vec<i64>, Error> {
        self.run(fields.command("BITFIELD_RO", key)?).await
    }
}
