//! Types that know serde, as replies and as arguments.

mod read;
mod write;

use serde::{Serialize, de::DeserializeOwned};
use slotway_protocol::Value;

use crate::{Client, Cmd, Error, FromValue, ToArg, ToArgs, cmd};

/// A value that is kept as JSON, in a string or in a field.
///
/// ```
/// # async fn example(client: slotway::Client) -> Result<(), slotway::Error> {
/// use std::collections::BTreeMap;
///
/// use slotway::Json;
///
/// client.set("stock", Json(BTreeMap::from([("apples", 3), ("pears", 5)]))).await?;
/// let stock: Option<Json<BTreeMap<String, u32>>> = client.get("stock").await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Json<T>(pub T);

/// Any type that knows serde: as a reply, whatever can be read as it; as arguments, its fields and
/// their values, or its elements.
///
/// Names and values alternate, as the commands of hashes have it. A field that is `None` is left out.
/// Values are text, bytes, numbers, 1 and 0 for true and false, and names of variants; what has parts
/// of its own is refused, and can be [`Json`].
///
/// ```
/// # use serde::{Deserialize, Serialize};
/// # async fn example(client: slotway::Client) -> Result<(), slotway::Error> {
/// use slotway::Serde;
///
/// #[derive(Serialize, Deserialize)]
/// struct User {
///     name: String,
///     visits: u64,
///     email: Option<String>,
/// }
///
/// let ada = User { name: "Ada".to_owned(), visits: 1, email: None };
/// client.hset("user:7", Serde(&ada)).await?;
/// let Serde(user): Serde<User> = client.hgetall("user:7").await?;
/// // The same, where the key may be missing:
/// let user: Option<User> = client.hgetall_as("user:7").await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Serde<T>(pub T);

impl<T: Serialize> ToArgs for Json<T> {
    fn write_args(&self, cmd: &mut Cmd) {
        match serde_json::to_vec(&self.0) {
            Ok(text) => cmd.push(&text),
            Err(error) => cmd.refuse(format!("a value cannot be written as JSON: {error}")),
        }
    }
}

impl<T: Serialize> ToArg for Json<T> {}

impl<T: DeserializeOwned> FromValue for Json<T> {
    fn from_value(value: Value) -> Result<Self, Error> {
        let text = bytes::Bytes::from_value(value)?;
        // What serde_json says may quote the value.
        let misfit = |error: serde_json::Error| {
            let what = if error.is_data() { "JSON of another kind" } else { "no JSON" };
            let place = format!("line {} column {}", error.line(), error.column());
            Error::Misfit { why: format!("it is {what}, at {place}") }
        };
        serde_json::from_slice(&text).map(Self).map_err(misfit)
    }
}

impl<T: Serialize> ToArgs for Serde<T> {
    fn write_args(&self, cmd: &mut Cmd) {
        if let Err(error) = write::write(&self.0, cmd) {
            cmd.refuse(error.to_string());
        }
    }
}

impl<T: DeserializeOwned> FromValue for Serde<T> {
    fn from_value(value: Value) -> Result<Self, Error> {
        read::read(value).map(Self)
    }
}

impl Client {
    /// A whole hash as a type that knows serde: none without a key.
    pub async fn hgetall_as<T: DeserializeOwned>(
        &self,
        key: impl ToArg,
    ) -> Result<Option<T>, Error> {
        let hash = self.reply(&cmd("HGETALL").arg(key)).await?;
        let is_empty = hash.as_pairs().is_some_and(|mut pairs| pairs.next().is_none());
        if is_empty { Ok(None) } else { read::read(hash).map(Some) }
    }
}

#[cfg(test)]
mod tests;
