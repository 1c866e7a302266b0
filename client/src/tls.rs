//! TLS to the nodes: whom to trust, who the client is, and what the nodes are called.

mod error;
mod material;
mod unverified;

use std::{fmt, io, path::PathBuf, sync::Arc};

pub(crate) use error::Shown;
pub use error::TlsError;
use material::{Identity, Loaded, Source, Trust};
use parking_lot::Mutex;
use slotway_protocol::NodeAddr;
use tokio::net::TcpStream;
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{ClientConfig, pki_types::ServerName},
};
use tracing::warn;

use crate::error::ConnectError;

/// How the client and the nodes prove to each other who they are.
///
/// By default, a node has to show a certificate for the host it is reached at, signed by an
/// authority that this system trusts. Most clusters have an authority of their own:
///
/// ```
/// use slotway::{Config, Tls};
///
/// let tls = Tls::new()
///     .with_ca_file("/etc/cluster/ca.crt")
///     .with_client_certificate_files("/etc/cluster/app.crt", "/etc/cluster/app.key");
/// let config: Config = "rediss://10.0.0.1:7000".parse()?;
/// let config = config.with_tls(tls);
/// # Ok::<_, slotway::UrlError>(())
/// ```
///
/// Files are read for each new connection, so a certificate that is renewed is used without a
/// restart. While they cannot be read or used, what was read before goes on being used.
#[derive(Clone, Debug, Default)]
pub struct Tls {
    trust: Trust,
    identity: Option<Identity>,
    names: Names,
    loaded: Arc<Mutex<Option<Arc<Loaded>>>>,
}

/// What a node's certificate has to say.
#[derive(Clone, Default)]
enum Names {
    /// The host that it is reached at.
    #[default]
    Host,
    /// The same for all.
    All(String),
    /// One for each; the host, if there is none.
    Each(Arc<NameOf>),
}

type NameOf = dyn Fn(&NodeAddr) -> Option<String> + Send + Sync;

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host => f.write_str("Host"),
            Self::All(name) => f.debug_tuple("All").field(name).finish(),
            Self::Each(_) => f.write_str("Each(..)"),
        }
    }
}

impl Tls {
    /// Trusts the authorities that this system trusts, and shows no certificate.
    pub fn new() -> Self {
        Self::default()
    }

    /// Trusts the authorities in this file, in PEM, and no longer those of the system. May be
    /// called for several files.
    #[must_use]
    pub fn with_ca_file(self, path: impl Into<PathBuf>) -> Self {
        self.with_authority(Source::File(path.into()))
    }

    /// The same with the certificates themselves, in PEM.
    #[must_use]
    pub fn with_ca_pem(self, pem: impl AsRef<[u8]>) -> Self {
        self.with_authority(Source::Pem(pem.as_ref().into()))
    }

    /// Shows this certificate to the nodes: a file with it and what it was signed by, and a file
    /// with its private key, both in PEM.
    #[must_use]
    pub fn with_client_certificate_files(
        self,
        chain: impl Into<PathBuf>,
        key: impl Into<PathBuf>,
    ) -> Self {
        let (chain, key) = (Source::File(chain.into()), Source::File(key.into()));
        Self { identity: Some(Identity { chain, key }), loaded: Arc::default(), ..self }
    }

    /// The same with certificate and key themselves, in PEM.
    #[must_use]
    pub fn with_client_certificate_pem(
        self,
        chain: impl AsRef<[u8]>,
        key: impl AsRef<[u8]>,
    ) -> Self {
        let (chain, key) = (Source::Pem(chain.as_ref().into()), Source::Pem(key.as_ref().into()));
        Self { identity: Some(Identity { chain, key }), loaded: Arc::default(), ..self }
    }

    /// Expects this name, or IP address, in the certificate of every node, wherever it is
    /// reached. A cluster whose nodes announce IP addresses often has one name for all.
    #[must_use]
    pub fn with_server_name(self, name: impl Into<String>) -> Self {
        Self { names: Names::All(name.into()), ..self }
    }

    /// Expects in the certificate of each node the name that `name_of` gives for the address that
    /// the node announces; for none, the host that it is reached at.
    #[must_use]
    pub fn with_server_names(
        self,
        name_of: impl Fn(&NodeAddr) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        Self { names: Names::Each(Arc::new(name_of)), ..self }
    }

    /// Accepts any certificate. Whoever is in between can then read and change everything,
    /// passwords included: it is for a try on one's own machine.
    #[must_use]
    pub fn dangerous_without_verification(self) -> Self {
        Self { trust: Trust::Anybody, loaded: Arc::default(), ..self }
    }

    /// Makes a TCP connection one of TLS. `node` is what the node is called, `at` where it is
    /// reached.
    pub(crate) async fn secure(
        &self,
        tcp: TcpStream,
        node: &NodeAddr,
        at: &NodeAddr,
    ) -> Result<TlsStream<TcpStream>, ConnectError> {
        let name = self.server_name(node, at)?;
        let connector = TlsConnector::from(self.config().await?);
        connector.connect(name, tcp).await.map_err(|error| self.explain(error))
    }

    /// What an error of a TLS stream means.
    pub(crate) fn explain(&self, error: io::Error) -> ConnectError {
        match TlsError::of(&error, self.shown()) {
            Some(error) => error.into(),
            None => error.into(),
        }
    }

    /// What the nodes get to see.
    pub(crate) fn shown(&self) -> Shown {
        match self.identity {
            None => Shown::Nothing,
            Some(_) => Shown::Certificate,
        }
    }

    fn with_authority(self, source: Source) -> Self {
        let mut authorities = match self.trust {
            Trust::Only(authorities) => authorities,
            Trust::System | Trust::Anybody => Vec::new(),
        };
        authorities.push(source);
        Self { trust: Trust::Only(authorities), loaded: Arc::default(), ..self }
    }

    fn server_name(&self, node: &NodeAddr, at: &NodeAddr) -> Result<ServerName<'static>, TlsError> {
        let name = match &self.names {
            Names::Host => None,
            Names::All(name) => Some(name.clone()),
            Names::Each(name_of) => name_of(node),
        };
        let name = name.unwrap_or_else(|| at.host().to_owned());
        ServerName::try_from(name.clone()).map_err(|_| TlsError::ServerName(name))
    }

    /// What rustls goes by, after a look at whether files have changed.
    async fn config(&self) -> Result<Arc<ClientConfig>, ConnectError> {
        let tls = self.clone();
        // Files may be on a slow disk, and the system may have hundreds of authorities.
        let loaded = tokio::task::spawn_blocking(move || tls.load()).await;
        Ok(loaded.map_err(io::Error::from)??)
    }

    fn load(&self) -> Result<Arc<ClientConfig>, TlsError> {
        let before = self.loaded.lock().clone();
        match Loaded::load(&self.trust, self.identity.as_ref(), before.as_ref()) {
            Ok(loaded) => {
                *self.loaded.lock() = Some(loaded.clone());
                Ok(loaded.config.clone())
            }
            Err(error) => {
                let Some(before) = before else { return Err(error) };
                warn!(%error, "TLS files cannot be used; those read before still are");
                Ok(before.config.clone())
            }
        }
    }
}
