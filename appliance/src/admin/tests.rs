use std::net::SocketAddr;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use transload_provision::time::Time;

use super::*;
use crate::library::Shelf;
use crate::view::MissingName;

const PHONE: &str = r#"{"mac":"001234AB45DE","model":"8851","vid":"V05","serial":null,"location":null,
    "address":"10.23.45.101","persona":"enterprise","load":null,"load_evidence":null,"route":[],"target":null,
    "hop":0,"hops":0,"stage":"seen","writing":false,"progress":0.0,"attempts":0,"license":"absent","hold":null,
    "first_seen":null,"last_seen":null}"#;
const TOKEN: &str = "s3cret&with=signs+%";

struct Fake;

impl Board for Fake {
    fn phones(&self) -> Vec<PhoneView> {
        vec![serde_json::from_str(PHONE).unwrap()]
    }

    fn phone(&self, mac: Mac) -> Option<PhoneDetail> {
        let phone = self.phones().into_iter().find(|phone| phone.mac == mac)?;
        let name = "kern.b.sbn".to_owned();
        Some(PhoneDetail {
            phone,
            missing: vec![MissingName { name, nearest: Some("kern.a.sbn".into()), at: Some(Time(0)) }],
        })
    }

    fn explain(&self, mac: Mac) -> Explanation {
        let known = self.phones().into_iter().find(|phone| phone.mac == mac);
        serde_json::from_value(json!({
            "mac": mac, "phone": known, "listed": false, "network": null, "lease": null, "reservation": null,
            "class": {"name": "enterprise", "why": "because"}, "vendor_class": null, "options": [],
            "belief": {"load": null, "evidence": "none"}, "hold": null, "last_dhcp": null,
            "next": {"what": "nothing", "load": null, "summary": "nothing"}
        }))
        .unwrap()
    }

    fn library_view(&self) -> LibraryView {
        let state = tempfile::tempdir().unwrap();
        Shelf::scan(state.path(), transload_provision::load::Direction::E2m).unwrap().view()
    }

    async fn operate(&self, mac: Mac, act: Act) -> Result<(), Refusal> {
        match (self.phone(mac), act) {
            (None, _) => Err(Refusal::Unknown(format!("no phone {mac}"))),
            (Some(_), Act::Retry) => Err(Refusal::NotWritten("the disk is full".into())),
            (Some(_), _) => Ok(()),
        }
    }

    async fn restart(&self, mac: Mac, how: Restart) -> Result<Means, Refusal> {
        match how {
            Restart::Restart => Err(Refusal::Conflict(format!("{mac} may be writing flash"))),
            Restart::Reset => Ok(Means::Registration),
        }
    }
}

/// Serves as if bound to a loopback address or not; the socket itself is on loopback either way.
async fn open(token: Option<&str>, loopback: bool) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = router(Arc::new(Fake), Access::new(token, loopback));
    let service = move |_| TowerToHyperService::new(router.clone());
    tokio::spawn(connections::serve(listener, Limits::default(), CancellationToken::new(), service));
    address
}

async fn raw(address: SocketAddr, request: &str) -> (u16, String, Value) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head.to_ascii_lowercase(), serde_json::from_str(body).unwrap_or(Value::Null))
}

async fn get(address: SocketAddr, path: &str, headers: &str) -> (u16, String, Value) {
    let host = if headers.contains("Host:") { "" } else { "Host: localhost\r\n" };
    raw(address, &format!("GET {path} HTTP/1.1\r\n{host}{headers}Connection: close\r\n\r\n")).await
}

#[tokio::test]
async fn phones_are_shown_as_the_contract_has_them() {
    let address = open(None, true).await;
    let expected: Value = serde_json::from_str(PHONE).unwrap();
    let (status, head, body) = get(address, "/api/phones", "").await;
    assert!(status == 200 && head.contains("content-type: application/json"), "{head}");
    assert_eq!(body, json!([expected]));
    let mut detail = expected.clone();
    detail["missing"] =
        json!([{"name": "kern.b.sbn", "nearest": "kern.a.sbn", "at": "1970-01-01T00:00:00Z"}]);
    for spelling in ["001234AB45DE", "00:12:34:ab:45:de", "SEP001234AB45DE"] {
        assert_eq!(get(address, &format!("/api/phones/{spelling}"), "").await.2, detail, "{spelling}");
    }
    let (status, _, body) = get(address, "/api/phones/001234AB45DE/explain", "").await;
    assert_eq!((status, &body["phone"], &body["class"]["why"]), (200, &expected, &json!("because")));
    assert_eq!(get(address, "/api/phones/nobody/explain", "").await.0, 400);
    let (status, _, body) = get(address, "/api/library", "").await;
    assert_eq!((status, body["loads"].clone()), (200, json!([])));
    assert_eq!(get(address, "/healthz", "").await.0, 200);
    assert_eq!(get(address, "/", "").await.0, 200);
}

#[tokio::test]
async fn errors_are_problems_that_say_what_is_wrong() {
    let address = open(None, true).await;
    for (path, status, word) in [
        ("/api/phones/001122334455", 404, "001122334455"),
        ("/api/phones/nonsense", 400, "nonsense"),
        ("/api/nothing", 404, "nothing at this address"),
    ] {
        let (got, head, body) = get(address, path, "").await;
        assert_eq!((got, &body["status"]), (status, &json!(status)), "{path}");
        assert!(head.contains("content-type: application/problem+json\r\n"), "{head}");
        assert!(body["detail"].as_str().unwrap().contains(word), "{body}");
    }
    let (status, head, _) =
        raw(address, "DELETE /api/phones HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await;
    assert!(status == 405 && head.contains("problem+json"), "{head}");
}

#[tokio::test]
async fn beyond_this_machine_nothing_is_shown_without_the_token() {
    let encoded = "s3cret%26with%3Dsigns%2B%25";
    let address = open(Some(TOKEN), false).await;
    for path in ["/", "/healthz", "/api/phones", "/api/phones/001234AB45DE", "/api/library", "/none"] {
        for headers in [
            "",
            "Authorization: Bearer wrong\r\n",
            "Authorization: Basic czNjcmV0\r\n",
            "Authorization: Bearer\r\n",
        ] {
            let (status, head, body) = get(address, path, headers).await;
            assert_eq!(status, 401, "{path} {headers}");
            assert!(head.contains("www-authenticate: bearer\r\n") && body.get("detail").is_some(), "{head}");
        }
        assert_ne!(get(address, path, &format!("Authorization: bearer {TOKEN}\r\n")).await.0, 401, "{path}");
        assert_ne!(get(address, &format!("{path}?token={encoded}"), "").await.0, 401, "{path}");
        assert_eq!(get(address, &format!("{path}?token=s3cret"), "").await.0, 401, "{path}");
    }
    let unguarded = open(None, false).await;
    assert_eq!(
        get(unguarded, "/api/phones", "Authorization: Bearer \r\n").await.0,
        401,
        "no token lets nobody in"
    );
    let guarded = open(Some(TOKEN), true).await;
    assert_eq!(get(guarded, "/api/phones", "").await.0, 401, "a token counts on this machine too");
}

#[tokio::test]
async fn a_name_that_was_pointed_at_this_machine_is_refused() {
    let address = open(None, true).await;
    for (host, status) in [
        ("Host: localhost:8080\r\n", 200),
        ("Host: LOCALHOST\r\n", 200),
        ("Host: 127.0.0.1\r\n", 200),
        ("Host: [::1]:8080\r\n", 200),
        ("Host: evil.example\r\n", 421),
        ("Host: localhost.evil.example\r\n", 421),
        ("Host: 127.0.0.1.evil.example:8080\r\n", 421),
        ("Host: 10.23.45.67\r\n", 421),
        ("Host: localhost\r\nHost: evil.example\r\n", 421),
        ("Host:\r\n", 421),
    ] {
        assert_eq!(get(address, "/api/phones", host).await.0, status, "{host}");
    }
}

#[tokio::test]
async fn the_operators_hand_is_answered_with_what_came_of_it() {
    let address = open(None, true).await;
    let post = async |path: &str, headers: &str| {
        let headers = format!("Host: localhost\r\n{headers}Content-Length: 0\r\nConnection: close");
        raw(address, &format!("POST /api/phones/{path} HTTP/1.1\r\n{headers}\r\n\r\n")).await
    };
    for (path, status, word) in [
        ("001234AB45DE/hold", 200, "hold"),
        ("001234AB45DE/release", 200, "release"),
        ("001234AB45DE/restart?how=reset", 200, "registration"),
        ("001234AB45DE/restart", 409, "writing flash"),
        ("001234AB45DE/retry", 503, "disk is full"),
        ("001122334455/hold", 404, "001122334455"),
        ("nonsense/hold", 400, "nonsense"),
        ("001234AB45DE/dance", 404, "dance"),
        ("001234AB45DE/restart?how=dance", 400, "dance"),
    ] {
        let (got, _, body) = post(path, "").await;
        assert!(got == status && body.to_string().contains(word), "{path}: {got} {body}");
    }
    assert_eq!(post("001234AB45DE/hold", "Origin: http://localhost\r\n").await.0, 200);
    assert_eq!(post("001234AB45DE/hold", "Origin: http://evil.example\r\n").await.0, 403);
    assert_eq!(post("001234AB45DE/hold", "Origin: null\r\n").await.0, 403);
    assert_eq!(get(address, "/api/phones/001234AB45DE/hold", "").await.0, 405);
}
