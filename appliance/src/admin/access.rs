//! Decides whether a request is allowed: from this machine or with the token, and never from another site's page.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use super::problem::ProblemDetails;

/// Headers of every response, unless a handler sets them. The policy allows a page only our own files, and no inline
/// script or style.
const HEADERS: [(HeaderName, &str); 6] = [
    (header::CACHE_CONTROL, "no-store"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
];

/// The access rules of one listener.
#[derive(Debug)]
pub(super) struct Access {
    token: Option<[u8; 32]>,
    loopback: bool,
}

impl Access {
    pub(super) fn new(token: Option<&str>, loopback: bool) -> Self {
        Self { token: token.map(digest), loopback }
    }

    fn refusal(&self, method: &Method, path: &str, headers: &HeaderMap) -> Option<ProblemDetails> {
        // A foreign page can point its own host name at this machine; its requests then carry that name.
        if self.loopback && !names_this_machine(headers) {
            let detail = "this address answers only to localhost and 127.0.0.1 as its name";
            return Some(ProblemDetails::new(StatusCode::MISDIRECTED_REQUEST, detail));
        }
        if comes_from_elsewhere(headers) && !opens_a_page(method, headers) {
            let detail = "a page of another site may not do this";
            return Some(ProblemDetails::new(StatusCode::FORBIDDEN, detail));
        }
        // The page's files hold no secret; they ask for the token themselves.
        if method.is_safe() && (path == "/" || path.starts_with("/page/")) {
            return None;
        }
        let allowed = match &self.token {
            Some(expected) => given(headers).is_some_and(|token| same(&digest(token), expected)),
            None => self.loopback,
        };
        let detail = "give the token, as the header `Authorization: Bearer TOKEN`";
        (!allowed).then(|| ProblemDetails::new(StatusCode::UNAUTHORIZED, detail))
    }
}

/// Passes a request on, or refuses it.
pub(super) async fn check(State(access): State<Arc<Access>>, request: Request, next: Next) -> Response {
    let mut response = match access.refusal(request.method(), request.uri().path(), request.headers()) {
        None => next.run(request).await,
        Some(problem) => problem.into_response(),
    };
    let unauthorized = response.status() == StatusCode::UNAUTHORIZED;
    let headers = response.headers_mut();
    if unauthorized {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    for (name, value) in HEADERS {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

/// A browser names the site of the requesting page. Another port of the same host is another site here.
fn comes_from_elsewhere(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let another_origin = headers.get_all(header::ORIGIN).iter().any(|origin| {
        let site = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
        site.is_none_or(|(_, site)| Some(site) != host)
    });
    let fetched = headers.get_all("sec-fetch-site").iter();
    another_origin || fetched.into_iter().any(|site| site != "same-origin" && site != "none")
}

/// Another site's page may link to ours.
fn opens_a_page(method: &Method, headers: &HeaderMap) -> bool {
    let mode = headers.get("sec-fetch-mode");
    method == Method::GET
        && !headers.contains_key(header::ORIGIN)
        && mode.is_some_and(|mode| mode == "navigate")
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

fn given(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("Bearer").then(|| token.trim())
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// Takes the same time for every guess.
fn same(one: &[u8; 32], other: &[u8; 32]) -> bool {
    one.iter().zip(other).fold(0, |differs, (one, other)| differs | (one ^ other)) == 0
}
