//! `redis::pipe()`, atomic or not.

use redis::{AsyncCommands, ErrorKind, RedisResult, ServerErrorKind, Value, aio::ConnectionLike};
use slotway_redis::Connection;

pub(crate) async fn each_reply_is_in_its_place(con: &mut Connection) {
    let mut pipe = redis::pipe();
    for n in 0..100 {
        pipe.set(format!("pipe:{n}"), n).ignore().get(format!("pipe:{n}"));
    }
    let values: Vec<i64> = pipe.query_async(con).await.unwrap();
    assert_eq!(values, (0..100).collect::<Vec<_>>());
    let mut mixed = redis::pipe();
    mixed.set("pipe:a", 1).ignore().incr("pipe:a", 1).mget(&["pipe:a", "pipe:7"]).ping();
    let mixed: (i64, Vec<i64>, String) = mixed.query_async(con).await.unwrap();
    assert_eq!(mixed, (2, vec![2, 7], "PONG".to_owned()));
    let nothing: Vec<i64> = redis::pipe().query_async(con).await.unwrap();
    assert!(nothing.is_empty());
    let mut three = redis::pipe();
    three.get("pipe:1").get("pipe:2").get("pipe:3");
    let part = con.req_packed_commands(&three, 1, 1).await.unwrap();
    assert_eq!(part, [Value::BulkString(b"2".to_vec())]);
}

pub(crate) async fn an_error_is_in_its_place(con: &mut Connection) {
    let mut pipe = redis::pipe();
    pipe.set("pipe:text", "x").lpush("pipe:text", 1).get("pipe:text");
    let whole: RedisResult<(String, u64, String)> = pipe.query_async(con).await;
    let errors = whole.unwrap_err().into_server_errors().unwrap();
    assert_eq!((errors.len(), errors[0].0, errors[0].1.code()), (1, 1, "WRONGTYPE"));
    // What cannot be sent stops nothing else either.
    let mut waiting = redis::pipe();
    waiting.set("pipe:waiting", 1).cmd("BLPOP").arg("pipe:list").arg(0);
    let refused = waiting.query_async::<()>(con).await.unwrap_err();
    let errors = refused.into_server_errors().unwrap();
    assert_eq!((errors.len(), errors[0].0, errors[0].1.code()), (1, 1, "ERR"));
    assert_eq!(con.get::<_, i64>("pipe:waiting").await.unwrap(), 1);
    let mut nothing_sent = redis::pipe();
    nothing_sent.cmd("MULTI").cmd("EXEC");
    let refused = nothing_sent.query_async::<()>(con).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Client);
    let each: Vec<RedisResult<String>> = pipe.ignore_errors().query_async(con).await.unwrap();
    assert!(each[0].is_ok() && each[1].is_err());
    assert_eq!(each[2].as_deref().unwrap(), "x");
}

pub(crate) async fn a_transaction_is_one(con: &mut Connection) {
    let mut pipe = redis::pipe();
    pipe.atomic().set("{t}:a", 1).ignore().incr("{t}:a", 1).get("{t}:a");
    let replies: (i64, i64) = pipe.query_async(con).await.unwrap();
    assert_eq!(replies, (2, 2));
    let mut failing = redis::pipe();
    failing.atomic().set("{t}:b", "x").lpush("{t}:b", 1).set("{t}:c", 1);
    let failed = failing.query_async::<()>(con).await.unwrap_err();
    let errors = failed.into_server_errors().unwrap();
    assert_eq!((errors[0].0, errors[0].1.code()), (1, "WRONGTYPE"));
    // The others were run.
    assert_eq!(con.get::<_, i64>("{t}:c").await.unwrap(), 1);
    let mut apart = redis::pipe();
    apart.atomic().set("{t}:d", 1).set("elsewhere", 1);
    let refused = apart.query_async::<()>(con).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Client, "{refused}");
    assert!(!con.exists::<_, bool>("{t}:d").await.unwrap());
    let mut unqueued = redis::pipe();
    unqueued.atomic().set("{t}:d", 1).cmd("EVALSHA").arg("x");
    let aborted = unqueued.query_async::<()>(con).await.unwrap_err();
    assert!(
        matches!(
            aborted.kind(),
            ErrorKind::Server(ServerErrorKind::ExecAbort | ServerErrorKind::ResponseError)
        ),
        "{aborted}"
    );
    assert!(!con.exists::<_, bool>("{t}:d").await.unwrap());
    let empty: Vec<i64> = redis::pipe().atomic().query_async(con).await.unwrap();
    assert!(empty.is_empty());
    let mut two = redis::pipe();
    two.atomic().get("{t}:a").get("{t}:c");
    let all = con.req_packed_commands(&two, 0, 4).await.unwrap();
    let queued = || Value::SimpleString("QUEUED".to_owned());
    let bulk = |text: &str| Value::BulkString(text.as_bytes().to_vec());
    assert_eq!(all, [Value::Okay, queued(), queued(), Value::Array(vec![bulk("2"), bulk("1")])]);
}

pub(crate) async fn many_at_once_do_not_mix(con: &Connection) {
    let tasks = (0..64).map(|task: i64| {
        let mut con = con.clone();
        tokio::spawn(async move {
            for round in 0..20 {
                let key = format!("many:{task}");
                let other = format!("many:other:{task}:{round}");
                let mut pipe = redis::pipe();
                pipe.incr(&key, 1).set(&other, task * 1000 + round).ignore().get(&other);
                let replies: (i64, i64) = pipe.query_async(&mut con).await.unwrap();
                assert_eq!(replies.1, task * 1000 + round);
                let got: i64 = con.get(&other).await.unwrap();
                assert_eq!(got, task * 1000 + round);
            }
            con.del::<_, i64>(format!("many:{task}")).await.unwrap()
        })
    });
    for deleted in futures_util::future::join_all(tasks).await {
        assert_eq!(deleted.unwrap(), 1);
    }
}
