//! Tests files that are replaced while phones read them.

use std::fs;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use transload_provision::load::Direction;

use super::*;
use crate::listeners::connections::Limits;
use crate::listeners::fake::{FakeTracker, TestListener, open_any};
use crate::listeners::{FileAnswer, FileRequest};
use crate::state::library::LibrarySnapshot;

const SIZE: usize = 8 << 20;

/// A library with one component.
struct LibraryPlane {
    state: TempDir,
    library: Mutex<LibrarySnapshot>,
}

impl Plane for LibraryPlane {
    fn is_leased(&self, _address: std::net::Ipv4Addr) -> bool {
        true
    }

    type Tracker = FakeTracker;

    async fn fetch(self: &Arc<Self>, fetch: FileRequest) -> (FileAnswer, FakeTracker) {
        let library = self.library.lock().unwrap_or_else(PoisonError::into_inner);
        let open = library.open(fetch.path.trim_start_matches('/'));
        (open.map_or(FileAnswer::NotFound, FileAnswer::File), FakeTracker(None))
    }
}

impl LibraryPlane {
    fn new() -> Arc<Self> {
        let state = tempfile::tempdir().unwrap();
        fs::create_dir(state.path().join("firmware")).unwrap();
        fs::write(state.path().join("firmware/kern.a.sbn"), vec![b'a'; SIZE]).unwrap();
        let library = Mutex::new(LibrarySnapshot::scan(state.path(), Direction::E2m).unwrap());
        Arc::new(Self { state, library })
    }

    fn path(&self) -> PathBuf {
        self.state.path().join("firmware/kern.a.sbn")
    }

    fn look_again(&self) {
        let mut library = self.library.lock().unwrap();
        if let Some(changed) = library.rescan().unwrap() {
            *library = changed;
        }
    }
}

/// A client that has started to read, with a small kernel buffer.
async fn begin(server: &TestListener) -> tokio::net::TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = socket.connect(server.address).await.unwrap();
    stream.write_all(b"GET /kern.a.sbn HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    stream.read_exact(&mut [0; 1000]).await.unwrap();
    stream
}

fn etag(head: &str) -> String {
    head.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap().to_owned()
}

#[tokio::test]
async fn who_reads_goes_on_with_the_old_file_and_whoever_resumes_begins_anew() {
    let plane = LibraryPlane::new();
    let server = open_any(Arc::clone(&plane), Limits::default(), RateLimit::new(None)).await;
    let (head, _) = server.get("/kern.a.sbn", "Range: bytes=0-9\r\n").await;
    let old = etag(&head);
    let mut reader = begin(&server).await;

    let beside = plane.state.path().join("kern.new");
    fs::write(&beside, vec![b'b'; SIZE]).unwrap();
    fs::rename(beside, plane.path()).unwrap();
    assert_eq!(
        server.status("GET /kern.a.sbn HTTP/1.1\r\nHost: x\r\n\r\n").await,
        "404",
        "until it was looked at"
    );
    plane.look_again();

    let resume = |etag: &str| format!("Range: bytes=4000000-\r\nIf-Range: {etag}\r\n");
    let (head, content) = server.get("/kern.a.sbn", &resume(&old)).await;
    assert!(head.starts_with("http/1.1 200") && content == vec![b'b'; SIZE], "{head}");
    let (head, content) = server.get("/kern.a.sbn", &resume(&etag(&head))).await;
    assert!(head.starts_with("http/1.1 206") && content == vec![b'b'; SIZE - 4_000_000], "{head}");

    let mut rest = Vec::new();
    reader.read_to_end(&mut rest).await.unwrap();
    assert!(rest.len() > SIZE - 1000 && rest.iter().all(|octet| *octet == b'a'), "{}", rest.len());
}

#[tokio::test]
async fn a_file_that_is_written_into_breaks_its_transfers_rather_than_mixing_them() {
    let plane = LibraryPlane::new();
    let server = open_any(Arc::clone(&plane), Limits::default(), RateLimit::new(None)).await;
    let mut reader = begin(&server).await;
    fs::write(plane.path(), vec![b'b'; SIZE]).unwrap();
    let mut rest = Vec::new();
    // The connection may be reset.
    let _ = reader.read_to_end(&mut rest).await;
    assert!(rest.len() < SIZE - 1000, "it broke off: {}", rest.len());
}
