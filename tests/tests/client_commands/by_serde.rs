//! Types that know serde, kept and read back.

use serde::{Deserialize, Serialize};
use slotway::{Client, Error, Json, Serde};

#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct User {
    name: String,
    visits: u64,
    score: f64,
    email: Option<String>,
}

pub(crate) async fn structs(client: &Client) {
    let ada = User { name: "Ada".to_owned(), visits: 7, score: 1.5, email: None };
    client.hset("as:hash", Serde(&ada)).await.unwrap();
    assert_eq!(client.hlen("as:hash").await.unwrap(), 3);
    let Serde(read): Serde<User> = client.hgetall("as:hash").await.unwrap();
    assert_eq!(read, ada);
    assert_eq!(client.hgetall_as::<User>("as:hash").await.unwrap().as_ref(), Some(&ada));
    assert_eq!(client.hgetall_as::<User>("as:none").await.unwrap(), None);
    client.set("as:json", Json(&ada)).await.unwrap();
    let Json(read): Json<User> = client.get("as:json").await.unwrap();
    assert_eq!(read, ada);
    assert!(client.get::<Option<Json<User>>>("as:none").await.unwrap().is_none());
    let misfit = client.get::<Json<u64>>("as:json").await.unwrap_err();
    assert!(matches!(misfit, Error::Misfit { .. }), "{misfit}");
    let wrong = client.hgetall_as::<User>("as:json").await.unwrap_err();
    assert!(matches!(&wrong, Error::Server { code, .. } if code == "WRONGTYPE"), "{wrong}");
    client.del(["as:hash", "as:json"]).await.unwrap();
}
