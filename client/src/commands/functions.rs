//! Functions: code that is part of the data, and replicated with it.

use super::scripts::count;
use crate::{Client, Error, FromValue, ToArg, ToArgs, cmd};

impl Client {
    /// Gives all primaries a library, in place of one of the same name, and returns its name. Their
    /// replicas learn it from them.
    ///
    /// ```
    /// # async fn example(client: slotway::Client) -> Result<(), slotway::Error> {
    /// let library = "#!lua name=mine\n\
    ///     redis.register_function('set', function(k, a) return redis.call('SET', k[1], a[1]) end)";
    /// client.function_load(library).await?;
    /// client.fcall::<()>("set", "key", "value").await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn function_load(&self, library: &str) -> Result<String, Error> {
        self.run(cmd("FUNCTION").arg("LOAD").arg("REPLACE").arg(library)).await
    }

    /// Takes a library from all primaries.
    pub async fn function_delete(&self, library: impl ToArg) -> Result<(), Error> {
        self.run(cmd("FUNCTION").arg("DELETE").arg(library)).await
    }

    /// Takes all libraries from all primaries.
    pub async fn function_flush(&self) -> Result<(), Error> {
        self.run(cmd("FUNCTION").arg("FLUSH")).await
    }

    /// What one primary says of its libraries: a list of maps.
    pub async fn function_list<T: FromValue>(&self) -> Result<T, Error> {
        self.run(cmd("FUNCTION").arg("LIST")).await
    }

    /// All libraries of one primary, for [`function_restore`](Self::function_restore).
    pub async fn function_dump(&self) -> Result<Vec<u8>, Error> {
        self.run(cmd("FUNCTION").arg("DUMP")).await
    }

    /// Gives all primaries these libraries, in place of those of the same names.
    pub async fn function_restore(&self, dump: impl ToArg) -> Result<(), Error> {
        self.run(cmd("FUNCTION").arg("RESTORE").arg(dump).arg("REPLACE")).await
    }

    /// Runs a function with these keys, all of one slot, and arguments; `()` stands for none.
    pub async fn fcall<T: FromValue>(
        &self,
        function: &str,
        keys: impl ToArgs,
        args: impl ToArgs,
    ) -> Result<T, Error> {
        self.run(cmd("FCALL").arg(function).arg(count(&keys)).arg(keys).arg(args)).await
    }

    /// Runs a function that only reads.
    pub async fn fcall_ro<T: FromValue>(
        &self,
        function: &str,
        keys: impl ToArgs,
        args: impl ToArgs,
    ) -> Result<T, Error> {
        self.run(cmd("FCALL_RO").arg(function).arg(count(&keys)).arg(keys).arg(args)).await
    }
}
