//! Certificates for nodes that talk TLS, and the trust of those who talk to them.

use std::{
    fs,
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use tokio_rustls::rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject as _},
};

use crate::Error;

/// The files of a certificate authority and of the one certificate that all nodes share.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TlsFiles {
    /// Whom to trust.
    pub ca: PathBuf,
    /// Who the nodes are: localhost.
    pub certificate: PathBuf,
    /// The nodes' private key.
    pub key: PathBuf,
}

impl TlsFiles {
    /// Makes them in `folder`, unless they are there: those who trust them shall go on doing so.
    pub(crate) fn create(folder: &Path) -> Result<Self, Error> {
        fs::create_dir_all(folder).map_err(Error::file("create", folder))?;
        let files = Self {
            ca: folder.join("ca.crt"),
            certificate: folder.join("node.crt"),
            key: folder.join("node.key"),
        };
        if [&files.ca, &files.certificate, &files.key].iter().all(|file| file.is_file()) {
            return Ok(files);
        }
        let made = certificates().map_err(|error| Error::Certificates(error.to_string()))?;
        for (path, pem) in [&files.ca, &files.certificate, &files.key].into_iter().zip(&made) {
            write_private(path, pem.as_bytes())?;
        }
        Ok(files)
    }

    /// What a client needs to trust the nodes.
    pub(crate) fn client(&self) -> Result<Arc<ClientConfig>, Error> {
        let bad = |error: &dyn ToString| Error::Certificates(error.to_string());
        let ca = CertificateDer::from_pem_file(&self.ca).map_err(|error| bad(&error))?;
        let mut roots = RootCertStore::empty();
        roots.add(ca).map_err(|error| bad(&error))?;
        // The process may have another default provider, or none.
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| bad(&error))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Arc::new(config))
    }
}

/// An authority, a certificate of it for this machine's loopback, and its key, as PEM.
fn certificates() -> Result<[String; 3], rcgen::Error> {
    let ca_key = KeyPair::generate()?;
    let mut ca = CertificateParams::default();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    ca.distinguished_name.push(DnType::CommonName, "slotway development CA");
    let ca_pem = ca.self_signed(&ca_key)?.pem();
    let issuer = Issuer::new(ca, ca_key);

    let names = ["localhost", "127.0.0.1", "::1"].map(String::from);
    let mut node = CertificateParams::new(names)?;
    node.distinguished_name.push(DnType::CommonName, "slotway development node");
    let node_key = KeyPair::generate()?;
    let node_pem = node.signed_by(&node_key, &issuer)?.pem();
    Ok([ca_pem, node_pem, node_key.serialize_pem()])
}

/// Writes a file that only its owner can read, or leaves what was there.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    // A rename puts all of it in place or nothing, also when the process is killed here.
    let next = path.with_extension("next");
    let _ = fs::remove_file(&next);
    fs::File::options()
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(&next)
        .and_then(|mut file| file.write_all(bytes))
        .and_then(|()| fs::rename(&next, path))
        .map_err(Error::file("write", path))
}
