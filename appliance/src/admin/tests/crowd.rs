//! Clients that take connections and send or read nothing.

use tokio::net::TcpSocket;

use super::*;

async fn send(address: SocketAddr, bytes: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes.as_bytes()).await.unwrap();
    stream
}

#[tokio::test]
async fn half_sent_requests_lock_nobody_out_and_are_told_of() {
    let lab = open(None, true).await;
    let mut halves = Vec::new();
    for _ in 0..300 {
        halves.push(send(lab.address, "GET /api/phones HTTP/1.1\r\nHo").await);
    }
    assert_eq!(get(lab.address, "/api/phones", "").await.0, 200);
    let (status, _, body) = get(lab.address, "/healthz", "").await;
    let told = &body["reached"][0];
    assert_eq!((status, &told["what"]), (200, &json!("page-connections")), "{body}");
    assert!(told["cause"].as_str().unwrap().contains("127.0.0.1"), "{body}");
    let counted = figure(lab.address, "transload_bounds_reached_total{bound=\"page-connections\"} ").await;
    assert!(counted > 100.0, "{counted}");
}

#[tokio::test]
async fn long_answers_are_made_in_turn_and_whoever_waits_too_long_is_told_to_come_back() {
    let lab = open(None, true).await;
    let turns = Arc::clone(&lab.long.0);
    let taken = turns.acquire_many(long::AT_ONCE as u32).await.unwrap();
    let (status, head, _) = get(lab.address, "/api/report", "").await;
    assert!(status == 503 && head.contains("\r\nretry-after: "), "{head}");
    assert_eq!(get(lab.address, "/api/phones/001234AB45DE", "").await.0, 200, "a short one needs no turn");
    drop(taken);
    let (status, head, body) = get(lab.address, "/api/phones", "").await;
    assert_eq!((status, body.as_array().map(Vec::len)), (200, Some(2)), "{head}");
    assert!(head.contains("\r\ncontent-length: "), "{head}");
}

#[tokio::test]
async fn a_client_that_does_not_read_keeps_its_turn_and_hands_it_back_with_its_end() {
    let lab = open(None, true).await;
    let lines: Vec<String> = (0..20_000).map(|number| format!("{number:012X},8851")).collect();
    let table = format!("MAC,model\n{}\n", lines.join("\n"));
    lab.appliance.bench.add_to_roster(table.into_bytes()).await.unwrap();
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut slow = socket.connect(lab.address).await.unwrap();
    slow.write_all(b"GET /api/phones HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    assert_eq!(slow.read_u8().await.unwrap(), b'H');
    assert_eq!(lab.long.0.available_permits(), long::AT_ONCE - 1);
    drop(slow);
    let back = lab.long.0.acquire_many(long::AT_ONCE as u32);
    tokio::time::timeout(Duration::from_secs(20), back).await.unwrap().unwrap().forget();
}

#[tokio::test]
async fn a_listener_too_many_is_told_to_come_back_and_counted() {
    let lab = open(None, true).await;
    let mut streams = Vec::new();
    for _ in 0..64 {
        let mut stream = send(lab.address, "GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
        assert_eq!(stream.read_u8().await.unwrap(), b'H');
        streams.push(stream);
    }
    let (status, head, _) = get(lab.address, "/api/events", "").await;
    assert!(status == 503 && head.contains("\r\nretry-after: "), "{head}");
    let counted = figure(lab.address, "transload_bounds_reached_total{bound=\"event-listeners\"} ").await;
    assert!(counted > 0.5, "{counted}");
}
