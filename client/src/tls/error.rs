//! Why TLS failed, with what to do about it.

use std::{io, path::PathBuf, time::Duration};

use tokio_rustls::rustls::{AlertDescription, CertificateError, Error as Rustls};

use crate::connect::is_closing;

/// Why a node cannot be talked to over TLS.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A certificate or key cannot be used. It is not quoted.
    #[error("{what} cannot be used: {why}")]
    Pem {
        /// Which one, such as `the client's private key`.
        what: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// The system trusts nobody.
    #[error(
        "this system has no certificates of authorities to trust{why}: install them, or name the \
         nodes' authority with `Tls::with_ca_file`"
    )]
    NoAuthorities {
        /// What went wrong when they were looked for, if something did.
        why: String,
    },
    /// The name that the node's certificate should have is none.
    #[error(
        "`{0}` is neither a DNS name nor an IP address: set another with `Tls::with_server_name`"
    )]
    ServerName(String),
    /// Nobody who is trusted signed the node's certificate.
    #[error(
        "nobody who is trusted signed the node's certificate: name its authority with \
         `Tls::with_ca_file`"
    )]
    UnknownIssuer,
    /// The node's certificate is for others.
    #[error(
        "the node's certificate is for {presented} and not for `{expected}`: connect by a name \
         that it has, or say which one to expect with `Tls::with_server_name`"
    )]
    WrongName {
        /// The name that was looked for.
        expected: String,
        /// The names in the certificate.
        presented: String,
    },
    /// The node's certificate is too old, or this machine's clock is wrong.
    #[error("the node's certificate has expired: renew it, or set this machine's clock")]
    Expired,
    /// The node's certificate is too new, or this machine's clock is wrong.
    #[error("the node's certificate is not valid yet: is this machine's clock right?")]
    NotYetValid,
    /// The node's certificate cannot be trusted for another reason.
    #[error("the node's certificate cannot be trusted: {0}")]
    Certificate(String),
    /// The node wants to know who we are.
    #[error(
        "the node wants a client certificate: give one with \
         `Tls::with_client_certificate_files`"
    )]
    ClientCertificateWanted,
    /// The node does not trust our certificate.
    #[error(
        "the node does not accept the client certificate ({0}): have it signed by an authority \
         that the nodes trust"
    )]
    ClientCertificateRefused(String),
    /// The node closed the connection before it said anything.
    #[error("the node closed the connection after the TLS handshake: {hint}")]
    ClosedEarly {
        /// What may be the reason.
        hint: &'static str,
    },
    /// What the node sends is not TLS.
    #[error("the node does not speak TLS at this port: use its TLS port, or redis:// without TLS")]
    NotTls,
    /// Nothing came back.
    #[error(
        "no answer to the TLS handshake within {0:?}: does the node speak TLS at this port? \
         If not, use its TLS port, or redis:// without TLS"
    )]
    Silent(Duration),
    /// The two ends have no protocol version or cipher in common, or one of them made a mistake.
    #[error("the TLS handshake failed: {0}")]
    Handshake(String),
}

/// Whether the client showed a certificate of its own.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Shown {
    Nothing,
    Certificate,
}

impl TlsError {
    /// What an error of a TLS stream means, if it is one of TLS.
    pub(crate) fn of(error: &io::Error, shown: Shown) -> Option<Self> {
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Rustls>());
        if let Some(inner) = inner {
            return Some(Self::of_rustls(inner, shown));
        }
        is_closing(error).then(|| Self::closed_early(shown))
    }

    /// The node closed the connection when it had seen what was shown.
    pub(crate) fn closed_early(shown: Shown) -> Self {
        let hint = match shown {
            Shown::Nothing => {
                "it may want a client certificate (`Tls::with_client_certificate_files`)"
            }
            Shown::Certificate => "it may not accept the client certificate; its log says why",
        };
        Self::ClosedEarly { hint }
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "enums of rustls that grow; what is not told apart is quoted"
    )]
    fn of_rustls(error: &Rustls, shown: Shown) -> Self {
        use AlertDescription as Alert;
        match error {
            Rustls::InvalidCertificate(error) => Self::of_certificate(error),
            Rustls::InvalidMessage(_) => Self::NotTls,
            Rustls::AlertReceived(alert) => match (alert, shown) {
                (Alert::CertificateRequired, _)
                | (Alert::HandshakeFailure | Alert::NoCertificate, Shown::Nothing) => {
                    Self::ClientCertificateWanted
                }
                (
                    Alert::BadCertificate
                    | Alert::UnsupportedCertificate
                    | Alert::CertificateRevoked
                    | Alert::CertificateExpired
                    | Alert::CertificateUnknown
                    | Alert::UnknownCA
                    | Alert::AccessDenied,
                    Shown::Certificate,
                ) => Self::ClientCertificateRefused(format!("{alert:?}")),
                _ => Self::Handshake(format!("the node says {alert:?}")),
            },
            error => Self::Handshake(error.to_string()),
        }
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "an enum of rustls that grows; what is not told apart is quoted"
    )]
    fn of_certificate(error: &CertificateError) -> Self {
        match error {
            CertificateError::UnknownIssuer => Self::UnknownIssuer,
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => Self::Expired,
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                Self::NotYetValid
            }
            CertificateError::NotValidForNameContext { expected, presented } => {
                let names = |name: &String| name_in(name);
                let presented = match presented.is_empty() {
                    true => "nobody".to_owned(),
                    false => presented.iter().map(names).collect::<Vec<_>>().join(", "),
                };
                Self::WrongName { expected: expected.to_str().into_owned(), presented }
            }
            error => Self::Certificate(error.to_string()),
        }
    }
}

/// `DnsName("localhost")` and `IpAddress(127.0.0.1)`, as rustls says it, without the kind.
fn name_in(presented: &str) -> String {
    let inner = presented.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
    format!("`{}`", inner.unwrap_or(presented).trim_matches('"'))
}

#[cfg(test)]
mod tests {
    use tokio_rustls::rustls::{InvalidMessage, pki_types::ServerName};

    use super::*;

    #[track_caller]
    fn check(error: impl Into<Rustls>, shown: Shown, expected: &str) {
        let error = io::Error::new(io::ErrorKind::InvalidData, error.into());
        let said = TlsError::of(&error, shown).unwrap().to_string();
        assert!(said.contains(expected), "{said}");
    }

    #[test]
    fn what_is_wrong_with_a_nodes_certificate_is_said_with_what_to_do() {
        let check = |error: CertificateError, expected| check(error, Shown::Nothing, expected);
        check(CertificateError::UnknownIssuer, "Tls::with_ca_file");
        check(CertificateError::Expired, "renew it");
        check(CertificateError::NotValidYet, "clock");
        check(CertificateError::Revoked, "cannot be trusted");
        let expected = ServerName::try_from("a.example").unwrap();
        let none = CertificateError::NotValidForNameContext { expected, presented: vec![] };
        check(none, "is for nobody and not for `a.example`");
        let expected = ServerName::try_from("::1").unwrap();
        let presented = vec!["DnsName(\"b\")".into(), "IpAddress(127.0.0.1)".into()];
        let other = CertificateError::NotValidForNameContext { expected, presented };
        check(other, "is for `b`, `127.0.0.1` and not for `::1`");
    }

    #[test]
    fn what_a_node_thinks_of_our_certificate_is_said_with_what_to_do() {
        let check = |alert, shown, expected| check(Rustls::AlertReceived(alert), shown, expected);
        let wanted = "the node wants a client certificate";
        check(AlertDescription::CertificateRequired, Shown::Nothing, wanted);
        check(AlertDescription::HandshakeFailure, Shown::Nothing, wanted);
        let refused = "does not accept the client certificate (UnknownCA)";
        check(AlertDescription::UnknownCA, Shown::Certificate, refused);
        let failed = "the node says ProtocolVersion";
        check(AlertDescription::ProtocolVersion, Shown::Nothing, failed);
    }

    #[test]
    fn an_end_before_the_first_word_has_a_reason_in_tls_and_another_error_has_none() {
        check(InvalidMessage::InvalidContentType, Shown::Nothing, "does not speak TLS");
        for (shown, expected) in [
            (Shown::Nothing, "it may want a client certificate"),
            (Shown::Certificate, "it may not accept the client certificate"),
        ] {
            let error = TlsError::of(&io::ErrorKind::ConnectionReset.into(), shown).unwrap();
            assert!(error.to_string().contains(expected), "{error}");
        }
        assert!(TlsError::of(&io::ErrorKind::HostUnreachable.into(), Shown::Nothing).is_none());
    }
}
