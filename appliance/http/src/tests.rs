use std::time::{Duration, SystemTime};

use proptest::prelude::*;

use super::*;

const NOW: Duration = Duration::from_secs(2_000_000_000);
/// 2001-09-09 01:46:40 UTC and half a second.
const MODIFIED: Duration = Duration::from_millis(1_000_000_000_500);
const DATE: &str = "Sun, 09 Sep 2001 01:46:40 GMT";

fn ten() -> Representation<'static> {
    let modified = Some(SystemTime::UNIX_EPOCH + MODIFIED);
    Representation { length: 10, etag: "\"e1\"", modified, content_type: "text/xml" }
}

/// The answer's head and content; the head only for a refused request.
fn said(bytes: &[u8], found: LookupResult) -> (String, ResponseContent, bool) {
    let answer = match receive(bytes) {
        Received::Request(request, length) => {
            assert!(length <= bytes.len());
            answer(&request, found)
        }
        Received::Refused(version, status) => refuse(version, status),
        Received::Partial => panic!("{} is no whole head", String::from_utf8_lossy(bytes)),
    };
    let mut head = Vec::new();
    answer.write_head(SystemTime::UNIX_EPOCH + NOW, &mut head);
    (String::from_utf8(head).unwrap(), answer.content, answer.persists)
}

fn get(fields: &str) -> (String, ResponseContent, bool) {
    said(format!("GET /ten HTTP/1.1\r\nHost: x\r\n{fields}\r\n").as_bytes(), LookupResult::File(ten()))
}

fn status(request: &str) -> String {
    said(request.as_bytes(), LookupResult::File(ten())).0.split(' ').nth(1).unwrap().to_owned()
}

#[test]
fn a_whole_file_is_described_by_every_field() {
    let (head, content, persists) = get("");
    assert_eq!(
        head,
        "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nAccept-Ranges: bytes\r\nETag: \"e1\"\r\n\
         Last-Modified: Sun, 09 Sep 2001 01:46:40 GMT\r\nContent-Length: 10\r\nDate: Wed, 18 May 2033 03:33:20 GMT\r\n\r\n"
    );
    assert_eq!((content, persists), (ResponseContent::Part(0..10), true));
}

#[test]
fn head_is_answered_as_get_is_and_without_content() {
    let head_request = b"HEAD /ten HTTP/1.1\r\nHost: x\r\nRange: bytes=0-1\r\n\r\n";
    let (head, content, _) = said(head_request, LookupResult::File(ten()));
    assert_eq!((head, content), (get("").0, ResponseContent::Nothing));
    let (head, content, _) = said(head_request, LookupResult::Nothing);
    assert!(head.contains("Content-Length: 10\r\n") && head.starts_with("HTTP/1.1 404"), "{head}");
    assert_eq!(content, ResponseContent::Nothing);
}

#[test]
fn dates_that_are_none_are_left_out() {
    for modified in [SystemTime::UNIX_EPOCH + NOW + NOW, SystemTime::UNIX_EPOCH - NOW] {
        let file = Representation { modified: Some(modified), ..ten() };
        let (head, _, _) = said(b"GET / HTTP/1.0\r\n\r\n", LookupResult::File(file));
        assert!(!head.contains("Last-Modified"), "{head}");
    }
}

#[test]
fn conditions_are_weighed_in_their_order() {
    for (fields, status) in [
        ("If-None-Match: \"a\"\r\nIf-None-Match: W/\"e1\"\r\n".to_owned(), "304"),
        (format!("If-None-Match: \"e2\"\r\nIf-Modified-Since: {DATE}\r\n"), "200"),
        (format!("If-Modified-Since: {DATE}\r\nIf-Modified-Since: yesterday\r\n"), "304"),
        ("If-Match: W/\"e1\"\r\n".to_owned(), "412"),
        ("If-Match: \"e2\", \"e1\"\r\n".to_owned(), "200"),
        ("Range: bytes=0-0\r\nIf-Range: \"e1\"\r\n".to_owned(), "206"),
        (format!("Range: bytes=0-0\r\nIf-Range: {DATE}\r\n"), "200"),
        ("Range: bytes=18446744073709551615-\r\n".to_owned(), "416"),
    ] {
        let (head, ..) = get(&fields);
        assert!(head.starts_with(&format!("HTTP/1.1 {status}")), "{fields}: {head}");
        assert_eq!(head.contains("Content-Length"), status != "304", "{head}");
    }
}

#[test]
fn a_connection_goes_on_only_where_the_next_request_is_sure_to_begin_after_this_one() {
    for (request, goes_on) in [
        ("GET / HTTP/1.1\r\nHost: x\r\n", true),
        ("GET / HTTP/1.1\r\nHost: x\r\nConnection: x, Close\r\n", false),
        ("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nConnection: keep-alive\r\n", false),
        ("GET / HTTP/1.0\r\n", false),
        ("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n", true),
        ("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 00\r\n", true),
        ("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 3\r\n", false),
        ("PUT / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n", false),
        ("GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, Chunked\r\n", false),
        ("DELETE / HTTP/1.1\r\nHost: x\r\n", true),
    ] {
        let (head, _, persists) = said(format!("{request}\r\n").as_bytes(), LookupResult::File(ten()));
        assert!(!head.contains(" 400 "), "{request}: {head}");
        let told = head.contains("Connection: close\r\n")
            || (head.starts_with("HTTP/1.0") && !head.contains("Connection"));
        assert_eq!((persists, !told), (goes_on, goes_on), "{request}: {head}");
    }
}

#[test]
fn what_may_be_two_requests_or_none_is_refused() {
    for fields in [
        "Content-Length: 1\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 1",
        "Transfer-Encoding: chunked, gzip",
        "Transfer-Encoding: nonsense",
        "Content-Length: 1\r\nContent-Length: 2",
        "Content-Length: +1",
        "Content-Length: -1",
        "Content-Length: 0x1",
        "Content-Length: 1, 1",
        "Content-Length: ",
        "Content-Length: 18446744073709551616",
        "Transfer-Encoding : chunked",
        " folded: line",
        "Host: y",
    ] {
        let request = format!("GET / HTTP/1.1\r\nHost: x\r\n{fields}\r\n\r\n");
        assert_eq!(status(&request), "400", "{fields}");
        assert!(!said(request.as_bytes(), LookupResult::Nothing).2, "{fields}");
    }
    assert_eq!(status("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), "400");
    for line in [
        "GET / HTTP/1.1",
        "GET / HTTP/2.0",
        "GET /",
        "PRI * HTTP/2.0",
        "GET  / HTTP/1.1",
        "GET / HTTP/1.1 x",
        "get\0 / HTTP/1.1",
        "GET * HTTP/1.1\r\nHost: x",
        "GET x:1 HTTP/1.1\r\nHost: x",
        "GET http:///x HTTP/1.1\r\nHost: x",
        "GET 1://x/ HTTP/1.1\r\nHost: x",
        "GET http://a\"b/ HTTP/1.1\r\nHost: x",
        "\u{16}\u{3}\u{1}\u{2}",
    ] {
        assert_eq!(status(&format!("{line}\r\n\r\n")), "400", "{line:?}");
    }
}

#[test]
fn the_path_is_the_target_without_its_query_and_its_server() {
    for (target, path) in [
        ("/a%2Fb?c=/d", "/a%2Fb"),
        ("//a/../b", "//a/../b"),
        ("http://10.23.45.67:6970/a?b", "/a"),
        ("HTTP://x", "/"),
        ("http://x?y", "/"),
        ("/a#b", "/a"),
        ("/a://b", "/a://b"),
    ] {
        let request = format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n");
        let Received::Request(request, _) = receive(request.as_bytes()) else { panic!("{target}") };
        assert_eq!(request.path, path);
    }
}

#[test]
fn a_head_has_a_bound() {
    let long = |target: usize, field: usize| {
        format!("GET /{} HTTP/1.1\r\nHost: x\r\nX: {}", "t".repeat(target), "f".repeat(field)).into_bytes()
    };
    let refused = |bytes: &[u8]| match receive(bytes) {
        Received::Refused(_, status) => Some(status),
        _ => None,
    };
    assert_eq!(refused(&long(LONGEST_HEAD, 0)), Some(Status::TargetTooLong));
    assert_eq!(refused(&long(10, LONGEST_HEAD)), Some(Status::HeadTooLong));
    assert!(matches!(receive(&long(10, LONGEST_HEAD - 100)), Received::Partial));
    let fields = |count: usize| "X: y\r\n".repeat(count);
    assert_eq!(status(&format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", fields(99))), "200");
    assert_eq!(status(&format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", fields(100))), "431");
}

/// A head's parts, some of them well formed.
fn heads() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        Just("GET /ten HTTP/1.1".to_owned()),
        Just("HEAD http://x/ten?q HTTP/1.0".to_owned()),
        Just("POST * HTTP/1.1".to_owned()),
        "[A-Z]{1,4} [ -~]{0,12} HTTP/1.[01]",
    ];
    let field = prop_oneof![
        Just("Host: x".to_owned()),
        "(Range|If-Range|If-Match|If-None-Match|If-Modified-Since): (bytes=)?[ -~]{0,12}",
        "Range: bytes=[0-9]{0,20}-[0-9]{0,20}",
        "(Content-Length|Transfer-Encoding|Connection|Expect): ([0-9]{1,3}|chunked|close|keep-alive|[ -~]{0,9})",
        "[ -~]{0,20}",
    ];
    (line, proptest::collection::vec(field, 0..6), proptest::collection::vec(any::<u8>(), 0..8)).prop_map(
        |(line, fields, rest)| {
            let mut bytes = line.into_bytes();
            for field in fields {
                bytes.extend_from_slice(b"\r\n");
                bytes.extend_from_slice(field.as_bytes());
            }
            bytes.extend_from_slice(b"\r\n\r\n");
            bytes.extend(rest);
            bytes
        },
    )
}

proptest! {
    #[test]
    fn any_bytes_are_judged(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _ = receive(&bytes);
    }

    /// A head is judged alike whether its bytes come at once or one by one.
    #[test]
    fn a_head_is_judged_alike_however_it_comes(bytes in heads()) {
        let judged = |bytes: &[u8]| match receive(bytes) {
            Received::Partial => None,
            Received::Request(request, length) => Some(format!("{request:?} {length}")),
            Received::Refused(_, status) => Some(format!("{status:?}")),
        };
        let all = judged(&bytes);
        for length in 0..bytes.len() {
            let begin = judged(&bytes[..length]);
            prop_assert!(begin.is_none() || begin == all, "{:?} and then {:?}", begin, all);
        }
    }

    #[test]
    fn every_answer_can_be_read_and_says_how_long_it_is(bytes in heads(), length in 0..1000_u64) {
        let file = Representation { length, ..ten() };
        let answer = match receive(&bytes) {
            Received::Partial => return Ok(()),
            Received::Request(request, _) => answer(&request, LookupResult::File(file)),
            Received::Refused(version, status) => refuse(version, status),
        };
        let mut head = Vec::new();
        answer.write_head(SystemTime::UNIX_EPOCH + NOW, &mut head);
        let mut fields = [httparse::EMPTY_HEADER; 16];
        let mut read = httparse::Response::new(&mut fields);
        prop_assert_eq!(read.parse(&head).unwrap(), httparse::Status::Complete(head.len()));
        let told = read.headers.iter().find(|field| field.name == "Content-Length");
        let told = told.map(|field| std::str::from_utf8(field.value).unwrap().parse::<u64>().unwrap());
        match &answer.content {
            ResponseContent::Part(part) => {
                prop_assert!(part.start <= part.end && part.end <= length);
                prop_assert_eq!(told, Some(part.end - part.start));
            }
            ResponseContent::Text(text) => prop_assert_eq!(told, Some(text.len() as u64)),
            ResponseContent::Nothing => {}
        }
    }
}
