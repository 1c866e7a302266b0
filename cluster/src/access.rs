//! Who may talk to the nodes, and how.

use std::fmt;

/// Who may talk to the nodes of a cluster.
#[derive(Clone, Default, Eq, PartialEq, serde::Deserialize, serde::Serialize)]
pub struct Access {
    /// The ACL user to log in as; without one, the default user.
    pub user: Option<String>,
    /// The password; without one, everybody on this machine may.
    pub password: Option<String>,
}

impl Access {
    /// The default user with a password.
    pub fn password(password: impl Into<String>) -> Self {
        Self { user: None, password: Some(password.into()) }
    }

    /// A user of its own, who may do everything, and a default user who may do nothing.
    pub fn user(user: impl Into<String>, password: impl Into<String>) -> Self {
        Self { user: Some(user.into()), password: Some(password.into()) }
    }

    /// The user's name, also of the default user.
    pub(crate) fn user_name(&self) -> &str {
        self.user.as_deref().unwrap_or("default")
    }
}

/// Shows who, but never the password.
impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let password = self.password.as_ref().map(|_| "***");
        f.debug_struct("Access").field("user", &self.user).field("password", &password).finish()
    }
}
