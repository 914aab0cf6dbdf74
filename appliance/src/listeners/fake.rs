//! A file service for tests with a few files, which records its requests and the ends of its transfers, and a
//! listener in front of it.

use std::collections::HashMap;
use std::future::Future;
use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant, UNIX_EPOCH};

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::connections::{Entrance, Limits};
use super::rate::RateLimit;
use super::{FileAnswer, FileRequest, Plane, Track, http};
use crate::state::library::OpenFile;

pub const ETAG: &str = "\"e1\"";
/// 2001-09-09 01:46:40 UTC and half a second.
pub const MODIFIED: Duration = Duration::from_millis(1_000_000_000_500);
pub const DATE: &str = "Sun, 09 Sep 2001 01:46:40 GMT";
pub const BIG: usize = 8 << 20;
/// Less than the kernel buffers for one connection.
pub const TAIL: usize = 100_000;

/// A recorded request or end of a transfer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FakeEvent {
    Asked(String),
    Answered,
    Advanced(u64, u64),
    Finished,
    Broken,
}

#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<FakeEvent>>>, Arc<Mutex<Vec<String>>>);

impl Log {
    fn add(&self, seen: FakeEvent) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(seen);
    }

    pub fn all(&self) -> Vec<FakeEvent> {
        self.0.lock().unwrap().clone()
    }

    /// The causes of broken transfers.
    pub fn causes(&self) -> Vec<String> {
        self.1.lock().unwrap().clone()
    }

    pub fn asked(&self) -> Vec<String> {
        let path = |seen| match seen {
            FakeEvent::Asked(path) => Some(path),
            _ => None,
        };
        self.all().into_iter().filter_map(path).collect()
    }

    /// The transfer's end, and the bytes known to have arrived.
    pub async fn end(&self) -> (FakeEvent, u64) {
        let started = Instant::now();
        loop {
            let seen = self.all();
            if let Some(end) =
                seen.iter().find(|seen| matches!(seen, FakeEvent::Finished | FakeEvent::Broken))
            {
                let far = seen
                    .iter()
                    .filter_map(|seen| if let FakeEvent::Advanced(_, to) = seen { Some(*to) } else { None });
                return (end.clone(), far.max().unwrap_or(0));
            }
            assert!(started.elapsed() < Duration::from_secs(20), "no end: {seen:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

pub struct FakeTracker(pub Option<Log>);

impl Track for FakeTracker {
    fn advance(&self, from: u64, to: u64) {
        if let Some(log) = &self.0 {
            log.add(FakeEvent::Advanced(from, to));
        }
    }

    fn answered(&self) {
        if let Some(log) = &self.0 {
            log.add(FakeEvent::Answered);
        }
    }

    fn finish(mut self) {
        self.0.take().unwrap().add(FakeEvent::Finished);
    }

    fn broken(mut self, why: &str) {
        let log = self.0.take().unwrap();
        log.1.lock().unwrap().push(why.to_owned());
        log.add(FakeEvent::Broken);
    }
}

impl Drop for FakeTracker {
    fn drop(&mut self) {
        if let Some(log) = self.0.take() {
            log.add(FakeEvent::Broken);
        }
    }
}

pub struct Fake {
    pub files: HashMap<&'static str, std::fs::File>,
    /// Files that are shorter than at the look before, with that length.
    pub cut: HashMap<&'static str, (std::fs::File, u64)>,
    pub log: Log,
}

impl Plane for Fake {
    fn is_leased(&self, _address: std::net::Ipv4Addr) -> bool {
        true
    }

    type Tracker = FakeTracker;

    fn fetch(self: &Arc<Self>, fetch: FileRequest) -> impl Future<Output = (FileAnswer, FakeTracker)> + Send {
        self.log.add(FakeEvent::Asked(fetch.path.clone()));
        let served = match fetch.path.trim_start_matches('/') {
            "busy" => FileAnswer::Busy,
            "SEP.xml" => {
                FileAnswer::Document { body: Bytes::from_static(b"<device/>"), content_type: "text/xml" }
            }
            path => self.find(path).map_or(FileAnswer::NotFound, |(file, size)| {
                FileAnswer::File(OpenFile {
                    size,
                    file: Arc::new(file.try_clone().unwrap()),
                    modified: UNIX_EPOCH + MODIFIED,
                    name: path.into(),
                    etag: ETAG.into(),
                })
            }),
        };
        let tracker = FakeTracker(Some(self.log.clone()));
        async move { (served, tracker) }
    }
}

pub struct TestListener {
    pub address: SocketAddr,
    pub log: Log,
    pub stop: CancellationToken,
    pub task: JoinHandle<()>,
}

pub static CONTENT: LazyLock<Vec<u8>> =
    LazyLock::new(|| (0..BIG / 4).flat_map(|word| (word as u32).to_le_bytes()).collect());

impl Fake {
    pub fn new() -> Self {
        let file = |content: &[u8]| {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(content).unwrap();
            file.set_modified(UNIX_EPOCH + MODIFIED).unwrap();
            file
        };
        let files = HashMap::from([
            ("ten", file(b"0123456789")),
            ("empty", file(b"")),
            ("tail.sbn", file(&CONTENT[..TAIL])),
            ("big.sbn", file(&CONTENT)),
        ]);
        Self { files, cut: HashMap::new(), log: Log::default() }
    }

    fn find(&self, path: &str) -> Option<(&std::fs::File, u64)> {
        let cut = self.cut.get(path).map(|(file, size)| (file, *size));
        cut.or_else(|| self.files.get(path).map(|file| (file, file.metadata().unwrap().len())))
    }
}

pub async fn open_with(limits: Limits) -> TestListener {
    open_plane(Fake::new(), limits).await
}

pub async fn open_plane(plane: Fake, limits: Limits) -> TestListener {
    open_limited(plane, limits, RateLimit::new(None)).await
}

pub async fn open_limited(plane: Fake, limits: Limits, rate: RateLimit) -> TestListener {
    let log = plane.log.clone();
    TestListener { log, ..open_any(Arc::new(plane), limits, rate).await }
}

/// A listener in front of any file service; its log stays empty.
pub async fn open_any<P: Plane<Tracker = FakeTracker>>(
    plane: Arc<P>,
    limits: Limits,
    rate: RateLimit,
) -> TestListener {
    open_entrance(plane, Entrance::alike(limits), rate).await
}

pub async fn open_entrance<P: Plane<Tracker = FakeTracker>>(
    plane: Arc<P>,
    entrance: Entrance,
    rate: RateLimit,
) -> TestListener {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
    let task = tokio::spawn(http::serve(listener, plane, entrance, rate, stop.clone()));
    TestListener { address, log: Log::default(), stop, task }
}

pub async fn open() -> TestListener {
    open_with(Limits::default()).await
}

impl TestListener {
    pub async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends bytes, closes the sending side, and reads the whole answer.
    pub async fn raw(&self, bytes: &[u8]) -> (String, Vec<u8>) {
        let mut stream = self.connect().await;
        let mut answer = Vec::new();
        // The server may have closed already; its earlier answer is still read.
        let _ = stream.write_all(bytes).await;
        let _ = stream.shutdown().await;
        let _ = stream.read_to_end(&mut answer).await;
        let head =
            answer.windows(4).position(|window| window == b"\r\n\r\n").map_or(answer.len(), |end| end + 4);
        let content = answer.split_off(head);
        (String::from_utf8(answer).unwrap().to_ascii_lowercase(), content)
    }

    pub async fn get(&self, path: &str, headers: &str) -> (String, Vec<u8>) {
        self.raw(format!("GET {path} HTTP/1.1\r\nHost: x\r\n{headers}\r\n").as_bytes()).await
    }

    pub async fn status(&self, request: &str) -> String {
        let (head, _) = self.raw(request.as_bytes()).await;
        head.split(' ').nth(1).unwrap_or("closed").to_owned()
    }
}
