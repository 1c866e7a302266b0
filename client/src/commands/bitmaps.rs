//! Bitmaps: the bits of a string.

use crate::{Client, Cmd, Error, ToArg, ToArgs, cmd};

/// How bits are combined.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum BitOp {
    /// Set where all are.
    And,
    /// Set where one is.
    Or,
    /// Set where an odd number is.
    Xor,
    /// Set where it is not, of one key.
    Not,
}

impl ToArgs for BitOp {
    fn write_args(&self, cmd: &mut Cmd) {
        let name = match self {
            Self::And => "AND",
            Self::Or => "OR",
            Self::Xor => "XOR",
            Self::Not => "NOT",
        };
        name.write_args(cmd);
    }
}

impl Client {
    /// Sets a bit, and returns what it was.
    ///
    /// ```
    /// # async fn example(client: slotway::Client) -> Result<(), slotway::Error> {
    /// client.setbit("seen:today", 7, true).await?;
    /// let seen = client.bitcount("seen:today").await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn setbit(&self, key: impl ToArg, at: u64, bit: bool) -> Result<bool, Error> {
        self.run(cmd("SETBIT").arg(key).arg(at).arg(u64::from(bit))).await
    }

    /// A bit; false beyond the end.
    pub async fn getbit(&self, key: impl ToArg, at: u64) -> Result<bool, Error> {
        self.run(cmd("GETBIT").arg(key).arg(at)).await
    }

    /// How many bits are set.
    pub async fn bitcount(&self, key: impl ToArg) -> Result<u64, Error> {
        self.run(cmd("BITCOUNT").arg(key)).await
    }

    /// How many bits are set from one byte to another, both included; negative ones count from the
    /// end.
    pub async fn bitcount_range(&self, key: impl ToArg, from: i64, to: i64) -> Result<u64, Error> {
        self.run(cmd("BITCOUNT").arg(key).arg(from).arg(to)).await
    }

    /// The position of the first bit that is as `bit`.
    pub async fn bitpos(&self, key: impl ToArg, bit: bool) -> Result<Option<u64>, Error> {
        let position: i64 = self.run(cmd("BITPOS").arg(key).arg(u64::from(bit))).await?;
        // The server says -1 if there is none.
        Ok(u64::try_from(position).ok())
    }

    /// Combines strings of one slot bit by bit, keeps the result in `to`, and returns how many bytes it
    /// has.
    pub async fn bitop(&self, op: BitOp, to: impl ToArg, keys: impl ToArgs) -> Result<u64, Error> {
        self.run(cmd("BITOP").arg(op).arg(to).arg(keys)).await
    }
}
