use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::listeners::connections::Limits;
use crate::listeners::fake::{BIG, CONTENT, DATE, Fake, FakeEvent, open, open_limited, open_plane};

#[tokio::test]
async fn a_file_comes_whole_and_its_end_is_known_once_it_has_arrived() {
    let server = open().await;
    let (head, content) = server.get("/big.sbn", "").await;
    assert!(head.starts_with("http/1.1 200 ok\r\n"), "{head}");
    for line in [
        "content-length: 8388608",
        "accept-ranges: bytes",
        "etag: \"e1\"",
        "last-modified: sun, 09 sep 2001 01:46:40 gmt",
        "content-type: application/octet-stream",
    ] {
        assert!(head.contains(&format!("\r\n{line}\r\n")), "{line} in {head}");
    }
    assert!(content == *CONTENT);
    assert_eq!(server.log.end().await, (FakeEvent::Finished, BIG as u64));
    let steps: Vec<FakeEvent> = server.log.all();
    assert!(steps.len() > 10 && !steps.contains(&FakeEvent::Broken), "progress is told on the way");
}

#[tokio::test]
async fn documents_and_empty_files_are_transfers_too() {
    let server = open().await;
    let (head, content) = server.get("/SEP.xml", "").await;
    assert!(head.contains("content-type: text/xml\r\n") && head.contains("content-length: 9\r\n"), "{head}");
    assert_eq!((content.as_slice(), server.log.end().await), (&b"<device/>"[..], (FakeEvent::Finished, 9)));
    let etag = head.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap();
    let (head, _) = server.get("/SEP.xml", &format!("If-None-Match: {etag}\r\n")).await;
    assert!(head.starts_with("http/1.1 304"), "{head}");

    let server = open().await;
    let (head, content) = server.get("/empty", "").await;
    assert!(head.contains("content-length: 0\r\n") && content.is_empty(), "{head}");
    assert_eq!(server.log.end().await.0, FakeEvent::Finished);
}

#[tokio::test]
async fn head_says_what_get_would_and_sends_nothing() {
    let server = open().await;
    let (head, content) = server.raw(b"HEAD /big.sbn HTTP/1.1\r\nHost: x\r\nRange: bytes=0-1\r\n\r\n").await;
    assert!(head.starts_with("http/1.1 200") && head.contains("content-length: 8388608\r\n"), "{head}");
    assert!(content.is_empty());
    assert_eq!(server.log.end().await, (FakeEvent::Finished, 0));
}

#[tokio::test]
async fn one_range_is_honored_and_others_are_left_out_of_account() {
    let cases: [(&str, &str, &[u8], &str); 15] = [
        ("bytes=0-3", "206", b"0123", "bytes 0-3/10"),
        ("bytes=4-", "206", b"456789", "bytes 4-9/10"),
        ("bytes=-3", "206", b"789", "bytes 7-9/10"),
        ("bytes=-30", "206", b"0123456789", "bytes 0-9/10"),
        ("bytes=9-99999999999999999999999", "206", b"9", "bytes 9-9/10"),
        ("Bytes = 2 - 3", "206", b"23", "bytes 2-3/10"),
        ("bytes=10-", "416", b"no such part\n", "bytes */10"),
        ("bytes=-0", "416", b"no such part\n", "bytes */10"),
        ("bytes=99999999999999999999999-", "416", b"no such part\n", "bytes */10"),
        ("bytes=5-2", "200", b"0123456789", ""),
        ("bytes=0-1,3-4", "200", b"0123456789", ""),
        ("bytes=-", "200", b"0123456789", ""),
        ("bytes=+1-2", "200", b"0123456789", ""),
        ("lines=0-1", "200", b"0123456789", ""),
        ("bytes", "200", b"0123456789", ""),
    ];
    for (range, status, expected, described) in cases {
        let server = open().await;
        let (head, content) = server.get("/ten", &format!("Range: {range}\r\n")).await;
        assert!(head.starts_with(&format!("http/1.1 {status}")), "{range}: {head}");
        assert_eq!(content, expected, "{range}");
        assert!(head.contains(&format!("content-length: {}\r\n", expected.len())), "{range}: {head}");
        let told = head.lines().find_map(|line| line.strip_prefix("content-range: ")).unwrap_or("");
        assert_eq!(told, described, "{range}");
    }
    let server = open().await;
    server.get("/ten", "Range: bytes=4-6\r\n").await;
    assert_eq!(server.log.end().await, (FakeEvent::Finished, 7));
    assert!(server.log.all().contains(&FakeEvent::Advanced(4, 7)), "progress is in bytes of the file");
}

#[tokio::test]
async fn conditions_are_weighed_in_their_order() {
    let server = open().await;
    let newer = "Sun, 09 Sep 2001 01:46:41 GMT";
    let older = "Sun, 09 Sep 2001 01:46:39 GMT";
    for (headers, status) in [
        ("If-None-Match: \"e1\"".to_owned(), "304"),
        ("If-None-Match: \"a\", W/\"e1\"".to_owned(), "304"),
        ("If-None-Match: *".to_owned(), "304"),
        ("If-None-Match: \"e2\"".to_owned(), "200"),
        (format!("If-Modified-Since: {DATE}"), "304"),
        (format!("If-Modified-Since: {newer}"), "304"),
        (format!("If-Modified-Since: {older}"), "200"),
        ("If-Modified-Since: yesterday".to_owned(), "200"),
        (format!("If-None-Match: \"e2\"\r\nIf-Modified-Since: {newer}"), "200"),
        ("If-Match: \"e1\"".to_owned(), "200"),
        ("If-Match: W/\"e1\"".to_owned(), "412"),
        ("If-Match: \"e2\"".to_owned(), "412"),
        (format!("If-Unmodified-Since: {older}"), "412"),
        (format!("If-Unmodified-Since: {DATE}"), "200"),
        ("Range: bytes=0-0\r\nIf-Range: \"e1\"".to_owned(), "206"),
        ("Range: bytes=0-0\r\nIf-Range: \"e2\"".to_owned(), "200"),
        (format!("Range: bytes=0-0\r\nIf-Range: {DATE}"), "200"),
        ("Range: bytes=0-0\r\nIf-None-Match: \"e1\"".to_owned(), "304"),
    ] {
        let (head, content) = server.get("/ten", &format!("{headers}\r\n")).await;
        assert!(head.starts_with(&format!("http/1.1 {status}")), "{headers}: {head}");
        if status == "304" {
            assert!(content.is_empty() && head.contains("etag: \"e1\"\r\n"), "{head}");
        }
    }
}

#[tokio::test]
async fn what_is_not_there_or_not_now_is_said_at_once_and_never_in_html() {
    let server = open().await;
    let (head, content) = server.get("/none", "").await;
    assert!(head.starts_with("http/1.1 404") && head.contains("content-type: text/plain"), "{head}");
    assert_eq!(content, b"not found\n");
    let (head, _) = server.get("/busy", "").await;
    assert!(head.starts_with("http/1.1 503") && head.contains("retry-after: 5\r\n"), "{head}");
}

#[tokio::test]
async fn old_and_absolute_requests_are_understood() {
    let server = open().await;
    assert_eq!(server.status("GET /ten HTTP/1.0\r\n\r\n").await, "200");
    assert_eq!(
        server.status("GET http://10.23.45.67:6970/ten HTTP/1.1\r\nHost: 10.23.45.67:6970\r\n\r\n").await,
        "200"
    );
    assert_eq!(server.status("GET /ten HTTP/1.1\r\nHost:\r\n\r\n").await, "200");
    assert_eq!(server.status("GET /ten?m=1 HTTP/1.1\r\nHost: x\r\n\r\n").await, "200");
}

#[tokio::test]
async fn what_is_wrong_is_refused_and_others_are_served_all_the_same() {
    let server = open().await;
    for (request, status) in [
        ("GET /ten HTTP/1.1\r\n\r\n", "400"),
        ("GET /ten HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400"),
        ("GET /ten HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", "400"),
        ("GET /ten HTTP/1.1\r\nHost: a b\r\n\r\n", "400"),
        ("POST /ten HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", "405"),
        ("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", "405"),
        ("CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n", "405"),
        ("GET ten HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
        ("GET /t\u{0}en HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
        ("GET / HTTP/3.0\r\nHost: x\r\n\r\n", "400"),
        ("\u{0}\u{1}\u{2}garbage\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: nonsense\r\n\r\n", "400"),
    ] {
        assert_eq!(server.status(request).await, status, "{request:?}");
        assert_eq!(server.status("GET /ten HTTP/1.1\r\nHost: x\r\n\r\n").await, "200");
    }
    let (head, _) = server.raw(b"DELETE /ten HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(head.contains("allow: get, head\r\n"), "{head}");
    let long = format!("GET /ten HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "x".repeat(100_000));
    assert!(["431", "closed"].contains(&server.status(&long).await.as_str()));
    assert_eq!(server.status("GET /ten HTTP/1.1\r\nHost: x\r\n\r\n").await, "200");
}

#[tokio::test]
async fn paths_are_passed_on_as_they_were_written() {
    let server = open().await;
    let paths = [
        "/../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "//etc/passwd",
        "/..\\..\\x",
        "/a%00b",
        "/a%2Fb",
        "/SEP%",
        "/",
    ];
    for path in paths {
        let (head, _) = server.get(path, "").await;
        assert!(head.starts_with("http/1.1 404"), "{path}: {head}");
    }
    assert_eq!(server.log.asked(), paths);
}

#[tokio::test]
async fn a_file_cut_short_on_disk_ends_the_connection() {
    let mut plane = Fake::new();
    let file = tempfile::tempfile().unwrap();
    file.set_len(3_000_000).unwrap();
    plane.cut.insert("cut.sbn", (file, 8_000_000));
    let server = open_plane(plane, Limits::default()).await;
    let (_, content) = server.get("/cut.sbn", "").await;
    assert!(content.len() < 8_000_000, "{}", content.len());
    assert_eq!(server.log.end().await.0, FakeEvent::Broken);
    assert!(server.log.causes()[0].contains("the file"), "{:?}", server.log.causes());
}

#[tokio::test]
async fn a_reset_breaks_a_transfer_at_once_wherever_its_bytes_wait() {
    // Three cases: all bytes are in the kernel, none is, and the client's next request lies unread.
    let (few, all) = ("Range: bytes=0-99999\r\n", "");
    for (range, next) in [(few, ""), (all, ""), (few, "GET /ten HTTP/1.1\r\nHost: x\r\n\r\n")] {
        let server = open().await;
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        socket.connect(&server.address.into()).unwrap();
        let request = format!("GET /big.sbn HTTP/1.1\r\nHost: x\r\n{range}\r\n{next}");
        assert_eq!(socket.send(request.as_bytes()).unwrap(), request.len());
        socket.set_nonblocking(true).unwrap();
        let mut stream = tokio::net::TcpStream::from_std(socket.into()).unwrap();
        stream.read_exact(&mut [0; 15]).await.unwrap();
        socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
        drop(stream);
        // The wait is far shorter than the listener's patience.
        assert_eq!(server.log.end().await.0, FakeEvent::Broken, "{range}{next}");
        let causes = server.log.causes();
        assert!(causes.iter().all(|cause| cause == "the phone closed the connection"), "{causes:?}");
    }
}

#[tokio::test]
async fn under_a_limit_phones_share_alike_and_a_document_does_not_wait() {
    let rate: usize = 2_000_000;
    let server = open_limited(Fake::new(), Limits::default(), RateLimit::new(Some(rate as u64))).await;
    let started = Instant::now();
    // Two connections of one phone, and one of another.
    let mut phones = Vec::new();
    for address in ["127.0.0.2", "127.0.0.2", "127.0.0.3"] {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::new(address.parse().unwrap(), 0)).unwrap();
        let mut stream = socket.connect(server.address).await.unwrap();
        stream.write_all(b"GET /big.sbn HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        phones.push(stream);
    }
    let mut got = [0; 3];
    let mut buffers = [vec![0; 65536], vec![0; 65536], vec![0; 65536]];
    let mut asked = None;
    while started.elapsed() < Duration::from_secs(2) {
        let [first, second, third] = &mut buffers;
        let [a, b, c] = &mut phones[..] else { unreachable!() };
        tokio::select! {
            read = a.read(first) => got[0] += read.unwrap(),
            read = b.read(second) => got[1] += read.unwrap(),
            read = c.read(third) => got[2] += read.unwrap(),
        }
        if asked.is_none() && started.elapsed() > Duration::from_secs(1) {
            let began = Instant::now();
            let (head, content) = server.get("/SEP.xml", "").await;
            assert!(head.starts_with("http/1.1 200") && content == b"<device/>", "{head}");
            asked = Some(began.elapsed());
        }
    }
    let due = rate * started.elapsed().as_millis() as usize / 1000;
    let (all, one, other) = (got[0] + got[1] + got[2], got[0] + got[1], got[2]);
    assert!(all < due * 11 / 10 && all > due / 2, "{all} bytes of {due}");
    assert!(other > one * 8 / 10 && one > other * 8 / 10, "{got:?}");
    assert!(asked.unwrap() < Duration::from_millis(500), "{asked:?}");
}
