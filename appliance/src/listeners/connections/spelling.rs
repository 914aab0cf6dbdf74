//! Header names as their RFCs spell them. Letter case means nothing in HTTP, but some boot clients look for
//! `Content-Length`, letter by letter. Most names begin each word with a capital letter; the others are listed here.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::task::{Context, Waker};

use bytes::Bytes;
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::http::Extensions;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;

/// A request with these names: hyper takes spellings over from a request into an answer, and knows no other way.
const REQUEST: &[u8] =
    b"GET / HTTP/1.1\r\nHost: x\r\nETag: x\r\nWWW-Authenticate: x\r\nContent-MD5: x\r\nTE: x\r\n\r\n";

/// What tells hyper the spelling of an answer's names.
pub(super) fn names() -> Extensions {
    static NAMES: LazyLock<Extensions> = LazyLock::new(read);
    NAMES.clone()
}

/// Has hyper read the request.
fn read() -> Extensions {
    let read = Mutex::new(Extensions::new());
    let service = service_fn(|request: Request<Incoming>| {
        *read.lock().unwrap_or_else(PoisonError::into_inner) = request.extensions().clone();
        async { Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new())) }
    });
    let stream = TokioIo::new(tokio::io::join(REQUEST, tokio::io::sink()));
    let connection = http1::Builder::new().preserve_header_case(true).serve_connection(stream, service);
    // All of the request is there, so one look is enough; nothing of the answer matters.
    let _ = pin!(connection).poll(&mut Context::from_waker(Waker::noop()));
    read.into_inner().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use crate::listeners::fake::open;

    /// The head of the answer, letter by letter.
    async fn head(request: &str) -> String {
        let mut stream = open().await.connect().await;
        stream.write_all(request.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        let answer = String::from_utf8_lossy(&answer);
        answer.split("\r\n\r\n").next().unwrap().to_owned()
    }

    #[tokio::test]
    async fn every_header_of_every_answer_is_spelled_as_its_rfc_spells_it() {
        let known = [
            "Accept-Ranges",
            "Allow",
            "Connection",
            "Content-Length",
            "Content-Range",
            "Content-Type",
            "Date",
            "ETag",
            "Last-Modified",
            "Retry-After",
        ];
        let mut seen = Vec::new();
        for request in [
            "GET /ten HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET /SEP.xml HTTP/1.1\r\nHost: x\r\netag: odd\r\nEtAg: odder\r\n\r\n",
            "HEAD /ten HTTP/1.1\r\nhost: x\r\n\r\n",
            "GET /ten HTTP/1.1\r\nHOST: x\r\nRANGE:bytes=0-3\r\n\r\n",
            "GET /ten HTTP/1.1\r\nHost: x\r\nRange: bytes=20-\r\n\r\n",
            "GET /ten HTTP/1.1\r\nHost: x\r\nIf-None-Match: \"e1\"\r\n\r\n",
            "GET /none HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
            "GET /busy HTTP/1.1\r\nHost: x\r\n\r\n",
            "PUT /ten HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
            "GET /ten HTTP/1.0\r\n\r\n",
            "GET /ten HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n",
            "GET /ten HTTP/1.1\r\n\r\n",
            "nonsense\r\n\r\n",
        ] {
            let head = head(request).await;
            assert!(head.starts_with("HTTP/1."), "{request:?}: {head}");
            for line in head.lines().skip(1) {
                let (name, _) = line.split_once(": ").unwrap();
                assert!(known.contains(&name), "{name} after {request:?}");
                seen.push(name.to_owned());
            }
        }
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen, known);
    }
}
