//! How the log is written.

use tracing_subscriber::filter::LevelFilter;

/// How the log is written.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Log {
    /// For whom.
    pub format: LogFormat,
    /// What is left out.
    pub level: LogLevel,
}

/// For whom the log is written.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum LogFormat {
    /// Text on a terminal, JSON anywhere else.
    #[default]
    Auto,
    /// For people.
    Text,
    /// One object a line.
    Json,
}

/// How important a line has to be.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub enum LogLevel {
    /// Something does not work.
    Error,
    /// A person should look.
    Warn,
    /// What happens once, or rarely.
    #[default]
    Info,
    /// A line for each connection or request.
    Debug,
    /// Everything.
    Trace,
}

impl From<LogLevel> for LevelFilter {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Error => Self::ERROR,
            LogLevel::Warn => Self::WARN,
            LogLevel::Info => Self::INFO,
            LogLevel::Debug => Self::DEBUG,
            LogLevel::Trace => Self::TRACE,
        }
    }
}
