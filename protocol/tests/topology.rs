//! What the readers of cluster views promise, for real answers and for any other.
#![expect(clippy::unwrap_used, reason = "a sample that cannot be made is a failed test")]

use std::path::PathBuf;

use bytes::Bytes;
use proptest::{
    collection::{btree_set, vec},
    option,
    prelude::*,
};
use slotway_protocol::{
    Freshness, Health, NodeAddr, NodeId, NodeInfo, Origin, ReplyLimits, Shard, Slot, SlotMove,
    SlotRange, SlotTable, Topology, TopologyError, Transport, Value,
};

const SAMPLES: [&str; 13] = [
    "redis-7.0-alone",
    "redis-7.0-failed",
    "redis-7.0-failed-over",
    "redis-7.0-handshake",
    "redis-7.0-hostname",
    "redis-7.0-importing",
    "redis-7.0-migrating",
    "redis-7.0-plain",
    "redis-7.0-tls",
    "redis-7.0-unknown-endpoint",
    "valkey-8.1-failed-over",
    "valkey-9.1-failed-over",
    "valkey-9.1-zones",
];

fn origin() -> Origin {
    Origin { addr: NodeAddr::new("10.9.8.7", 6379), transport: Transport::Plain }
}

#[expect(clippy::disallowed_methods, reason = "the samples are files")]
fn answer(sample: &str, file: &str) -> Value {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/topology");
    let bytes = Bytes::from(std::fs::read(path.join(sample).join(file)).unwrap());
    if file == "nodes.txt" {
        return Value::Bulk(bytes);
    }
    Value::decode(&bytes, &ReplyLimits::default()).unwrap()
}

fn slots(sample: &str) -> Topology {
    let read = |file| Topology::from_slots(&answer(sample, file), &origin()).unwrap();
    assert_eq!(read("slots.resp2"), read("slots.resp3"), "{sample}");
    read("slots.resp3")
}

fn shards(sample: &str) -> Topology {
    let read = |file| Topology::from_shards(&answer(sample, file), &origin()).unwrap();
    assert_eq!(read("shards.resp2"), read("shards.resp3"), "{sample}");
    read("shards.resp3")
}

fn nodes(sample: &str) -> Topology {
    Topology::from_nodes(&answer(sample, "nodes.txt"), &origin()).unwrap()
}

fn name(node: &NodeInfo) -> String {
    let addr = node.addr.as_ref().map_or_else(|| "nowhere".into(), ToString::to_string);
    if node.health == Health::Online { addr } else { format!("{addr} {:?}", node.health) }
}

/// One line a shard: slots, primary, replicas.
fn outline(topology: &Topology) -> Vec<String> {
    let line = |shard: &Shard| {
        let range = |range: &SlotRange| format!("{}-{}", range.first(), range.last());
        let slots: Vec<_> = shard.slots.iter().map(range).collect();
        let names: Vec<_> = shard.nodes().map(name).collect();
        format!("{}: {}", slots.join(" "), names.join(", "))
    };
    topology.shards.iter().map(line).collect()
}

#[track_caller]
fn check(topology: &Topology, expected: &[&str]) {
    assert_eq!(outline(topology), expected);
}

#[test]
fn all_forms_agree_on_who_owns_what() {
    for sample in SAMPLES {
        let owners = |topology: Topology| -> Vec<Option<(u16, Option<NodeId>)>> {
            let table = SlotTable::new(topology).unwrap();
            let owner = |slot| {
                table
                    .owner(slot)
                    .map(|node| (node.addr().map_or(0, NodeAddr::port), node.info().id))
            };
            Slot::all().map(owner).collect()
        };
        let mut seen = vec![owners(slots(sample)), owners(shards(sample)), owners(nodes(sample))];
        if sample == "redis-7.0-hostname" {
            // The IP address stands in for the host name that one node has not got.
            seen.remove(2);
        }
        assert!(seen.windows(2).all(|pair| pair[0] == pair[1]), "{sample}");
    }
}

#[test]
fn a_quiet_cluster_is_read_as_it_is() {
    let all = [
        "0-5460: 127.0.0.1:21300, 127.0.0.1:21303",
        "5461-10922: 127.0.0.1:21301, 127.0.0.1:21304",
        "10923-16383: 127.0.0.1:21302, 127.0.0.1:21305",
    ];
    check(&nodes("redis-7.0-plain"), &all);
    let mut loading = all;
    loading[1] = "5461-10922: 127.0.0.1:21301, 127.0.0.1:21304 Loading";
    check(&shards("redis-7.0-plain"), &loading);
    // SLOTS leaves out the replica that has not got its data yet.
    let mut ready = all;
    ready[1] = "5461-10922: 127.0.0.1:21301";
    check(&slots("redis-7.0-plain"), &ready);
    assert_eq!(nodes("redis-7.0-plain").epoch, Some(3));
    assert_eq!(shards("redis-7.0-plain").epoch, None);
}

#[test]
fn a_node_that_knows_nobody_is_at_the_address_that_was_asked() {
    check(&slots("redis-7.0-alone"), &[]);
    check(&shards("redis-7.0-alone"), &[": 10.9.8.7:21300"]);
    check(&nodes("redis-7.0-alone"), &[": 10.9.8.7:21300"]);
}

#[test]
fn a_node_in_the_handshake_has_no_place() {
    let topology = nodes("redis-7.0-handshake");
    check(&topology, &[": 10.9.8.7:21300"]);
    assert_eq!(topology.unplaced.len(), 5);
    assert!(topology.unplaced.iter().all(|node| node.health == Health::Handshake));
}

#[test]
fn a_name_is_the_address_where_the_cluster_prefers_names() {
    let by_name = [
        "0-5460: node-0.example:21300, node-3.example:21303",
        "5461-10922: node-1.example:21301, node-4.example:21304 Loading",
        "10923-16383: nowhere, node-5.example:21305",
    ];
    check(&shards("redis-7.0-hostname"), &by_name);
    let nameless = &shards("redis-7.0-hostname").shards[2].primary.clone().unwrap();
    assert_eq!(nameless.ip.as_deref(), Some("127.0.0.1"));
    assert_eq!(
        nodes("redis-7.0-hostname").shards[0].primary.as_ref().unwrap().hostname.as_deref(),
        Some("node-0.example")
    );
    let together = [nodes("redis-7.0-hostname"), shards("redis-7.0-hostname")];
    let learned = Topology::newest(together.to_vec()).unwrap();
    assert!(learned.nodes().all(|node| node.addr.is_some()));
}

#[test]
fn a_node_without_an_endpoint_is_at_the_host_that_answered() {
    let elsewhere = [
        "0-5460: 10.9.8.7:21300, 10.9.8.7:21303",
        "5461-10922: 10.9.8.7:21301",
        "10923-16383: 10.9.8.7:21302, 10.9.8.7:21305",
    ];
    check(&slots("redis-7.0-unknown-endpoint"), &elsewhere);
    let table = SlotTable::new(slots("redis-7.0-unknown-endpoint")).unwrap();
    for host in ["10.9.8.7", "127.0.0.1", "node-0.example"] {
        assert_eq!(table.node_at(&NodeAddr::new(host, 21300)).map(|node| node.index()), Some(0));
    }
}

#[test]
fn the_port_is_that_of_the_transport() {
    let over = |transport| {
        let origin = Origin { transport, ..origin() };
        Topology::from_shards(&answer("redis-7.0-tls", "shards.resp3"), &origin).unwrap()
    };
    let port = |topology: &Topology| {
        topology.shards[0].primary.as_ref().and_then(|node| Some(node.addr.as_ref()?.port()))
    };
    assert_eq!(port(&over(Transport::Plain)), Some(21400));
    assert_eq!(port(&over(Transport::Tls)), Some(21450));
}

#[test]
fn a_slot_on_its_way_is_known_at_both_ends() {
    let leaving = nodes("redis-7.0-migrating").moves;
    assert_eq!(leaving, nodes("redis-7.0-importing").moves);
    let slots: Vec<_> = leaving.iter().map(|step| step.slot.number()).collect();
    assert_eq!(slots, [100, 102]);
    let table = SlotTable::new(nodes("redis-7.0-migrating")).unwrap();
    let port = |id| table.node_with_id(id).unwrap().addr().unwrap().port();
    assert_eq!((port(leaving[0].from), port(leaving[0].to)), (21300, 21301));
}

#[test]
fn a_slot_that_comes_to_a_primary_does_not_come_to_the_replica_that_says_so() {
    let [from, to, replica] = [1, 2, 3].map(|number| id(number).to_string());
    let text = [
        format!("{to} 10.0.0.1:2@3 master - 0 0 2 connected 5"),
        format!("{replica} 10.0.0.1:3@4 myself,slave {to} 0 0 2 connected [7-<-{from}]"),
        format!("{from} 10.0.0.1:1@2 master - 0 0 1 connected 7"),
    ];
    let view = Topology::from_nodes(&bulk(text.join("\n")), &origin()).unwrap();
    let step = SlotMove { slot: Slot::new(7).unwrap(), from: id(1), to: id(2) };
    assert_eq!(view.moves, [step]);
}

#[test]
fn a_failed_primary_keeps_its_slots_until_another_takes_them() {
    let failed = [
        "0-199 201-5460: 127.0.0.1:21300, 127.0.0.1:21303",
        "200-200 5461-10922: 127.0.0.1:21301, 127.0.0.1:21304",
        "10923-16383: 127.0.0.1:21302 Failed, 127.0.0.1:21305 Failed",
    ];
    check(&nodes("redis-7.0-failed"), &failed);
    check(
        &nodes("redis-7.0-failed-over"),
        &[
            failed[0],
            "200-200 5461-10922: 127.0.0.1:21304",
            "10923-16383: 127.0.0.1:21302, 127.0.0.1:21305",
            ": 127.0.0.1:21301 Failed",
        ],
    );
}

#[test]
fn the_primary_of_a_shard_that_names_two_is_the_healthy_one() {
    check(
        &shards("valkey-9.1-failed-over"),
        &[
            "0-199 201-5460: 127.0.0.1:21340, 127.0.0.1:21343",
            "200-200 5461-10922: 127.0.0.1:21344, 127.0.0.1:21341 Failed",
            "10923-16383: 127.0.0.1:21342, 127.0.0.1:21345",
        ],
    );
}

#[test]
fn a_node_is_in_the_zone_that_it_announced() {
    for topology in [slots("valkey-9.1-zones"), shards("valkey-9.1-zones")] {
        let zones: Vec<_> = topology.nodes().map(|node| node.zone.as_deref().unwrap()).collect();
        assert_eq!(zones, ["az-0", "az-1", "az-1", "az-0", "az-0", "az-1"]);
    }
}

#[test]
fn a_view_from_before_a_failover_does_not_win() {
    let (before, after) = (nodes("redis-7.0-failed"), nodes("redis-7.0-failed-over"));
    assert_eq!(before.freshness(&after), Freshness::Older);
    assert_eq!(after.freshness(&before), Freshness::Newer);
    assert_eq!(after.freshness(&after), Freshness::Undecided);
    assert_eq!(after.freshness(&nodes("valkey-9.1-zones")), Freshness::Unrelated);
    for views in [[before.clone(), after.clone()], [after.clone(), before]] {
        assert_eq!(outline(&Topology::newest(views.to_vec()).unwrap()), outline(&after));
    }
}

#[test]
fn a_view_is_followed_only_by_one_that_knows_at_least_as_much() {
    let (before, after) = (nodes("redis-7.0-failed"), nodes("redis-7.0-failed-over"));
    let (alone, others) = (nodes("redis-7.0-alone"), nodes("valkey-9.1-zones"));
    let follows = |heard: &[&Topology], known: &Topology| {
        let heard = heard.iter().copied().cloned().collect();
        Topology::successor(heard, known).map(|view| view.map(|view| outline(&view)).ok())
    };
    assert_eq!(follows(&[&after], &before), Some(Some(outline(&after))));
    assert_eq!(follows(&[&before], &after), Some(None));
    assert_eq!(follows(&[&before, &after], &after), Some(Some(outline(&after))));
    assert_eq!(follows(&[], &after), None);
    let mut fewer = after.clone();
    fewer.shards[0].slots.clear();
    assert_eq!(follows(&[&fewer], &after), Some(None), "the same epoch, and fewer slots");
    assert_eq!(follows(&[&after], &fewer), Some(Some(outline(&after))));
    let fewer = Topology::newest(vec![fewer.with_epoch(99)]).unwrap();
    assert_eq!(follows(&[&fewer], &after), Some(Some(outline(&fewer))));
    // Another cluster is believed once nobody speaks of this one, and never if it is empty.
    let louder = others.clone().with_epoch(99);
    assert_eq!(follows(&[&louder, &after], &after), Some(Some(outline(&after))));
    assert_eq!(follows(&[&louder], &after), Some(Some(outline(&others))));
    assert_eq!(follows(&[&alone], &after), Some(None));
    assert_eq!(follows(&[&others], &Topology::default()), Some(Some(outline(&others))));
}

#[test]
fn a_view_takes_the_names_that_nodes_want_to_be_called_by() {
    let (numbers, names) = (nodes("redis-7.0-hostname"), shards("redis-7.0-hostname"));
    let view = numbers.clone().called_as_in(&names);
    let by_name = [
        "0-5460: node-0.example:21300, node-3.example:21303",
        "5461-10922: node-1.example:21301, node-4.example:21304 Loading",
        "10923-16383: 127.0.0.1:21302, node-5.example:21305",
    ];
    check(&view, &by_name);
    assert_eq!(view.epoch, numbers.epoch);
    let table = SlotTable::new(view).unwrap();
    let node = |host| table.node_at(&NodeAddr::new(host, 21300)).map(|node| node.index());
    assert_eq!((node("node-0.example"), node("127.0.0.1")), (Some(0), Some(0)));
    let missing = numbers.clone().called_as_in(&Topology::default());
    assert_eq!(missing, numbers);
}

#[test]
fn an_error_is_quoted_and_nonsense_is_named() {
    let refused =
        Value::Error(Bytes::from_static(b"ERR This instance has cluster support disabled"));
    let nonsense = Value::Integer(7);
    for read in [Topology::from_slots, Topology::from_shards, Topology::from_nodes] {
        let error = read(&refused, &origin()).unwrap_err().to_string();
        assert!(error.ends_with("cluster support disabled"), "{error}");
        assert!(matches!(read(&nonsense, &origin()), Err(TopologyError::Malformed(_))));
    }
}

#[track_caller]
fn check_nodes(lines: &[&str], expected: Result<&[&str], TopologyError>) {
    let text = lines.join("\n").replace("ID", &"a".repeat(39));
    let got = Topology::from_nodes(&bulk(text), &origin());
    let got = got.map(|topology| outline(&topology));
    let expected = expected.map(|lines| lines.iter().map(ToString::to_string).collect());
    assert_eq!(got, expected, "{lines:?}");
}

#[test]
fn an_address_is_read_in_every_form_that_servers_write() {
    for (address, expected) in [
        ("10.0.0.1:6379", "10.0.0.1:6379"),
        ("10.0.0.1:6379@16379", "10.0.0.1:6379"),
        ("::1:6379@16379", "[::1]:6379"),
        ("[fd00::1]:6379@16379", "[fd00::1]:6379"),
        (":6379@16379", "10.9.8.7:6379"),
        ("0.0.0.0:6380@16379", "10.9.8.7:6380"),
        ("?:6379@16379", "nowhere"),
        ("10.0.0.1:0@16379", "10.0.0.1:6379"),
        ("10.0.0.1:7000@16379,name.example", "10.0.0.1:7000"),
        ("10.0.0.1:7000@16379,,shard-id=b", "10.0.0.1:7000"),
        ("10.0.0.1:7001@1,,nodename=n,tcp-port=7000,tls-port=7001", "10.0.0.1:7000"),
    ] {
        let line = format!("ID1 {address} master - 0 0 1 connected 7");
        check_nodes(&[&line], Ok(&[&format!("7-7: {expected}")]));
    }
    check_nodes(
        &["ID1 10.0.0.1:7000@1 master,noaddr - 0 0 1 disconnected 7"],
        Ok(&["7-7: nowhere"]),
    );
}

#[test]
fn a_node_without_a_place_is_kept_apart() {
    check_nodes(
        &[
            "ID1 a:1@1 myself,master - 0 0 1 connected 0-16383",
            "ID2 a:2@1 slave ID1 0 0 1 connected",
            "ID3 a:3@1 slave ID9 0 0 1 connected",
            "ID4 a:4@1 slave,fail? ID1 0 0 1 connected",
            "ID5 a:5@1 noflags - 0 0 1 connected",
        ],
        Ok(&["0-16383: a:1, a:2, a:4 Suspected"]),
    );
}

#[test]
fn a_view_with_any_fault_is_refused_whole() {
    let line = |rest: &str| format!("ID1 a:1@1 master - 0 0 {rest}");
    for (rest, error) in [
        ("1 connected 16384", TopologyError::BadRange(16_384, 16_384)),
        ("1 connected 0-16384", TopologyError::BadRange(0, 16_384)),
        ("1 connected 5-3", TopologyError::BadRange(5, 3)),
        ("1 connected 0-5 5-9", TopologyError::Overlap(Slot::new(5).unwrap())),
        ("1", TopologyError::Malformed("a line is too short")),
        ("x connected", TopologyError::Malformed("an epoch is not a number")),
        ("1 connected 1-2-3", TopologyError::Malformed("a slot is not a number")),
        ("1 connected -1", TopologyError::Malformed("a slot is not a number")),
        ("1 connected [5->-x]", TopologyError::Malformed("an id has not 40 digits")),
        (
            "1 connected [16384->-ID2]",
            TopologyError::Malformed("a moving slot is not [slot->-id] or [slot-<-id]"),
        ),
    ] {
        check_nodes(&[&line(rest)], Err(error));
    }
    let twice = line("1 connected");
    check_nodes(&[&twice, &twice], Err(TopologyError::Malformed("a node is named twice")));
    check_nodes(
        &["ID1 a:70000@1 master - 0 0 1 connected"],
        Err(TopologyError::Malformed("an address is not host:port")),
    );
    check_nodes(
        &["ID1 a\u{7f}:7@1 master - 0 0 1 connected"],
        Err(TopologyError::Malformed("a host is neither a name nor an address")),
    );
}

#[test]
fn a_view_of_too_many_nodes_is_refused_while_it_is_read() {
    let line = |number| format!("{number:040x} a:1@1 slave {number:040x} 0 0 0 connected\n");
    let with = |count: usize| {
        let text: String = (0..count).map(line).collect();
        Topology::from_nodes(&bulk(text), &origin()).map(|topology| topology.unplaced.len())
    };
    assert_eq!(with(Topology::NODES_MAX), Ok(Topology::NODES_MAX));
    assert_eq!(with(Topology::NODES_MAX + 1), Err(TopologyError::TooManyNodes));
}

#[test]
fn a_thousand_nodes_and_a_range_for_every_slot_are_read_in_every_form() {
    let shard = |number: u16| Shard {
        primary: Some(NodeInfo {
            id: Some(id(number.into())),
            ..NodeInfo::at(NodeAddr::new("a", number + 1))
        }),
        slots: Slot::all()
            .filter(|slot| slot.number() % 1000 == number)
            .map(SlotRange::from)
            .collect(),
        epoch: Some(1),
        ..Shard::default()
    };
    let topology =
        Topology { shards: (0..1000).map(shard).collect(), epoch: Some(1), ..Topology::default() };
    let nodes = Topology::from_nodes(&bulk(as_nodes(&topology).join("\n")), &origin()).unwrap();
    assert_eq!(nodes, topology);
    let bare = without_epochs(topology.clone());
    assert_eq!(Topology::from_shards(&as_shards(&topology), &origin()).as_ref(), Ok(&bare));
    assert_eq!(Topology::from_slots(&as_slots(&topology), &origin()).as_ref(), Ok(&bare));
    let table = SlotTable::new(topology).unwrap();
    for slot in Slot::all() {
        let port = table.owner(slot).unwrap().addr().unwrap().port();
        assert_eq!(port, slot.number() % 1000 + 1);
    }
}

#[test]
fn one_stale_node_undoes_nothing_that_others_know() {
    // Slot 200 went from the first shard to the second, under epoch 7; one node has not heard.
    let stale = nodes("redis-7.0-migrating");
    let known = nodes("redis-7.0-failed");
    let mut ahead = stale;
    // It even knows of a failover elsewhere that nobody else has heard of.
    ahead.shards[2].epoch = Some(9);
    ahead.epoch = Some(9);
    for views in [[ahead.clone(), known.clone()], [known, ahead]] {
        let newest = Topology::newest(views.to_vec()).unwrap();
        assert_eq!(
            outline(&newest),
            [
                "0-199 201-5460: 127.0.0.1:21300, 127.0.0.1:21303",
                "200-200 5461-10922: 127.0.0.1:21301, 127.0.0.1:21304",
                "10923-16383: 127.0.0.1:21302, 127.0.0.1:21305",
            ]
        );
        assert_eq!(newest.epoch, Some(9));
    }
}

#[test]
fn views_without_epochs_are_judged_by_what_they_cover_and_how_many_agree() {
    let full = shards("redis-7.0-plain");
    let empty = shards("redis-7.0-alone");
    let moved = shards("redis-7.0-failed");
    let newest = |views: &[&Topology]| {
        let views = views.iter().copied().cloned().collect();
        outline(&Topology::newest(views).unwrap())
    };
    assert_eq!(newest(&[&empty, &full]), outline(&full));
    assert_eq!(newest(&[&moved, &full, &full]), outline(&full));
    assert_eq!(newest(&[&moved, &full, &moved]), outline(&moved));
    // An epoch from CLUSTER INFO outweighs any number of others; it cannot outweigh slots.
    let told = moved.clone().with_epoch(7);
    assert_eq!(newest(&[&full, &told, &full]), outline(&moved));
    assert_eq!(newest(&[&empty.with_epoch(99), &full]), outline(&full));
    assert_eq!(Topology::newest(Vec::new()), None);
}

// Any cluster, written in all three forms.

fn id(number: usize) -> NodeId {
    NodeId::parse(format!("{number:040x}").as_bytes()).unwrap()
}

/// Shards that share the slots out in pieces, with nodes of all kinds of hosts.
fn any_topology() -> impl Strategy<Value = Topology> {
    let shard = (option::of("[a-z]{1,5}\\.example"), 0..3usize, 1..99u64, any::<bool>());
    let cuts = btree_set(1..16_384u16, 0..40);
    (vec(shard, 1..6), cuts, vec(any::<prop::sample::Index>(), 40)).prop_map(
        |(shards, cuts, owners)| {
            let mut number = 0;
            let mut made: Vec<_> = shards
                .into_iter()
                .map(|(hostname, replicas, epoch, v6)| {
                    let mut node = || {
                        number += 1;
                        let host =
                            if v6 { format!("fd00::{number}") } else { format!("10.0.0.{number}") };
                        NodeInfo {
                            id: Some(id(number)),
                            addr: Some(NodeAddr::new(host, 6379)),
                            hostname: hostname.as_deref().map(Into::into),
                            ..NodeInfo::default()
                        }
                    };
                    Shard {
                        primary: Some(node()),
                        replicas: (0..replicas).map(|_| node()).collect(),
                        slots: Vec::new(),
                        epoch: Some(epoch),
                    }
                })
                .collect();
            let starts = [0].into_iter().chain(cuts.iter().copied());
            let ends = cuts.iter().map(|cut| cut - 1).chain([16_383]);
            for ((first, last), owner) in starts.zip(ends).zip(owners) {
                let range = SlotRange::new(Slot::new(first).unwrap(), Slot::new(last).unwrap());
                let at = owner.index(made.len());
                made[at].slots.push(range.unwrap());
            }
            let epoch = made.iter().filter_map(|shard| shard.epoch).max();
            let drawn = Topology { shards: made, epoch, ..Topology::default() };
            // Its parts in the order that is promised.
            Topology::newest(vec![drawn]).unwrap()
        },
    )
}

fn bulk(text: impl ToString) -> Value {
    Value::Bulk(text.to_string().into())
}

fn as_slots(topology: &Topology) -> Value {
    let node = |node: &NodeInfo| {
        let addr = node.addr.as_ref().unwrap();
        let hostname = node.hostname.iter().flat_map(|name| [bulk("hostname"), bulk(name)]);
        Value::Array(vec![
            bulk(addr.host()),
            Value::Integer(addr.port().into()),
            bulk(node.id.unwrap()),
            Value::Array(hostname.collect()),
        ])
    };
    let entry = |shard: &Shard, range: &SlotRange| {
        let ends = [range.first(), range.last()].map(|slot| Value::Integer(slot.number().into()));
        Value::Array(ends.into_iter().chain(shard.nodes().map(node)).collect())
    };
    let entries =
        |shard: &Shard| -> Vec<_> { shard.slots.iter().map(|range| entry(shard, range)).collect() };
    Value::Array(topology.shards.iter().flat_map(entries).collect())
}

fn as_shards(topology: &Topology) -> Value {
    let node = |(position, node): (usize, &NodeInfo)| {
        let addr = node.addr.as_ref().unwrap();
        let mut fields = vec![
            (bulk("id"), bulk(node.id.unwrap())),
            (bulk("port"), Value::Integer(addr.port().into())),
            (bulk("ip"), bulk(addr.host())),
            (bulk("endpoint"), bulk(addr.host())),
            (bulk("role"), bulk(if position == 0 { "master" } else { "replica" })),
            (bulk("health"), bulk("online")),
        ];
        fields.extend(node.hostname.iter().map(|name| (bulk("hostname"), bulk(name))));
        Value::Map(fields)
    };
    let entry = |shard: &Shard| {
        let ends = shard.slots.iter().flat_map(|range| [range.first(), range.last()]);
        let slots = ends.map(|slot| Value::Integer(slot.number().into())).collect();
        let nodes = shard.nodes().enumerate().map(node).collect();
        Value::Map(vec![(bulk("slots"), Value::Array(slots)), (bulk("nodes"), Value::Array(nodes))])
    };
    Value::Array(topology.shards.iter().map(entry).collect())
}

fn as_nodes(topology: &Topology) -> Vec<String> {
    let line = |shard: &Shard, node: &NodeInfo| {
        let addr = node.addr.as_ref().unwrap();
        let primary = shard.primary.as_ref().unwrap();
        let hostname = node.hostname.iter().map(|name| format!(",{name}")).collect::<String>();
        let (flags, of, slots) = if node == primary {
            let range = |range: &SlotRange| match (range.first(), range.last()) {
                (first, last) if first == last => format!(" {first}"),
                (first, last) => format!(" {first}-{last}"),
            };
            ("master", "-".into(), shard.slots.iter().map(range).collect())
        } else {
            ("slave", primary.id.unwrap().to_string(), String::new())
        };
        let (id, epoch) = (node.id.unwrap(), shard.epoch.unwrap());
        let (host, port) = (addr.host(), addr.port());
        format!("{id} {host}:{port}@16379{hostname} {flags} {of} 0 0 {epoch} connected{slots}")
    };
    let lines = |shard: &Shard| shard.nodes().map(|node| line(shard, node)).collect::<Vec<_>>();
    topology.shards.iter().flat_map(lines).collect()
}

/// The same view without what SHARDS does not tell.
fn without_epochs(mut topology: Topology) -> Topology {
    topology.epoch = None;
    topology.shards.iter_mut().for_each(|shard| shard.epoch = None);
    topology
}

fn any_value() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        "[ -~]{0,8}",
        Just("master".into()),
        Just("?".into()),
        Just("127.0.0.1".into()),
        Just("0000000000000000000000000000000000000001".into()),
    ];
    let name = prop::sample::select(vec!["slots", "nodes", "id", "port", "ip", "endpoint", "role"]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<i64>().prop_map(Value::Integer),
        (0..16_400i64).prop_map(Value::Integer),
        text.prop_map(bulk),
        vec(any::<u8>(), 0..9).prop_map(|bytes| Value::Bulk(bytes.into())),
    ];
    leaf.prop_recursive(5, 64, 6, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::Array),
            vec((name.clone().prop_map(bulk), inner), 0..6).prop_map(Value::Map),
        ]
    })
}

proptest! {
    #[test]
    fn any_cluster_reads_the_same_in_every_form(topology in any_topology(), seed: u64) {
        let mut lines = as_nodes(&topology);
        let turn = (seed % lines.len() as u64) as usize;
        lines.rotate_left(turn);
        let nodes = Topology::from_nodes(&bulk(lines.join("\n")), &origin());
        prop_assert_eq!(nodes.as_ref(), Ok(&topology));
        let shards = Topology::from_shards(&as_shards(&topology), &origin()).unwrap();
        let topology = without_epochs(topology);
        prop_assert_eq!(&shards, &topology);
        // SLOTS names no shard without slots.
        let slots = Topology::from_slots(&as_slots(&topology), &origin()).unwrap();
        let mut serving = topology;
        serving.shards.retain(|shard| !shard.slots.is_empty());
        prop_assert_eq!(slots, serving);
    }

    #[test]
    fn the_order_of_an_answer_does_not_matter(topology in any_topology(), turn in 0..50usize) {
        let turned = |answer: Value| {
            let Value::Array(mut entries) = answer else { unreachable!("both are lists") };
            let turn = turn % entries.len();
            entries.rotate_left(turn);
            Value::Array(entries)
        };
        let slots = as_slots(&topology);
        prop_assert_eq!(
            Topology::from_slots(&turned(slots.clone()), &origin()),
            Topology::from_slots(&slots, &origin())
        );
        let shards = as_shards(&topology);
        prop_assert_eq!(
            Topology::from_shards(&turned(shards.clone()), &origin()),
            Topology::from_shards(&shards, &origin())
        );
    }

    #[test]
    fn the_newest_view_is_the_same_whoever_answers_first(
        views in vec((any_topology(), any::<bool>()), 1..5), turn in 0..5usize,
    ) {
        let views: Vec<_> = views
            .into_iter()
            .map(|(view, epochs)| if epochs { view } else { without_epochs(view) })
            .collect();
        let mut turned = views.clone();
        turned.rotate_left(turn % views.len());
        let newest = Topology::newest(views.clone()).unwrap();
        prop_assert_eq!(Topology::newest(turned), Some(newest.clone()));
        // Asking the same nodes twice teaches nothing.
        let twice = [views.clone(), views.clone()].concat();
        prop_assert_eq!(outline(&Topology::newest(twice).unwrap()), outline(&newest));
        let most = views.iter().map(|view| view.epoch).max().unwrap();
        prop_assert_eq!(newest.epoch, most);
    }

    #[test]
    fn no_slot_goes_to_an_owner_with_a_lower_claim(views in vec(any_topology(), 1..5)) {
        let claim = |view: &Topology, slot: Slot| {
            let owner = view.shards.iter().find(|shard| {
                shard.slots.iter().any(|range| range.first() <= slot && slot <= range.last())
            });
            owner.and_then(|shard| shard.epoch)
        };
        let newest = Topology::newest(views.clone()).unwrap();
        let table = SlotTable::new(newest.clone()).unwrap();
        for slot in Slot::all().step_by(97) {
            let highest = views.iter().map(|view| claim(view, slot)).max().unwrap();
            prop_assert!(claim(&newest, slot) >= highest, "slot {}", slot);
            prop_assert!(table.owner(slot).is_some());
        }
        // And no node is at two places.
        let mut ids: Vec<_> = newest.nodes().map(|node| node.id).collect();
        let count = ids.len();
        ids.sort_unstable();
        ids.dedup();
        prop_assert_eq!(ids.len(), count);
    }

    #[test]
    fn any_answer_gives_a_view_or_an_error(answer in any_value()) {
        for read in [Topology::from_slots, Topology::from_shards, Topology::from_nodes] {
            if let Ok(topology) = read(&answer, &origin()) {
                prop_assert!(SlotTable::new(topology).is_ok());
            }
        }
    }

    #[test]
    fn any_damage_to_a_real_answer_gives_a_view_or_an_error(
        sample in prop::sample::select(SAMPLES.to_vec()), at: prop::sample::Index, byte: u8,
    ) {
        let Value::Bulk(text) = answer(sample, "nodes.txt") else { unreachable!("it is a text") };
        let mut text = text.to_vec();
        let at = at.index(text.len());
        text[at] = byte;
        let _ = Topology::from_nodes(&Value::Bulk(text.into()), &origin());
    }
}
