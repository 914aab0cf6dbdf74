//! What a visitor makes of web servers that are no phone's, or a hostile one's.

use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

const PAGE: &str = "<DeviceInformation><versionID>sip88xx.12-5-1SR1-4</versionID></DeviceInformation>";

fn visitor(port: u16) -> Visitor {
    Visitor {
        segments: Vec::new(),
        port,
        patience: Duration::from_millis(500),
        tick: Duration::from_millis(50),
    }
}

/// Answers every connection with these bytes, then `more` again and again.
async fn server(answer: String, more: &'static [u8]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 2048]).await;
            let _ = stream.write_all(answer.as_bytes()).await;
            while !more.is_empty() && stream.write_all(more).await.is_ok() {}
        }
    });
    port
}

async fn reads(answer: &str, more: &'static [u8]) -> Option<Page> {
    let port = server(answer.to_owned(), more).await;
    let began = Instant::now();
    let page = visitor(port).read(Ipv4Addr::LOCALHOST, Some(Side::Enterprise)).await;
    assert!(began.elapsed() < Duration::from_secs(10), "{answer}");
    page
}

#[tokio::test]
async fn a_page_is_read_however_it_is_sent() {
    for answer in [
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{PAGE}", PAGE.len()),
        format!("HTTP/1.0 200 OK\r\n\r\n{PAGE}"),
        format!(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{PAGE}\r\n0\r\n\r\n",
            PAGE.len()
        ),
        format!("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n{PAGE}"),
    ] {
        let page = reads(&answer, b"").await;
        assert_eq!(
            page.and_then(|page| page.load).map(|load| load.to_string()).as_deref(),
            Some("sip88xx.12-5-1SR1-4"),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn what_is_no_page_is_none() {
    for answer in [
        "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n<html/>  ",
        "SSH-2.0-x\r\n",
        "",
    ] {
        assert_eq!(reads(answer, b"").await, None, "{answer}");
    }
    assert_eq!(reads("HTTP/1.1 200 OK\r\n", b"X-More: 1\r\n").await, None, "a header without end");
    assert_eq!(visitor(1).read(Ipv4Addr::LOCALHOST, None).await, None, "nobody listens");
}

#[tokio::test]
async fn a_page_without_end_is_read_up_to_its_bound() {
    let page =
        reads(&format!("HTTP/1.1 200 OK\r\n\r\n{PAGE}"), b"<x>aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa</x>")
            .await;
    assert!(page.is_some_and(|page| page.load.is_some()));
}

#[tokio::test]
async fn a_server_that_says_nothing_is_left_after_a_while() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let began = Instant::now();
    assert_eq!(visitor(port).read(Ipv4Addr::LOCALHOST, None).await, None);
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn nobody_else_is_asked_because_a_page_says_so() {
    let elsewhere = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let to = elsewhere.local_addr().unwrap();
    let answer = format!(
        "HTTP/1.1 302 Found\r\nLocation: http://{to}/DeviceInformationX\r\nContent-Length: 0\r\n\r\n"
    );
    assert_eq!(reads(&answer, b"").await, None);
    let came = tokio::time::timeout(Duration::from_millis(300), elsewhere.accept()).await;
    assert!(came.is_err(), "the other server was asked");
}

#[test]
fn only_addresses_of_a_staging_network_are_asked() {
    let rehearsal = visitor(80);
    let segment = Segment {
        interface: Some("eth1".into()),
        address: None,
        subnet: None,
        rehearsed_dhcp: 0,
        allow_default_route: false,
        http: vec![80],
        tftp: 69,
        sip: None,
    };
    let real = Visitor { segments: vec![segment], ..visitor(80) };
    for (address, in_rehearsal, in_reality) in [
        ("10.23.45.101", true, true),
        ("127.10.0.1", true, false),
        ("203.0.113.5", false, false),
        ("169.254.1.1", false, false),
    ] {
        let address = address.parse().unwrap();
        assert_eq!(
            (rehearsal.may_ask(address), real.may_ask(address)),
            (in_rehearsal, in_reality),
            "{address}"
        );
    }
}
