//! The words in which the built-in table is written.

use std::borrow::Cow;

use super::{
    Arity, Categories, CommandFlags, CommandId, CommandSpec, Finder, KeyBegin, KeyFind, KeyFlags,
    KeySpec, RequestPolicy, ResponsePolicy, RetryRule, Route,
};

/// The two policies of a row.
#[derive(Clone, Copy)]
pub(super) struct Policies {
    request: RequestPolicy,
    response: ResponsePolicy,
}

pub(super) const NO_POLICY: Policies =
    Policies { request: RequestPolicy::Keys, response: ResponsePolicy::Default };

pub(super) const fn policy(request: &str, response: &str) -> Policies {
    let request = match RequestPolicy::from_word(request.as_bytes()) {
        Some(policy) => policy,
        None => RequestPolicy::Keys,
    };
    let response = match ResponsePolicy::from_word(response.as_bytes()) {
        Some(policy) => policy,
        None => ResponsePolicy::Default,
    };
    Policies { request, response }
}

#[expect(clippy::too_many_arguments, reason = "the columns of a table")]
pub(super) const fn row(
    name: &'static str,
    arity: i16,
    flags: &str,
    categories: &str,
    policies: Policies,
    keys: &'static [KeySpec],
    since: &'static str,
    first_seen: &'static str,
) -> CommandSpec {
    CommandSpec {
        route: Route::AnyNode,
        id: CommandId(0),
        arity: Arity::new(arity),
        retry: RetryRule::Never,
        finder: Finder::Specs,
        flags: CommandFlags::of(flags),
        keys: Cow::Borrowed(keys),
        subcommands: Vec::new(),
        name: Cow::Borrowed(name),
        categories: Categories::of(categories),
        request: policies.request,
        response: policies.response,
        since: Cow::Borrowed(since),
        first_seen,
    }
}

pub(super) const fn key(flags: &str, begin: KeyBegin, find: KeyFind) -> KeySpec {
    KeySpec { flags: KeyFlags::of(flags), begin, find }
}

pub(super) const fn index(position: u32) -> KeyBegin {
    KeyBegin::Index(position)
}

pub(super) const fn keyword(word: &'static str, from: i32) -> KeyBegin {
    KeyBegin::Keyword { word: Cow::Borrowed(word), from }
}

pub(super) const fn range(last: i32, step: u32, limit: u32) -> KeyFind {
    KeyFind::Range { last, step, limit }
}

pub(super) const fn keynum(at: u32, first: u32, step: u32) -> KeyFind {
    KeyFind::Keynum { at, first, step }
}
