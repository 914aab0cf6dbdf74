use std::collections::HashMap;
use std::future::Future;
use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant, UNIX_EPOCH};

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::*;
use crate::library::OpenFile;

const ETAG: &str = "\"e1\"";
/// 2001-09-09 01:46:40 UTC and half a second.
const MODIFIED: Duration = Duration::from_millis(1_000_000_000_500);
const DATE: &str = "Sun, 09 Sep 2001 01:46:40 GMT";
const BIG: usize = 8 << 20;
/// Less than the kernel holds for one connection.
const TAIL: usize = 100_000;

/// What the plane was asked, and what became of its transfers.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Seen {
    Asked(String),
    Advanced(u64, u64),
    Finished,
    Broken,
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<Seen>>>);

impl Log {
    fn add(&self, seen: Seen) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(seen);
    }

    fn all(&self) -> Vec<Seen> {
        self.0.lock().unwrap().clone()
    }

    fn asked(&self) -> Vec<String> {
        let path = |seen| match seen {
            Seen::Asked(path) => Some(path),
            _ => None,
        };
        self.all().into_iter().filter_map(path).collect()
    }

    /// The transfer's end, and how far it was known to have come.
    async fn end(&self) -> (Seen, u64) {
        let started = Instant::now();
        loop {
            let seen = self.all();
            if let Some(end) = seen
                .iter()
                .find(|seen| matches!(seen, Seen::Finished | Seen::Broken))
            {
                let far = seen.iter().filter_map(|seen| {
                    if let Seen::Advanced(_, to) = seen {
                        Some(*to)
                    } else {
                        None
                    }
                });
                return (end.clone(), far.max().unwrap_or(0));
            }
            assert!(started.elapsed() < Duration::from_secs(20), "no end: {seen:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

struct FakeTracker(Option<Log>);

impl Track for FakeTracker {
    fn advance(&self, from: u64, to: u64) {
        if let Some(log) = &self.0 {
            log.add(Seen::Advanced(from, to));
        }
    }

    fn finish(mut self) {
        self.0.take().unwrap().add(Seen::Finished);
    }

    fn broken(mut self, _why: &str) {
        self.0.take().unwrap().add(Seen::Broken);
    }
}

impl Drop for FakeTracker {
    fn drop(&mut self) {
        if let Some(log) = self.0.take() {
            log.add(Seen::Broken);
        }
    }
}

struct Fake {
    files: HashMap<&'static str, std::fs::File>,
    log: Log,
}

impl Plane for Fake {
    type Tracker = FakeTracker;

    fn fetch(self: &Arc<Self>, fetch: Fetch) -> impl Future<Output = (Served, FakeTracker)> + Send {
        self.log.add(Seen::Asked(fetch.path.clone()));
        let served = match fetch.path.as_str() {
            "/busy" => Served::Busy,
            "/SEP.xml" => Served::Document {
                body: Bytes::from_static(b"<device/>"),
                content_type: "text/xml",
            },
            path => self.files.get(path).map_or(Served::NotFound, |file| {
                let file = file.try_clone().unwrap();
                Served::File(OpenFile {
                    size: file.metadata().unwrap().len(),
                    file: Arc::new(file),
                    modified: UNIX_EPOCH + MODIFIED,
                    name: path.trim_start_matches('/').into(),
                    etag: ETAG.into(),
                })
            }),
        };
        let tracker = FakeTracker(Some(self.log.clone()));
        async move { (served, tracker) }
    }
}

struct Door {
    address: SocketAddr,
    log: Log,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

static CONTENT: LazyLock<Vec<u8>> = LazyLock::new(|| {
    (0..BIG / 4)
        .flat_map(|word| (word as u32).to_le_bytes())
        .collect()
});

async fn open_with(limits: Limits) -> Door {
    let file = |content: &[u8]| {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content).unwrap();
        file
    };
    let files = HashMap::from([
        ("/ten", file(b"0123456789")),
        ("/empty", file(b"")),
        ("/tail.sbn", file(&CONTENT[..TAIL])),
        ("/big.sbn", file(&CONTENT)),
    ]);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, log, stop) = (
        listener.local_addr().unwrap(),
        Log::default(),
        CancellationToken::new(),
    );
    let plane = Arc::new(Fake {
        files,
        log: log.clone(),
    });
    let task = tokio::spawn(serve(listener, plane, limits, stop.clone()));
    Door {
        address,
        log,
        stop,
        task,
    }
}

async fn open() -> Door {
    open_with(Limits::default()).await
}

impl Door {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends bytes, says that it sends no more, and reads all that comes.
    async fn raw(&self, bytes: &[u8]) -> (String, Vec<u8>) {
        let mut stream = self.connect().await;
        let mut answer = Vec::new();
        // The server may have closed already, and what it said before is still read.
        let _ = stream.write_all(bytes).await;
        let _ = stream.shutdown().await;
        let _ = stream.read_to_end(&mut answer).await;
        let head = answer
            .windows(4)
            .position(|window| window == b"\r\n\r\n")
            .map_or(answer.len(), |end| end + 4);
        let content = answer.split_off(head);
        (String::from_utf8(answer).unwrap().to_ascii_lowercase(), content)
    }

    async fn get(&self, path: &str, headers: &str) -> (String, Vec<u8>) {
        self.raw(format!("GET {path} HTTP/1.1\r\nHost: x\r\n{headers}\r\n").as_bytes())
            .await
    }

    async fn status(&self, request: &str) -> String {
        let (head, _) = self.raw(request.as_bytes()).await;
        head.split(' ').nth(1).unwrap_or("closed").to_owned()
    }
}

#[tokio::test]
async fn a_file_comes_whole_and_its_end_is_known_once_it_has_arrived() {
    let door = open().await;
    let (head, content) = door.get("/big.sbn", "").await;
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
    assert_eq!(door.log.end().await, (Seen::Finished, BIG as u64));
    let steps: Vec<Seen> = door.log.all();
    assert!(
        steps.len() > 10 && !steps.contains(&Seen::Broken),
        "progress is told on the way"
    );
}

#[tokio::test]
async fn documents_and_empty_files_are_transfers_too() {
    let door = open().await;
    let (head, content) = door.get("/SEP.xml", "").await;
    assert!(
        head.contains("content-type: text/xml\r\n") && head.contains("content-length: 9\r\n"),
        "{head}"
    );
    assert_eq!(
        (content.as_slice(), door.log.end().await),
        (&b"<device/>"[..], (Seen::Finished, 9))
    );
    let etag = head.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap();
    let (head, _) = door.get("/SEP.xml", &format!("If-None-Match: {etag}\r\n")).await;
    assert!(head.starts_with("http/1.1 304"), "{head}");

    let door = open().await;
    let (head, content) = door.get("/empty", "").await;
    assert!(
        head.contains("content-length: 0\r\n") && content.is_empty(),
        "{head}"
    );
    assert_eq!(door.log.end().await.0, Seen::Finished);
}

#[tokio::test]
async fn head_says_what_get_would_and_sends_nothing() {
    let door = open().await;
    let (head, content) = door
        .raw(b"HEAD /big.sbn HTTP/1.1\r\nHost: x\r\nRange: bytes=0-1\r\n\r\n")
        .await;
    assert!(
        head.starts_with("http/1.1 200") && head.contains("content-length: 8388608\r\n"),
        "{head}"
    );
    assert!(content.is_empty());
    assert_eq!(door.log.end().await, (Seen::Finished, 0));
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
        (
            "bytes=99999999999999999999999-",
            "416",
            b"no such part\n",
            "bytes */10",
        ),
        ("bytes=5-2", "200", b"0123456789", ""),
        ("bytes=0-1,3-4", "200", b"0123456789", ""),
        ("bytes=-", "200", b"0123456789", ""),
        ("bytes=+1-2", "200", b"0123456789", ""),
        ("lines=0-1", "200", b"0123456789", ""),
        ("bytes", "200", b"0123456789", ""),
    ];
    for (range, status, expected, described) in cases {
        let door = open().await;
        let (head, content) = door.get("/ten", &format!("Range: {range}\r\n")).await;
        assert!(head.starts_with(&format!("http/1.1 {status}")), "{range}: {head}");
        assert_eq!(content, expected, "{range}");
        assert!(
            head.contains(&format!("content-length: {}\r\n", expected.len())),
            "{range}: {head}"
        );
        let told = head
            .lines()
            .find_map(|line| line.strip_prefix("content-range: "))
            .unwrap_or("");
        assert_eq!(told, described, "{range}");
    }
    let door = open().await;
    door.get("/ten", "Range: bytes=4-6\r\n").await;
    assert_eq!(door.log.end().await, (Seen::Finished, 7));
    assert!(
        door.log.all().contains(&Seen::Advanced(4, 7)),
        "progress is in bytes of the file"
    );
}

#[tokio::test]
async fn conditions_are_weighed_in_their_order() {
    let door = open().await;
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
        (
            format!("If-None-Match: \"e2\"\r\nIf-Modified-Since: {newer}"),
            "200",
        ),
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
        let (head, content) = door.get("/ten", &format!("{headers}\r\n")).await;
        assert!(
            head.starts_with(&format!("http/1.1 {status}")),
            "{headers}: {head}"
        );
        if status == "304" {
            assert!(content.is_empty() && head.contains("etag: \"e1\"\r\n"), "{head}");
        }
    }
}

#[tokio::test]
async fn a_connection_serves_many_requests_even_sent_at_once() {
    let door = open().await;
    let mut stream = door.connect().await;
    let request = "GET /ten HTTP/1.1\r\nHost: x\r\n\r\n";
    stream.write_all(request.repeat(3).as_bytes()).await.unwrap();
    stream
        .write_all(b"GET /none HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert_eq!(answer.matches("HTTP/1.1 200 OK").count(), 3, "{answer}");
    assert_eq!(answer.matches("0123456789").count(), 3);
    assert!(answer.ends_with("not found\n"));
}

#[tokio::test]
async fn what_is_not_there_or_not_now_is_said_at_once_and_never_in_html() {
    let door = open().await;
    let (head, content) = door.get("/none", "").await;
    assert!(
        head.starts_with("http/1.1 404") && head.contains("content-type: text/plain"),
        "{head}"
    );
    assert_eq!(content, b"not found\n");
    let (head, _) = door.get("/busy", "").await;
    assert!(
        head.starts_with("http/1.1 503") && head.contains("retry-after: 5\r\n"),
        "{head}"
    );
}

#[tokio::test]
async fn old_and_absolute_requests_are_understood() {
    let door = open().await;
    assert_eq!(door.status("GET /ten HTTP/1.0\r\n\r\n").await, "200");
    assert_eq!(
        door.status("GET http://10.23.45.67:6970/ten HTTP/1.1\r\nHost: 10.23.45.67:6970\r\n\r\n")
            .await,
        "200"
    );
    assert_eq!(door.status("GET /ten HTTP/1.1\r\nHost:\r\n\r\n").await, "200");
    assert_eq!(
        door.status("GET /ten?m=1 HTTP/1.1\r\nHost: x\r\n\r\n").await,
        "200"
    );
}

#[tokio::test]
async fn what_is_wrong_is_refused_and_others_are_served_all_the_same() {
    let door = open().await;
    for (request, status) in [
        ("GET /ten HTTP/1.1\r\n\r\n", "400"),
        ("GET /ten HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400"),
        ("GET /ten HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", "400"),
        ("GET /ten HTTP/1.1\r\nHost: a b\r\n\r\n", "400"),
        (
            "POST /ten HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
            "405",
        ),
        ("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", "405"),
        ("CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n", "405"),
        ("GET ten HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
        ("GET /t\u{0}en HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
        ("GET / HTTP/3.0\r\nHost: x\r\n\r\n", "400"),
        ("\u{0}\u{1}\u{2}garbage\r\n\r\n", "400"),
        (
            "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: nonsense\r\n\r\n",
            "400",
        ),
    ] {
        assert_eq!(door.status(request).await, status, "{request:?}");
        assert_eq!(door.status("GET /ten HTTP/1.1\r\nHost: x\r\n\r\n").await, "200");
    }
    let (head, _) = door.raw(b"DELETE /ten HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(head.contains("allow: get, head\r\n"), "{head}");
    let long = format!(
        "GET /ten HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n",
        "x".repeat(100_000)
    );
    assert!(["431", "closed"].contains(&door.status(&long).await.as_str()));
    assert_eq!(door.status("GET /ten HTTP/1.1\r\nHost: x\r\n\r\n").await, "200");
}

#[tokio::test]
async fn paths_are_passed_on_as_they_were_written() {
    let door = open().await;
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
        let (head, _) = door.get(path, "").await;
        assert!(head.starts_with("http/1.1 404"), "{path}: {head}");
    }
    assert_eq!(door.log.asked(), paths);
}

#[tokio::test]
async fn a_client_that_goes_away_has_not_got_the_file() {
    let door = open().await;
    let mut stream = door.connect().await;
    stream
        .write_all(b"GET /big.sbn HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    let mut some = vec![0; 100_000];
    stream.read_exact(&mut some).await.unwrap();
    drop(stream);
    let (end, far) = door.log.end().await;
    assert_eq!(end, Seen::Broken);
    assert!(far < BIG as u64, "{far}");
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_given_up_on() {
    let limits = Limits {
        patience: Duration::from_millis(300),
        ..Limits::default()
    };
    let door = open_with(limits).await;
    let mut reader = door.connect().await;
    reader
        .write_all(b"GET /big.sbn HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    assert_eq!(door.log.end().await.0, Seen::Broken);

    for begin in ["", "GET /ten HTTP/1.1\r\nHo"] {
        let mut silent = door.connect().await;
        silent.write_all(begin.as_bytes()).await.unwrap();
        let mut rest = Vec::new();
        let closed = tokio::time::timeout(Duration::from_secs(20), silent.read_to_end(&mut rest)).await;
        assert!(closed.is_ok(), "a connection that says nothing is closed");
    }
}

#[tokio::test]
async fn what_only_the_kernel_has_taken_has_not_arrived() {
    let limits = Limits {
        patience: Duration::from_millis(300),
        ..Limits::default()
    };
    let door = open_with(limits).await;
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = socket.connect(door.address).await.unwrap();
    stream
        .write_all(b"GET /tail.sbn HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    assert_eq!(door.log.end().await.0, Seen::Broken);
}

#[tokio::test]
async fn a_file_cut_short_on_disk_ends_the_connection() {
    let door = open().await;
    let mut cut = tempfile::tempfile().unwrap();
    cut.write_all(&vec![7; 300_000]).unwrap();
    let open = OpenFile {
        file: Arc::new(cut.try_clone().unwrap()),
        size: 300_000,
        modified: UNIX_EPOCH,
        name: "x.sbn".into(),
        etag: ETAG.into(),
    };
    cut.set_len(100_000).unwrap();
    let tracker = FakeTracker(Some(door.log.clone()));
    let mut content = Box::pin(Content::tracked(
        Source::Disk(open.file),
        0..open.size,
        tracker,
        super::super::wire::Receipts::default(),
    ));
    let mut sent = 0;
    let failed = loop {
        match http_body_util::BodyExt::frame(&mut content).await {
            Some(Ok(frame)) => sent += frame.into_data().unwrap().len(),
            Some(Err(_)) => break true,
            None => break false,
        }
    };
    assert!(failed && sent < 300_000, "{sent}");
    assert_eq!(door.log.end().await.0, Seen::Broken);
}

#[tokio::test]
async fn one_peer_cannot_take_every_connection() {
    let limits = Limits {
        per_peer: 2,
        ..Limits::default()
    };
    let door = open_with(limits).await;
    let mut held = [door.connect().await, door.connect().await];
    for stream in &mut held {
        stream
            .write_all(b"GET /ten HTTP/1.1\r\nHost: x\r\n\r\n")
            .await
            .unwrap();
        assert_eq!(stream.read_u8().await.unwrap(), b'H');
    }
    assert_eq!(
        door.status("GET /ten HTTP/1.1\r\nHost: x\r\n\r\n").await,
        "closed"
    );
    drop(held);
    let started = Instant::now();
    while door.status("GET /ten HTTP/1.1\r\nHost: x\r\n\r\n").await != "200" {
        assert!(
            started.elapsed() < Duration::from_secs(20),
            "a freed place is used again"
        );
    }
}

#[tokio::test]
async fn a_stop_lets_transfers_end_and_takes_in_no_more() {
    let door = open().await;
    let mut stream = door.connect().await;
    stream
        .write_all(b"GET /big.sbn HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    let mut idle = door.connect().await;
    let mut start = vec![0; 1000];
    stream.read_exact(&mut start).await.unwrap();
    door.stop.cancel();
    let mut rest = Vec::new();
    idle.read_to_end(&mut rest).await.unwrap();
    assert!(rest.is_empty(), "an idle connection is closed");
    stream.read_to_end(&mut rest).await.unwrap();
    assert!(rest.ends_with(&CONTENT[BIG - 1000..]));
    assert_eq!(door.log.end().await, (Seen::Finished, BIG as u64));
    door.task.await.unwrap();
    assert!(TcpStream::connect(door.address).await.is_err());
}
