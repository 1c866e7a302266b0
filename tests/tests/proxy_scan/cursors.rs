//! What cursors stand for.

use std::{num::NonZeroUsize, time::Duration};

use slotway::{Error, ScanDesk, ScanStats, cmd};
use slotway_cluster::{Spec, Standalone, TestServer};
use slotway_protocol::ScanCursor;

use crate::{
    Names, client, start,
    walker::{More, Walker, page},
};

const KEYS: usize = 3_000;

pub(crate) async fn arguments_are_the_servers(server: TestServer) {
    let (_cluster, client, names) = start(Spec::on(server).shape(3, 0), 300).await;
    let desk = ScanDesk::default();
    client.sadd("set", "member").await.unwrap();
    // Few keys are one page, as on one server.
    let (cursor, keys) = page(&desk, &client, &["SCAN", "0", "COUNT", "1000"]).await.unwrap();
    assert_eq!((cursor.as_str(), keys.len()), ("0", names.len() + 1));
    for (words, expected) in [
        (["SCAN", "0", "COUNT", "1000", "MATCH", "key:29?"], 10),
        (["scan", "0", "type", "set", "count", "1000"], 1),
        (["SCAN", "0", "COUNT", "1000", "MATCH", "{none}*"], 0),
    ] {
        let (cursor, keys) = page(&desk, &client, &words).await.unwrap();
        assert_eq!((cursor.as_str(), keys.len()), ("0", expected), "{words:?}");
    }
    let alone = Standalone::start(server.binary(), &[]).await.unwrap();
    let wrong: [&[&str]; 5] = [
        &["SCAN", "0", "COUNT", "0"],
        &["SCAN", "0", "COUNT", "many"],
        &["SCAN", "0", "MATCH"],
        &["SCAN", "0", "WHAT", "ever"],
        &["SCAN", "x"],
    ];
    for words in wrong {
        let said = alone.command(words).await.unwrap();
        let said = String::from_utf8(said.as_error().unwrap().to_vec()).unwrap();
        let error = page(&desk, &client, words).await.unwrap_err();
        assert_eq!(error.to_string(), said, "{words:?}");
    }
    assert_eq!(desk.stats(), ScanStats::default());
}

pub(crate) async fn a_cursor_can_be_used_again(server: TestServer) {
    let (_cluster, client, names) = start(Spec::on(server).shape(3, 0), KEYS).await;
    let (desk, mut walker) = (ScanDesk::default(), Walker::new("20"));
    // Every answer is lost once.
    loop {
        walker.clone().page(&desk, &client).await.unwrap();
        if walker.page(&desk, &client).await.unwrap() == More::No {
            break;
        }
    }
    walker.has_found(&names);
    assert!(walker.came < KEYS + KEYS / 10, "{}", walker.came);
    // Two go on from the same page.
    let mut one = Walker::new("20");
    for _ in 0..60 {
        one.page(&desk, &client).await.unwrap();
    }
    let mut both = [one.clone(), one];
    let mut going = [More::Yes; 2];
    while going.contains(&More::Yes) {
        for (walker, more) in
            both.iter_mut().zip(&mut going).filter(|(_, more)| **more == More::Yes)
        {
            *more = walker.page(&desk, &client).await.unwrap();
        }
    }
    both.iter().for_each(|walker| walker.has_found(&names));
    assert_eq!(desk.stats().restarted, 0);
}

pub(crate) async fn a_walk_that_was_forgotten_omits_nothing(server: TestServer) {
    let (_cluster, client, names) = start(Spec::on(server).shape(3, 0), KEYS).await;
    let desk = ScanDesk::new(NonZeroUsize::new(2).unwrap(), Duration::from_secs(600));
    for pages in [1, 40, 100] {
        let mut walker = Walker::new("20");
        for _ in 0..pages {
            walker.page(&desk, &client).await.unwrap();
        }
        let before = desk.stats();
        for _ in 0..2 {
            Walker::new("20").page(&desk, &client).await.unwrap();
        }
        walker.finish(&desk, &client).await;
        walker.has_found(&names);
        let after = desk.stats();
        assert_eq!(after.restarted, before.restarted + 1);
        assert!(after.open <= 2 && after.forgotten > before.forgotten, "{after:?}");
        // What had been finished is not walked again.
        assert!(walker.came < KEYS * 2, "{}", walker.came);
    }
}

/// Whatever worker a page is asked of: it is the same walk.
pub(crate) async fn workers_share_a_walk(server: TestServer) {
    let (cluster, _, names) = start(Spec::on(server).shape(3, 0), KEYS).await;
    let clients = [client(&cluster).await, client(&cluster).await];
    let (desk, mut walker) = (ScanDesk::default(), Walker::new("20"));
    for client in clients.iter().cycle() {
        if walker.page(&desk, client).await.unwrap() == More::No {
            break;
        }
    }
    walker.has_found(&names);
    assert!(walker.came < KEYS + KEYS / 10, "{}", walker.came);
    assert_eq!(desk.stats().restarted, 0);
    // By the command itself, too.
    let mut found = Names::new();
    let mut cursor = "0".to_owned();
    loop {
        let scan = cmd("SCAN").arg(&cursor).arg(("COUNT", 100));
        let (next, keys): (String, Vec<String>) = clients[0].run(scan).await.unwrap();
        found.extend(keys);
        if next == "0" {
            break;
        }
        cursor = next;
    }
    assert!(found.is_superset(&names));
}

pub(crate) async fn processes_that_do_not_share_a_walk_say_so(server: TestServer) {
    let (_cluster, client, names) = start(Spec::on(server).shape(3, 0), KEYS).await;
    let desks = [ScanDesk::default(), ScanDesk::default()];
    let mut walker = Walker::new("20");
    walker.page(&desks[0], &client).await.unwrap();
    let mut moved = walker.clone();
    moved.finish(&desks[1], &client).await;
    moved.has_found(&names);
    // A walk that never comes on ends with an error, and neither in silence nor not at all.
    let mut pages = 0;
    let error = loop {
        pages += 1;
        match walker.page(&desks[pages % 2], &client).await {
            Ok(more) => assert_eq!(more, More::Yes),
            Err(error) => break error,
        }
    };
    assert!(matches!(&error, Error::Refused(text) if text.contains("not known here")), "{error}");
    assert!(pages <= 3 * usize::from(ScanCursor::RESTARTS_MAX) + 2, "{pages}");
}
