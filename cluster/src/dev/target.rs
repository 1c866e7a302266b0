//! Which node is meant by `shard1`, `17001` or `07c37d`. Pure.

use crate::Error;

/// A node as it can be named.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) port: u16,
    pub(crate) id: String,
    pub(crate) shard: usize,
}

/// What a name stands for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Target {
    /// Whoever is the primary of this shard now.
    Shard(usize),
    /// The node with this number.
    Node(usize),
}

impl Target {
    /// How few digits of an id are taken for one.
    const ID_MIN: usize = 4;

    /// Finds what `text` names among `nodes`, or says which name is nearest to it.
    pub(crate) fn find(text: &str, nodes: &[Named]) -> Result<Self, Error> {
        let lower = text.to_ascii_lowercase();
        let number = lower.strip_prefix("shard").and_then(|rest| rest.parse::<usize>().ok());
        if let Some(shard) = number.and_then(|number| number.checked_sub(1))
            && nodes.iter().any(|node| node.shard == shard)
        {
            return Ok(Self::Shard(shard));
        }
        let port = lower.rsplit_once(':').map_or(lower.as_str(), |(_, port)| port);
        let exact = |node: &Named| node.port.to_string() == port || node.name == lower;
        if let Some(index) = nodes.iter().position(exact) {
            return Ok(Self::Node(index));
        }
        let by_id = |node: &Named| lower.len() >= Self::ID_MIN && node.id.starts_with(&lower);
        let found: Vec<_> = (0..nodes.len()).filter(|&index| by_id(&nodes[index])).collect();
        match found[..] {
            [index] => Ok(Self::Node(index)),
            [] => Err(Error::misuse(format!("there is no `{text}`"), suggestion(&lower, nodes))),
            _ => Err(Error::misuse(
                format!("`{text}` is the start of {} node ids", found.len()),
                "write more of it",
            )),
        }
    }
}

fn suggestion(text: &str, nodes: &[Named]) -> String {
    let shards = nodes.iter().map(|node| node.shard + 1).max().unwrap_or(0);
    let shards = (1..=shards).map(|shard| format!("shard{shard}"));
    let ports = nodes.iter().map(|node| node.port.to_string());
    let names: Vec<_> = shards.chain(ports).collect();
    let nearest = names
        .iter()
        .map(|name| (strsim::damerau_levenshtein(text, name), name))
        .min()
        .filter(|&(distance, _)| distance <= 2);
    match nearest {
        Some((_, name)) => format!("did you mean `{name}`?"),
        None => format!("it can be one of {}, or the start of a node id", names.join(" ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes() -> Vec<Named> {
        let node = |number: u16, id: &str, shard| Named {
            name: format!("node-{number}"),
            port: 17_000 + number,
            id: id.into(),
            shard,
        };
        vec![node(1, "aaaa11", 0), node(2, "aaaa22", 1), node(3, "170022", 0)]
    }

    #[track_caller]
    fn check(text: &str, expected: Target) {
        assert_eq!(Target::find(text, &nodes()).unwrap(), expected, "{text}");
    }

    #[track_caller]
    fn check_hint(text: &str, hint: &str) {
        let error = Target::find(text, &nodes()).unwrap_err();
        assert_eq!(error.hint().as_deref(), Some(hint), "{text}");
    }

    #[test]
    fn a_node_has_many_names() {
        check("shard2", Target::Shard(1));
        check("Shard1", Target::Shard(0));
        check("17002", Target::Node(1));
        check("127.0.0.1:17001", Target::Node(0));
        check("node-3", Target::Node(2));
        check("aaaa1", Target::Node(0));
        check("AAAA2", Target::Node(1));
        check("170022", Target::Node(2));
    }

    #[test]
    fn a_typo_gets_the_nearest_name() {
        check_hint("shrad1", "did you mean `shard1`?");
        check_hint("shard", "did you mean `shard1`?");
        check_hint("1700l", "did you mean `17001`?");
        check_hint("aaaa", "write more of it");
        check_hint(
            "everything",
            "it can be one of shard1 shard2 17001 17002 17003, or the start of a node id",
        );
        check_hint(
            "",
            "it can be one of shard1 shard2 17001 17002 17003, or the start of a node id",
        );
    }
}
