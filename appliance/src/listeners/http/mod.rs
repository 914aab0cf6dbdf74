//! The HTTP file service of the phone plane: any path, GET and HEAD, HTTP/1.0 and 1.1 (RFC 9110, RFC 9112).
//! No HTTPS: phones accept no private authority.

mod body;
mod conditional;

#[cfg(test)]
mod replaced;
#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::SystemTime;

use hyper::body::Incoming;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::http::uri::Authority;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, Version};
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use transload_provision::text;

use super::connections::{self, Caller, Entrance, RETRY_AFTER};
use super::rate::Rate;
use super::{Door, Fetch, Plane, Served, Track};
use body::{Content, Source};
use conditional::{Representation, Wanted};

/// Serves until `stop`, then ends the transfers under way, and returns when the last one has ended.
pub async fn serve<P: Plane>(
    listener: TcpListener,
    plane: Arc<P>,
    entrance: Entrance,
    rate: Rate,
    stop: CancellationToken,
) where
    P::Tracker: Unpin,
{
    connections::serve(listener, entrance, stop, move |caller| {
        let (plane, rate) = (Arc::clone(&plane), rate.clone());
        // Kept with the connection.
        let serving = plane.serving(caller.peer);
        service_fn(move |request: Request<Incoming>| {
            let _ = &serving;
            let (plane, caller, rate) = (Arc::clone(&plane), caller.clone(), rate.clone());
            async move { Ok::<_, Infallible>(answer(&plane, caller, &rate, &request).await) }
        })
    })
    .await;
}

async fn answer<P: Plane>(
    plane: &Arc<P>,
    caller: Caller,
    rate: &Rate,
    request: &Request<Incoming>,
) -> Response<Content<P::Tracker>> {
    if !names_one_host(request) {
        return plain(StatusCode::BAD_REQUEST, "bad request: one Host is needed\n");
    }
    let get = match *request.method() {
        Method::GET => true,
        Method::HEAD => false,
        _ => {
            let response = plain(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n");
            return with(response, header::ALLOW, "GET, HEAD");
        }
    };
    // RFC 9112 §3.2.1: the target is a path, or an address with one.
    if !request.uri().path().starts_with('/') {
        return plain(StatusCode::BAD_REQUEST, "bad request: a path is needed\n");
    }
    let text = |value: &HeaderValue| text::line(&String::from_utf8_lossy(value.as_bytes()));
    let fetch = Fetch {
        door: Door::Http,
        peer: caller.peer,
        local: caller.local,
        path: request.uri().path().to_owned(),
        user_agent: request.headers().get(header::USER_AGENT).map(text),
        head_only: !get,
    };
    let (served, tracker) = plane.fetch(fetch).await;
    let (source, content_type, file) = match served {
        Served::NotFound => return plain(StatusCode::NOT_FOUND, "not found\n"),
        Served::Busy => {
            let response = plain(StatusCode::SERVICE_UNAVAILABLE, "busy, try again\n");
            return with(response, header::RETRY_AFTER, RETRY_AFTER);
        }
        Served::Document { body, content_type } => {
            let file = Representation { length: body.len() as u64, etag: digest(&body), modified: None };
            (Source::Memory(body), content_type, file)
        }
        Served::File(open) => {
            let content_type = content_type(&open.name);
            let (etag, modified) = (open.etag.clone(), Some(open.modified));
            let file = Representation { length: open.size, etag, modified };
            (Source::Disk(open), content_type, file)
        }
    };
    let phone = caller.peer.ip();
    let wanted = conditional::wanted(get, request.headers(), &file);
    let mut response = match wanted {
        Wanted::NotModified => {
            tracker.finish();
            status(StatusCode::NOT_MODIFIED, Content::text(""))
        }
        Wanted::PreconditionFailed => {
            tracker.broken("the client wants the file only in another state");
            return plain(StatusCode::PRECONDITION_FAILED, "precondition failed\n");
        }
        Wanted::Unsatisfiable => {
            tracker.broken("the client asked for a part beyond the file's end");
            let response = plain(StatusCode::RANGE_NOT_SATISFIABLE, "no such part\n");
            return with(response, header::CONTENT_RANGE, &format!("bytes */{}", file.length));
        }
        Wanted::Whole => {
            let whole = 0..file.length;
            let content = if get {
                Content::tracked(source, whole, tracker, caller.carrier).in_turn(rate, phone)
            } else {
                // The headers are those of GET (RFC 9110 §9.3.2); the content is left out when they are sent.
                tracker.finish();
                Content::untracked(source, whole)
            };
            let response = status(StatusCode::OK, content);
            with(response, header::CONTENT_TYPE, content_type)
        }
        Wanted::Part(range) => {
            let part = format!("bytes {}-{}/{}", range.start, range.end - 1, file.length);
            let content = Content::tracked(source, range, tracker, caller.carrier).in_turn(rate, phone);
            let response = status(StatusCode::PARTIAL_CONTENT, content);
            with(with(response, header::CONTENT_TYPE, content_type), header::CONTENT_RANGE, &part)
        }
    };
    describe(response.headers_mut(), &file);
    response
}

/// RFC 9112 §3.2: a request of HTTP/1.1 has one valid Host; an older one may have none.
fn names_one_host<B>(request: &Request<B>) -> bool {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.is_empty() || Authority::try_from(host.as_bytes()).is_ok(),
        (None, _) => request.version() < Version::HTTP_11,
        (Some(_), Some(_)) => false,
    }
}

fn describe(headers: &mut HeaderMap, file: &Representation) {
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    if let Ok(etag) = HeaderValue::try_from(&file.etag) {
        headers.insert(header::ETAG, etag);
    }
    // A date to come would be none (RFC 9110 §8.8.2.1); a box without a clock has such files.
    let modified = file.modified.filter(|modified| *modified <= SystemTime::now());
    let modified = modified.map(|modified| HeaderValue::try_from(httpdate::fmt_http_date(modified)));
    if let Some(Ok(modified)) = modified {
        headers.insert(header::LAST_MODIFIED, modified);
    }
}

fn status<B>(status: StatusCode, body: B) -> Response<B> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
}

fn with<B>(mut response: Response<B>, name: HeaderName, value: &str) -> Response<B> {
    if let Ok(value) = HeaderValue::try_from(value) {
        response.headers_mut().insert(name, value);
    }
    response
}

/// Never HTML: a phone might take it for what it asked for.
fn plain<T: Track>(code: StatusCode, text: &'static str) -> Response<Content<T>> {
    with(status(code, Content::text(text)), header::CONTENT_TYPE, "text/plain; charset=utf-8")
}

fn content_type(name: &str) -> &'static str {
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    match extension.to_ascii_lowercase().as_str() {
        "xml" | "cfg" => "text/xml",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

fn digest(body: &[u8]) -> String {
    let mut tag = String::from("\"");
    for octet in &Sha256::digest(body)[..16] {
        // Writing to a string does not fail.
        let _ = write!(tag, "{octet:02x}");
    }
    tag.push('"');
    tag
}
