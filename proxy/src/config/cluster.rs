//! What the client is told about the cluster.

use slotway::{Config, Credentials, NodeAddr, ReadFrom, Tls};

use super::{
    build::{Values, client_limits},
    keys::Id,
    kind::map_of,
    seeds,
};

/// The keys that mean something with TLS alone.
const TLS_ONLY: [Id; 4] = [Id::CaFile, Id::CertFile, Id::KeyFile, Id::ServerName];

/// What the client is told; nothing, if there is a problem that keeps it from being told.
pub(crate) fn build(values: &mut Values<'_>) -> Option<Config> {
    let mut config = Config::new(nodes(values)).with_limits(client_limits(values));
    let password = values.secret(Id::Password, Id::PasswordFile);
    let user = values.text(Id::User).map(str::to_owned);
    if user.is_some() || password.is_some() {
        config.credentials = Some(Credentials { user, password: password.unwrap_or_default() });
    }
    config.tls = tls(values);
    config.name = name(values);
    config.zone = values.text(Id::Zone).map(str::to_owned);
    config.read_from = read_from(values);
    match map_of(values.list(Id::AddressMap)) {
        Ok(map) => config.address_map = map,
        Err(wrong) => values.problem(Id::AddressMap, wrong.says, wrong.hint.unwrap_or_default()),
    }
    Some(config)
}

fn nodes(values: &mut Values<'_>) -> Vec<NodeAddr> {
    let seeds = values.list(Id::Seeds).iter().filter_map(|text| seeds::read(text).ok());
    let nodes: Vec<_> = seeds.flat_map(|seed| seed.nodes).collect();
    if nodes.is_empty() {
        values.missing(
            "no node of the cluster is named",
            "name one: slotway proxy 10.0.0.1:6379, or `seeds` in [cluster] of a file that \
             --config names",
        );
    }
    nodes
}

fn tls(values: &mut Values<'_>) -> Option<Tls> {
    let verify = values.is_on(Id::TlsVerify);
    if !values.is_on(Id::Tls) {
        let useless = TLS_ONLY.into_iter().filter(|id| values.given(*id).is_some());
        let useless: Vec<_> = useless.chain((!verify).then_some(Id::TlsVerify)).collect();
        for id in useless {
            values.problem(id, "it is for TLS only", "turn TLS on too: --tls, or `tls = true`");
        }
        return None;
    }
    let mut tls = Tls::new();
    if let Some(path) = values.readable(Id::CaFile) {
        tls = tls.with_ca_file(path);
        if !verify {
            values.problem(
                Id::TlsVerify,
                "nothing is checked, and `ca_file` says by whom",
                "leave one of them out",
            );
        }
    }
    match (values.readable(Id::CertFile), values.readable(Id::KeyFile)) {
        (Some(chain), Some(key)) => tls = tls.with_client_certificate_files(chain, key),
        (Some(_), None) => {
            values.problem(Id::CertFile, "it needs `key_file` too", "name both, or none");
        }
        (None, Some(_)) => {
            values.problem(Id::KeyFile, "it needs `cert_file` too", "name both, or none");
        }
        (None, None) => {}
    }
    if let Some(name) = values.text(Id::ServerName) {
        tls = tls.with_server_name(name);
    }
    Some(if verify { tls } else { tls.dangerous_without_verification() })
}

fn name(values: &mut Values<'_>) -> Option<String> {
    let name = values.text(Id::ClientName)?;
    if !name.bytes().all(|byte| byte.is_ascii_graphic()) {
        let hint = "choose one of visible ASCII without blanks";
        values.problem(Id::ClientName, format!("servers do not take `{name}`"), hint);
    }
    Some(name.to_owned())
}

fn read_from(values: &mut Values<'_>) -> ReadFrom {
    match values.text(Id::ReadFrom) {
        Some("prefer-replica") => ReadFrom::PreferReplica,
        Some("any") => ReadFrom::Any,
        Some("same-zone") => {
            if values.text(Id::Zone).is_none() {
                let hint = "say in `zone` where the proxy is, or choose another";
                values.problem(Id::ReadFrom, "same-zone needs a zone", hint);
            }
            ReadFrom::SameZone
        }
        _ => ReadFrom::Primary,
    }
}
