//! Tests that field names are spelled as in their RFCs.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::listeners::fake::open;

/// The head of the answer, byte by byte.
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
