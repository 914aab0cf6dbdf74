//! Live events and uploads.

use tokio::io::AsyncBufReadExt;
use tokio::io::BufReader;

use super::*;
use crate::listeners::{FileProtocol, FileRequest, Plane};

/// Opens the stream and reads its first event: kind, id and data.
async fn first_event(address: SocketAddr, path: &str, headers: &str) -> (String, String, Value) {
    let mut stream = BufReader::new(TcpStream::connect(address).await.unwrap());
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut fields = [String::new(), String::new(), String::new()];
    while fields[2].is_empty() {
        let mut line = String::new();
        assert_ne!(stream.read_line(&mut line).await.unwrap(), 0, "the stream ended");
        for (name, field) in ["event: ", "id: ", "data: "].iter().zip(&mut fields) {
            if let Some(value) = line.strip_prefix(name) {
                value.trim().clone_into(field);
            }
        }
    }
    let [event, id, data] = fields;
    (event, id, serde_json::from_str(&data).unwrap())
}

#[tokio::test]
async fn who_comes_back_with_the_last_id_is_told_only_what_is_new() {
    let lab = open(None, true).await;
    let address = lab.address;
    let (event, id, data) = first_event(address, "/api/events", "").await;
    assert_eq!((event.as_str(), &data["phones"][0]["mac"]), ("state", &json!("001234AB45DE")));
    for (path, headers) in [
        ("/api/events".to_owned(), format!("Last-Event-ID: {id}\r\n")),
        (format!("/api/events?after={id}"), String::new()),
    ] {
        let (event, _, data) = first_event(address, &path, &headers).await;
        assert_eq!((event.as_str(), &data["phones"]), ("change", &json!([])));
        assert!(data["bench"]["second"].as_u64() > Some(0), "what has changed since is told: {data}");
    }
    assert_eq!(first_event(address, "/api/events?after=1-1", "").await.0, "state", "of another run");
}

#[tokio::test]
async fn an_address_without_a_lease_that_asks_for_files_is_told_of_and_nothing_fails() {
    let lab = open(None, true).await;
    let fetch = FileRequest {
        protocol: FileProtocol::Http,
        peer: ([10, 23, 45, 99], 40_000).into(),
        local: std::net::Ipv4Addr::LOCALHOST,
        path: "SEP001234AB45DE.cnf.xml".to_owned(),
        user_agent: None,
        head_only: false,
    };
    lab.appliance.bench.fetch(fetch).await;
    let (status, _, body) = get(lab.address, "/healthz", "").await;
    let told = &body["notices"][0];
    assert_eq!((status, &body["status"], &told["what"]), (200, &json!("ok"), &json!("no-lease")), "{body}");
    let line = format!("{}; {}", told["cause"].as_str().unwrap(), told["cure"].as_str().unwrap());
    assert!(line.starts_with("10.23.45.99 asked for SEP001234AB45DE.cnf.xml"), "{line}");
    let shown = async {
        while first_event(lab.address, "/api/events", "").await.2["bench"]["notices"] != json!([line]) {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), shown).await.expect("the page is not told");
}

#[tokio::test]
async fn listeners_are_bounded_and_leave_their_seats() {
    let lab = open(None, true).await;
    let address = lab.address;
    let mut streams = Vec::new();
    for _ in 0..64 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        let mut head = [0; 12];
        stream.read_exact(&mut head).await.unwrap();
        assert_eq!(&head, b"HTTP/1.1 200");
        streams.push(stream);
    }
    assert_eq!(get(address, "/api/events", "").await.0, 503);
    drop(streams.pop());
    let again = async {
        loop {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(b"GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
            let mut head = [0; 12];
            stream.read_exact(&mut head).await.unwrap();
            if &head == b"HTTP/1.1 200" {
                break;
            }
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), again).await.unwrap();
}

async fn post(address: SocketAddr, path: &str, headers: &str, body: &str) -> (u16, Value) {
    let length = body.len();
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
    let (status, _, told) = raw(address, &request).await;
    (status, told)
}

#[tokio::test]
async fn what_is_sent_is_taken_in_and_each_file_told_of() {
    let lab = open(None, true).await;
    let address = lab.address;
    let (status, told) = post(address, "/api/import?name=e2m/001234AB45DE.lic", "", "license").await;
    let line = &told["lines"][0];
    assert_eq!(
        (status, &line["source"], &line["verdict"]),
        (200, &json!("e2m/001234AB45DE.lic"), &json!("new"))
    );
    let license = async || get(address, "/api/phones/001234AB45DE", "").await.2["license"].clone();
    assert_eq!(license().await, "present", "it counts at once");
    let (status, told) = post(address, "/api/import?name=readme.pdf", "", "%PDF").await;
    assert_eq!((status, &told["lines"][0]["verdict"]), (200, &json!("refused")));

    let (status, told) = post(address, "/api/roster", "", "MAC,vid\n001234AB45DE,V07\nnonsense,\n").await;
    let verdicts: Vec<_> =
        told["lines"].as_array().unwrap().iter().map(|line| line["verdict"].clone()).collect();
    assert_eq!((status, verdicts), (200, vec![json!("changed"), json!("refused")]));
    let phone = get(address, "/api/phones/001234AB45DE", "").await.2;
    assert_eq!((&phone["vid"], &phone["location"]), (&json!("V07"), &json!("Room 1")), "and the rest stays");
    let roster = std::fs::read_to_string(lab.state.path().join("roster.csv")).unwrap();
    assert!(roster.contains("V07"), "{roster}");
    assert_eq!(
        std::fs::read_dir(lab.state.path().join(".uploads")).unwrap().count(),
        0,
        "nothing is left over"
    );
    for (path, headers, expected) in [
        ("/api/import?name=../a.zip", "", 400),
        ("/api/import?name=a.zip", "Origin: http://evil.example\r\n", 403),
        ("/api/roster", "Origin: http://evil.example\r\n", 403),
    ] {
        assert_eq!(post(address, path, headers, "x").await.0, expected, "{path}");
    }
    let huge = "Host: localhost\r\nContent-Length: 99999999999999";
    let (status, _, told) =
        raw(address, &format!("POST /api/import?name=a.zip HTTP/1.1\r\n{huge}\r\n\r\n")).await;
    assert!(status == 413 && told["detail"].as_str().unwrap().contains("no room"), "{told}");
}
