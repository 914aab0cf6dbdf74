//! Who may look: those on this machine, and those who know the token.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Query, Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::problem::Problem;

/// The rules for one listener.
#[derive(Debug)]
pub(super) struct Access {
    /// The token's digest: comparing digests takes as long whatever was guessed.
    token: Option<[u8; 32]>,
    loopback: bool,
}

#[derive(Deserialize)]
struct Asked {
    token: Option<String>,
}

impl Access {
    pub(super) fn new(token: Option<&str>, loopback: bool) -> Self {
        Self { token: token.map(digest), loopback }
    }

    fn refusal(&self, method: &Method, headers: &HeaderMap, uri: &Uri) -> Option<Problem> {
        if !method.is_safe() && comes_from_elsewhere(headers) {
            let detail = "a page of another site may not do this";
            return Some(Problem::new(StatusCode::FORBIDDEN, detail));
        }
        // A web page elsewhere can point a name of its own at this machine; its requests then carry that name.
        if self.loopback && !names_this_machine(headers) {
            let detail = "this address answers only to localhost and 127.0.0.1 as its name";
            return Some(Problem::new(StatusCode::MISDIRECTED_REQUEST, detail));
        }
        let allowed = match self.token {
            Some(expected) => given(headers, uri).is_some_and(|token| digest(&token) == expected),
            None => self.loopback,
        };
        let detail = "give the token, as `Authorization: Bearer TOKEN` or `?token=TOKEN`";
        (!allowed).then(|| Problem::new(StatusCode::UNAUTHORIZED, detail))
    }
}

/// Lets a request through, or answers it.
pub(super) async fn check(State(access): State<Arc<Access>>, request: Request, next: Next) -> Response {
    let mut response = match access.refusal(request.method(), request.headers(), request.uri()) {
        None => next.run(request).await,
        Some(problem) => problem.into_response(),
    };
    let unauthorized = response.status() == StatusCode::UNAUTHORIZED;
    let headers = response.headers_mut();
    if unauthorized {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// A browser says from which site's page a request comes; ours are of the host that they ask.
fn comes_from_elsewhere(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    headers.get(header::ORIGIN).is_some_and(|origin| {
        let site = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
        site.is_none_or(|(_, site)| Some(site) != host)
    })
}

fn names_this_machine(headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return false;
    };
    let Ok(authority) = Authority::try_from(host.as_bytes()) else {
        return false;
    };
    let name = authority.host().trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn given(headers: &HeaderMap, uri: &Uri) -> Option<String> {
    let bearer = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok()?.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("Bearer"))
        .map(|(_, token)| token.trim().to_owned());
    bearer.or_else(|| Query::<Asked>::try_from_uri(uri).ok()?.0.token)
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}
