//! From certificates and keys, in files or in memory, to what rustls goes by.

use std::{fmt, path::PathBuf, sync::Arc};

use slotway_protocol::Secret;
use tokio_rustls::rustls::{
    ClientConfig, RootCertStore,
    client::WebPkiServerVerifier,
    crypto::ring,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject as _},
    },
};

use super::{TlsError, unverified::Unverified};

/// Where a certificate or a key is.
#[derive(Clone)]
pub(super) enum Source {
    File(PathBuf),
    Pem(Arc<[u8]>),
}

impl Source {
    fn read(&self) -> Result<Secret, TlsError> {
        match self {
            Self::Pem(pem) => Ok(Secret::new(&**pem)),
            Self::File(path) => std::fs::read(path)
                .map(Secret::new)
                .map_err(|source| TlsError::File { path: path.clone(), source }),
        }
    }
}

/// It may be a key.
impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Pem(_) => f.write_str("Pem(..)"),
        }
    }
}

/// Whose certificates are accepted.
#[derive(Clone, Debug, Default)]
pub(super) enum Trust {
    /// Those that an authority signed which this system trusts.
    #[default]
    System,
    /// Those that one of these authorities signed.
    Only(Vec<Source>),
    /// Everybody's.
    Anybody,
}

/// Who the client is.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    pub(super) chain: Source,
    pub(super) key: Source,
}

/// What was read last, and what was made of it.
#[derive(Debug)]
pub(super) struct Loaded {
    read: Material,
    pub(super) config: Arc<ClientConfig>,
}

/// All that there is to read. Two that are equal make the same configuration.
#[derive(Debug, Eq, PartialEq)]
struct Material {
    authorities: Vec<Secret>,
    /// The chain, and the key.
    identity: Option<(Secret, Secret)>,
}

impl Loaded {
    /// Reads all files. `before` is kept if nothing has changed since: with it, sessions can be
    /// resumed.
    pub(super) fn load(
        trust: &Trust,
        identity: Option<&Identity>,
        before: Option<&Arc<Self>>,
    ) -> Result<Arc<Self>, TlsError> {
        let authorities = match trust {
            Trust::System | Trust::Anybody => Vec::new(),
            Trust::Only(sources) => sources.iter().map(Source::read).collect::<Result<_, _>>()?,
        };
        let identity = match identity {
            Some(Identity { chain, key }) => Some((chain.read()?, key.read()?)),
            None => None,
        };
        let read = Material { authorities, identity };
        match before.filter(|before| before.read == read) {
            Some(before) => Ok(before.clone()),
            None => Ok(Arc::new(Self { config: read.config(trust)?, read })),
        }
    }
}

impl Material {
    fn config(&self, trust: &Trust) -> Result<Arc<ClientConfig>, TlsError> {
        // The process may have another default provider, or none.
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|error| TlsError::Handshake(error.to_string()))?;
        let roots = match trust {
            Trust::System => Some(system_roots()?),
            Trust::Only(_) => Some(self.roots()?),
            Trust::Anybody => None,
        };
        let builder = match roots {
            None => {
                builder.dangerous().with_custom_certificate_verifier(Arc::new(Unverified(provider)))
            }
            Some(roots) => {
                let verifier =
                    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build();
                let bad = |error: &dyn ToString| bad("the certificate of the authority", error);
                builder.with_webpki_verifier(verifier.map_err(|error| bad(&error))?)
            }
        };
        let Some((chain, key)) = &self.identity else {
            return Ok(Arc::new(builder.with_no_client_auth()));
        };
        let chain = certificates("the client certificate", chain)?;
        let key = PrivateKeyDer::from_pem_slice(key.expose()).map_err(|error| {
            let none = matches!(error, pem::Error::NoItemsFound);
            let why = if none { "it has no key in it (in PEM)".into() } else { error.to_string() };
            bad("the client's private key", &why)
        })?;
        let config = builder.with_client_auth_cert(chain, key);
        Ok(Arc::new(config.map_err(|error| bad("the client certificate with its key", &error))?))
    }

    fn roots(&self) -> Result<RootCertStore, TlsError> {
        let mut roots = RootCertStore::empty();
        for pem in &self.authorities {
            for certificate in certificates("the certificate of the authority", pem)? {
                let added = roots.add(certificate);
                added.map_err(|error| bad("the certificate of the authority", &error))?;
            }
        }
        Ok(roots)
    }
}

fn system_roots() -> Result<RootCertStore, TlsError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // Some systems have one that is not understood among the others.
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        let why = found.errors.first().map(|error| format!(" ({error})"));
        return Err(TlsError::NoAuthorities { why: why.unwrap_or_default() });
    }
    Ok(roots)
}

fn certificates(
    what: &'static str,
    pem: &Secret,
) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let all = CertificateDer::pem_slice_iter(pem.expose()).collect::<Result<Vec<_>, _>>();
    match all {
        Ok(all) if all.is_empty() => Err(bad(what, &"it has no certificate in it (in PEM)")),
        Ok(all) => Ok(all),
        Err(error) => Err(bad(what, &error)),
    }
}

fn bad(what: &'static str, why: &dyn ToString) -> TlsError {
    TlsError::Pem { what, why: why.to_string() }
}
