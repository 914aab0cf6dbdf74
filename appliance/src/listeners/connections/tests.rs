use std::sync::Mutex;
use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;

use super::*;
use crate::listeners::fake::{BIG, CONTENT, Fake, FakeEvent, TestListener, open, open_entrance, open_with};
use crate::listeners::rate::RateLimit;

fn brief(milliseconds: u64) -> Patience {
    let time = Duration::from_millis(milliseconds);
    Patience { head: time, stall: time }
}

#[tokio::test]
async fn a_connection_serves_many_requests_even_sent_at_once() {
    let server = open().await;
    let mut stream = server.connect().await;
    let request = "GET /ten HTTP/1.1\r\nHost: x\r\n\r\n";
    stream.write_all(request.repeat(3).as_bytes()).await.unwrap();
    stream.write_all(b"GET /none HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert_eq!(answer.matches("HTTP/1.1 200 OK").count(), 3, "{answer}");
    assert_eq!(answer.matches("0123456789").count(), 3);
    assert!(answer.ends_with("not found\n"));
}

#[tokio::test]
async fn a_client_that_goes_away_has_not_got_the_file() {
    let server = open().await;
    let mut stream = server.connect().await;
    stream.write_all(b"GET /big.sbn HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut some = vec![0; 100_000];
    stream.read_exact(&mut some).await.unwrap();
    drop(stream);
    let (end, far) = server.log.end().await;
    assert_eq!(end, FakeEvent::Broken);
    assert!(far < BIG as u64, "{far}");
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_given_up_on() {
    let limits = Limits { patience: brief(300), ..Limits::default() };
    let server = open_with(limits).await;
    let mut reader = server.connect().await;
    reader.write_all(b"GET /big.sbn HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    assert_eq!(server.log.end().await.0, FakeEvent::Broken);

    for begin in ["", "GET /ten HTTP/1.1\r\nHo"] {
        let mut silent = server.connect().await;
        silent.write_all(begin.as_bytes()).await.unwrap();
        let mut rest = Vec::new();
        let closed = tokio::time::timeout(Duration::from_secs(20), silent.read_to_end(&mut rest)).await;
        assert!(closed.is_ok(), "a connection that says nothing is closed");
    }
}

#[tokio::test]
async fn what_only_the_kernel_has_taken_has_not_arrived() {
    let limits = Limits { patience: brief(300), ..Limits::default() };
    let server = open_with(limits).await;
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = socket.connect(server.address).await.unwrap();
    stream.write_all(b"GET /tail.sbn HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    assert_eq!(server.log.end().await.0, FakeEvent::Broken);
}

/// Starts to fetch a large file and stops reading.
pub(super) async fn busy_with(server: &TestListener) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = socket.connect(server.address).await.unwrap();
    stream.write_all(b"GET /big.sbn HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    assert_eq!(stream.read_u8().await.unwrap(), b'H');
    stream
}

#[tokio::test]
async fn a_client_beyond_the_limits_is_told_to_come_back() {
    let of_one = Limits { per_peer: 2, ..Limits::default() };
    let in_all = Limits { connections: 2, ..Limits::default() };
    for limits in [of_one, in_all] {
        let server = open_with(limits).await;
        let held = [busy_with(&server).await, busy_with(&server).await];
        let mut third = server.connect().await;
        third.write_all(b"GET /ten HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        third.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
        assert!(
            answer.contains("Retry-After: 5\r\n") && answer.contains("Connection: close\r\n"),
            "{answer}"
        );
        drop(held);
        let started = Instant::now();
        while server.status("GET /ten HTTP/1.1\r\nHost: x\r\n\r\n").await != "200" {
            assert!(started.elapsed() < Duration::from_secs(20), "a freed place is used again");
        }
    }
}

#[tokio::test]
async fn half_a_head_gives_way_to_a_newcomer_of_the_same_address() {
    let limits = Limits { connections: 8, per_peer: 4, ..Limits::default() };
    let server = open_with(limits).await;
    let mut halves = Vec::new();
    for _ in 0..20 {
        let mut half = server.connect().await;
        half.write_all(b"GET /ten HTTP/1.1\r\nHo").await.unwrap();
        halves.push(half);
    }
    assert_eq!(server.status("GET /ten HTTP/1.1\r\nHost: x\r\n\r\n").await, "200");
    let mut rest = Vec::new();
    let closed = tokio::time::timeout(Duration::from_secs(20), halves[0].read_to_end(&mut rest)).await;
    // A reset is an end too.
    assert!(closed.is_ok() && rest.is_empty(), "the oldest half is closed");
}

#[tokio::test]
async fn an_idle_connection_gives_way_and_one_with_a_request_in_work_does_not() {
    let limits = Limits { per_peer: 2, ..Limits::default() };
    let server = open_with(limits).await;
    let mut busy = busy_with(&server).await;
    let mut idle = server.connect().await;
    idle.write_all(b"GET /ten HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut answer = vec![0; 12];
    idle.read_exact(&mut answer).await.unwrap();
    for _ in 0..3 {
        assert_eq!(server.status("GET /ten HTTP/1.1\r\nHost: x\r\n\r\n").await, "200");
    }
    let mut rest = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(20), idle.read_to_end(&mut rest)).await;
    assert!(ended.is_ok(), "the idle connection is closed");
    rest.resize(BIG / 2, 0);
    busy.read_exact(&mut rest).await.unwrap();
}

#[tokio::test]
async fn strangers_have_little_time_and_no_place_of_a_leaseholder() {
    let loopback = |last| IpAddr::from([127, 0, 0, last]);
    let told = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&told);
    let limits = Limits { connections: 6, strangers: 4, strangers_patience: brief(300), ..Limits::default() };
    let full = move |peer| seen.lock().unwrap().push(peer);
    let entrance = Entrance::new(limits, move |peer| peer == loopback(9), full);
    let server = open_entrance(Arc::new(Fake::new()), entrance, RateLimit::new(None)).await;
    let from = async |last: u8| {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::new(loopback(last), 0)).unwrap();
        let mut stream = socket.connect(server.address).await.unwrap();
        stream.write_all(b"GET /big.sbn HTTP/1.1\r\nHost: x\r\nX: ").await.unwrap();
        stream
    };
    let mut strangers = Vec::new();
    for last in 10..16 {
        strangers.push(from(last).await);
    }
    let mut phone = from(9).await;
    for mut stranger in strangers {
        let mut rest = Vec::new();
        let ended = tokio::time::timeout(Duration::from_secs(20), stranger.read_to_end(&mut rest)).await;
        assert!(ended.is_ok(), "a stranger's half head ends soon");
    }
    phone.write_all(b"y\r\n\r\n").await.unwrap();
    assert_eq!(phone.read_u8().await.unwrap(), b'H', "a leaseholder has more time");
    assert!(told.lock().unwrap().contains(&loopback(14)), "{told:?}");
}

#[tokio::test]
async fn a_flood_of_connections_is_told_to_come_back_and_costs_no_more() {
    let limits = Limits { per_peer: 1, ..Limits::default() };
    let server = open_with(limits).await;
    let _held = busy_with(&server).await;
    let mut told = Vec::new();
    for _ in 0..2 * TURNED_AWAY_OF_ONE {
        told.push(server.connect().await);
    }
    assert_eq!(server.status("GET /ten HTTP/1.1\r\nHost: x\r\n\r\n").await, "503");
    let mut rest = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(20), told[0].read_to_end(&mut rest)).await;
    assert!(ended.is_ok(), "the oldest of them is closed");
}

#[tokio::test]
async fn a_client_that_takes_a_little_now_and_then_is_given_up_on() {
    let limits = Limits { patience: brief(400), ..Limits::default() };
    let server = open_with(limits).await;
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = socket.connect(server.address).await.unwrap();
    stream.write_all(b"GET /big.sbn HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let sipping = async {
        let mut some = [0; 512];
        while stream.read_exact(&mut some).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let given_up = tokio::time::timeout(Duration::from_secs(20), sipping).await;
    assert!(given_up.is_ok(), "its place is free again");
    assert_eq!(server.log.end().await.0, FakeEvent::Broken);
    assert!(server.log.causes()[0].contains("next to nothing"), "{:?}", server.log.causes());
}

#[tokio::test]
async fn a_stop_lets_transfers_end_and_takes_in_no_more() {
    let server = open().await;
    let mut stream = server.connect().await;
    stream.write_all(b"GET /big.sbn HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut idle = server.connect().await;
    let mut start = vec![0; 1000];
    stream.read_exact(&mut start).await.unwrap();
    server.stop.cancel();
    let mut rest = Vec::new();
    idle.read_to_end(&mut rest).await.unwrap();
    assert!(rest.is_empty(), "an idle connection is closed");
    stream.read_to_end(&mut rest).await.unwrap();
    assert!(rest.ends_with(&CONTENT[BIG - 1000..]));
    assert_eq!(server.log.end().await, (FakeEvent::Finished, BIG as u64));
    server.task.await.unwrap();
    assert!(TcpStream::connect(server.address).await.is_err());
}
