use std::sync::Arc;

use slotway_protocol::{CommandTable, PlanRules};

use super::*;
use crate::own::{Backend, Settings, TrackingSupport};

fn world() -> World {
    let table = CommandTable::builtin();
    let rules = Arc::new(PlanRules::new(&table));
    let settings = Settings {
        table: Arc::new(table),
        rules,
        databases: 1,
        clients_max: 100,
        port: 6379,
        run_id: "f".repeat(40),
        tracking: TrackingSupport::Refused,
        events: crate::log::EventRing::new(10),
    };
    World::new(settings, Backend::new("valkey", "9.1.2"))
}

#[track_caller]
fn check(texts: &[&str], expected: &str) {
    let texts: Vec<String> = texts.iter().map(|text| text.replace('\n', "\r\n")).collect();
    let own = Own::new(&world(), Moment::default(), texts.len(), 0);
    let found = compose(&texts, &own, false);
    assert_eq!(found.replace("\r\n", "\n"), expected);
}

#[test]
fn what_counts_is_summed() {
    check(
        &[
            "# Memory\nused_memory:1048576\nused_memory_human:1.00M\nmaxmemory:0\n",
            "# Memory\nused_memory:524288\nused_memory_human:512.00K\nmaxmemory:100\n",
        ],
        "# Memory\nused_memory:1572864\nused_memory_human:1.50M\nmaxmemory:0\n",
    );
    check(
        &["# CPU\nused_cpu_sys:0.250000\n", "# CPU\nused_cpu_sys:1.500000\n"],
        "# CPU\nused_cpu_sys:1.750000\n",
    );
}

#[test]
fn what_is_the_worst_of_all_is_told() {
    check(
        &[
            "# Persistence\nloading:0\nrdb_last_bgsave_status:ok\nrdb_last_save_time:20\n",
            "# Persistence\nloading:1\nrdb_last_bgsave_status:err\nrdb_last_save_time:10\n",
        ],
        "# Persistence\nloading:1\nrdb_last_bgsave_status:err\nrdb_last_save_time:10\n",
    );
}

#[test]
fn averages_are_weighted() {
    check(
        &[
            "# Keyspace\ndb0:keys=3,expires=1,avg_ttl=100\n",
            "# Keyspace\ndb0:keys=5,expires=3,avg_ttl=500\ndb1:keys=1,expires=0,avg_ttl=0\n",
        ],
        "# Keyspace\ndb0:keys=8,expires=4,avg_ttl=400\ndb1:keys=1,expires=0,avg_ttl=0\n",
    );
    check(
        &[
            "# Commandstats\ncmdstat_get:calls=1,usec=10,usec_per_call=10.00,failed_calls=0\n",
            "# Commandstats\ncmdstat_get:calls=3,usec=2,usec_per_call=0.67,failed_calls=1\n",
        ],
        "# Commandstats\ncmdstat_get:calls=4,usec=12,usec_per_call=3.00,failed_calls=1\n",
    );
    check(
        &[
            "# Latencystats\nlatency_percentiles_usec_get:p50=1.003,p99.9=2.007\n",
            "# Latencystats\nlatency_percentiles_usec_get:p50=0.001,p99.9=3.000\n",
        ],
        "# Latencystats\nlatency_percentiles_usec_get:p50=1.003,p99.9=3.000\n",
    );
}

#[test]
fn it_looks_like_a_server_without_a_cluster() {
    check(
        &[
            "# Replication\nrole:master\nconnected_slaves:1\nslave0:ip=a,port=1\nmaster_repl_offset:9\n\n# Cluster\ncluster_enabled:1\n",
        ],
        "# Replication\nrole:master\nconnected_slaves:0\nmaster_repl_offset:0\n\n# Cluster\ncluster_enabled:0\n",
    );
    check(
        &[
            "# Server\nserver_mode:cluster\ntcp_port:7000\nos:Linux\n\n# Clients\nconnected_clients:9\n",
        ],
        "# Server\nserver_mode:standalone\ntcp_port:6379\nos:Linux\n\n# Clients\nconnected_clients:0\n",
    );
}

#[test]
fn nothing_said_is_nothing_told() {
    check(&[""], "");
    let own = Own::new(&world(), Moment::default(), 2, 1);
    let found = compose(&[String::new()], &own, true);
    assert!(found.starts_with("# Slotway\r\nslotway_version:"), "{found}");
    assert!(found.contains("primaries_asked:3\r\nprimaries_missing:1\r\n"), "{found}");
}
