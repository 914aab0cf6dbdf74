use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::doors::fake::{BIG, CONTENT, Seen, open, open_with};

#[tokio::test]
async fn a_connection_serves_many_requests_even_sent_at_once() {
    let door = open().await;
    let mut stream = door.connect().await;
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
    let door = open().await;
    let mut stream = door.connect().await;
    stream.write_all(b"GET /big.sbn HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut some = vec![0; 100_000];
    stream.read_exact(&mut some).await.unwrap();
    drop(stream);
    let (end, far) = door.log.end().await;
    assert_eq!(end, Seen::Broken);
    assert!(far < BIG as u64, "{far}");
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_given_up_on() {
    let limits = Limits { patience: Duration::from_millis(300), ..Limits::default() };
    let door = open_with(limits).await;
    let mut reader = door.connect().await;
    reader.write_all(b"GET /big.sbn HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
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
    let limits = Limits { patience: Duration::from_millis(300), ..Limits::default() };
    let door = open_with(limits).await;
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = socket.connect(door.address).await.unwrap();
    stream.write_all(b"GET /tail.sbn HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    assert_eq!(door.log.end().await.0, Seen::Broken);
}

#[tokio::test]
async fn whoever_comes_beyond_the_limits_is_told_to_come_back() {
    let of_one = Limits { per_peer: 2, ..Limits::default() };
    let in_all = Limits { connections: 2, ..Limits::default() };
    for limits in [of_one, in_all] {
        let door = open_with(limits).await;
        let mut held = [door.connect().await, door.connect().await];
        for stream in &mut held {
            stream.write_all(b"GET /ten HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
            assert_eq!(stream.read_u8().await.unwrap(), b'H');
        }
        let mut third = door.connect().await;
        third.write_all(b"GET /ten HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        third.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
        assert!(
            answer.contains("retry-after: 5\r\n") && answer.contains("connection: close\r\n"),
            "{answer}"
        );
        drop(held);
        let started = Instant::now();
        while door.status("GET /ten HTTP/1.1\r\nHost: x\r\n\r\n").await != "200" {
            assert!(started.elapsed() < Duration::from_secs(20), "a freed place is used again");
        }
    }
}

#[tokio::test]
async fn a_flood_of_connections_ends_at_the_door() {
    let limits = Limits { per_peer: 1, ..Limits::default() };
    let door = open_with(limits).await;
    let mut held = door.connect().await;
    held.write_all(b"GET /ten HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    assert_eq!(held.read_u8().await.unwrap(), b'H');
    let mut told = Vec::new();
    for _ in 0..TURNED_AWAY_OF_ONE {
        told.push(door.connect().await);
    }
    let started = Instant::now();
    while door.status("GET /ten HTTP/1.1\r\nHost: x\r\n\r\n").await != "closed" {
        assert!(started.elapsed() < Duration::from_secs(20), "it is closed, and costs nothing more");
    }
}

#[tokio::test]
async fn a_client_that_takes_a_little_now_and_then_is_given_up_on() {
    let limits = Limits { patience: Duration::from_millis(400), ..Limits::default() };
    let door = open_with(limits).await;
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = socket.connect(door.address).await.unwrap();
    stream.write_all(b"GET /big.sbn HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let sipping = async {
        let mut some = [0; 512];
        while stream.read_exact(&mut some).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let given_up = tokio::time::timeout(Duration::from_secs(20), sipping).await;
    assert!(given_up.is_ok(), "its place is free again");
    assert_eq!(door.log.end().await.0, Seen::Broken);
    assert!(door.log.causes()[0].contains("next to nothing"), "{:?}", door.log.causes());
}

#[tokio::test]
async fn a_stop_lets_transfers_end_and_takes_in_no_more() {
    let door = open().await;
    let mut stream = door.connect().await;
    stream.write_all(b"GET /big.sbn HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
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
