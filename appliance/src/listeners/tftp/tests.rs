use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::{Duration, Instant};

use tokio::net::UdpSocket;
use tokio::task::JoinHandle;
use transload_tftp::{TftpConfig, TftpServer};

use super::*;
use crate::listeners::fake::{CONTENT, Fake, FakeEvent, Log, TAIL};

struct TftpTestListener {
    server: SocketAddr,
    log: Log,
    task: JoinHandle<()>,
}

fn open() -> TftpTestListener {
    open_limited(RateLimit::new(None))
}

fn open_limited(rate: RateLimit) -> TftpTestListener {
    let plane = Fake::new();
    let log = plane.log.clone();
    let config = TftpConfig { bind: SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0), ..TftpConfig::default() };
    let server = TftpServer::bind(
        config,
        Arc::new(TftpFiles { plane: Arc::new(plane), local: Ipv4Addr::LOCALHOST, rate }),
    )
    .unwrap();
    TftpTestListener {
        server: server.local_addr().into(),
        log,
        task: tokio::spawn(server.run(std::future::pending())),
    }
}

/// Reads a file in lock-step and stops after `blocks`; the text of an ERROR is the `Err`.
async fn read(server: &TftpTestListener, name: &str, blocks: usize) -> Result<Vec<u8>, (u16, String)> {
    read_from("127.0.0.1", server, name, blocks).await
}

async fn read_from(
    from: &str,
    server: &TftpTestListener,
    name: &str,
    blocks: usize,
) -> Result<Vec<u8>, (u16, String)> {
    let socket = UdpSocket::bind((from, 0)).await.unwrap();
    let request = [&[0, 1], name.as_bytes(), b"\0octet\0"].concat();
    socket.send_to(&request, server.server).await.unwrap();
    let (mut content, mut buffer) = (Vec::new(), [0; 600]);
    loop {
        let received = tokio::time::timeout(Duration::from_secs(20), socket.recv_from(&mut buffer));
        let (length, peer) = received.await.expect("no answer").unwrap();
        let number = u16::from_be_bytes([buffer[2], buffer[3]]);
        let payload = &buffer[4..length];
        match buffer[1] {
            3 if usize::from(number) == content.len() / 512 + 1 => {
                content.extend_from_slice(payload);
                if content.len() / 512 >= blocks {
                    socket.send_to(b"\0\x05\0\0enough\0", peer).await.unwrap();
                    return Ok(content);
                }
                socket.send_to(&[0, 4, buffer[2], buffer[3]], peer).await.unwrap();
                if payload.len() < 512 {
                    return Ok(content);
                }
            }
            3 => {}
            5 => {
                return Err((number, String::from_utf8_lossy(payload).trim_end_matches('\0').into()));
            }
            other => panic!("packet {other}"),
        }
    }
}

#[tokio::test]
async fn files_and_documents_come_over_tftp_too() {
    let server = open();
    assert!(read(&server, "tail.sbn", usize::MAX).await.unwrap() == CONTENT[..TAIL]);
    assert_eq!(server.log.end().await, (FakeEvent::Finished, TAIL as u64));
    assert_eq!(server.log.asked(), ["tail.sbn"]);
    let server = open();
    assert_eq!(read(&server, "SEP.xml", usize::MAX).await.unwrap(), b"<device/>");
    assert_eq!(server.log.end().await, (FakeEvent::Finished, 9));
    server.task.abort();
}

#[tokio::test]
async fn a_phone_has_answered_before_anything_went_out_and_not_by_asking() {
    let server = open();
    read(&server, "SEP.xml", usize::MAX).await.unwrap();
    server.log.end().await;
    let seen = server.log.all();
    assert_eq!(
        seen[..3],
        [FakeEvent::Asked("SEP.xml".into()), FakeEvent::Answered, FakeEvent::Advanced(0, 9)]
    );
    assert_eq!(seen.iter().filter(|seen| **seen == FakeEvent::Answered).count(), 1);
    let server = open();
    assert_eq!(read(&server, "absent", usize::MAX).await.unwrap_err().0, 1);
    assert!(!server.log.all().contains(&FakeEvent::Answered));
}

#[tokio::test]
async fn what_is_not_there_or_not_now_is_an_error() {
    let server = open();
    assert_eq!(read(&server, "../etc/passwd", usize::MAX).await.unwrap_err().0, 1);
    assert_eq!(server.log.asked(), ["../etc/passwd"]);
    assert_eq!(read(&server, "busy", usize::MAX).await.unwrap_err().0, 0);
}

#[tokio::test]
async fn a_transfer_that_the_client_breaks_off_is_broken_and_how_far_it_came_is_known() {
    let server = open();
    read(&server, "tail.sbn", 10).await.unwrap();
    assert_eq!(server.log.end().await, (FakeEvent::Broken, 9 * 512));
}

#[tokio::test]
async fn under_a_limit_phones_share_alike_and_documents_do_not_wait() {
    // The rate is both files in a second.
    let server = open_limited(RateLimit::new(Some(2 * TAIL as u64)));
    let begun = Instant::now();
    let server = &server;
    let whole = |from| async move {
        assert!(read_from(from, server, "tail.sbn", usize::MAX).await.unwrap() == CONTENT[..TAIL]);
        begun.elapsed()
    };
    let document = async {
        assert_eq!(read_from("127.0.0.4", server, "SEP.xml", usize::MAX).await.unwrap(), b"<device/>");
        begun.elapsed()
    };
    let (one, other, document) = tokio::join!(whole("127.0.0.2"), whole("127.0.0.3"), document);
    // The burst and the last pieces need no wait.
    assert!(one.max(other) > Duration::from_millis(700), "{one:?}, {other:?}");
    assert!(one.min(other) > one.max(other) / 2, "{one:?}, {other:?}");
    assert!(document < one.min(other), "{document:?}, {one:?}, {other:?}");
}
