//! Tests the admin plane of a real appliance on loopback.

mod crowd;
mod forgetting;
mod watching;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;

use axum::response::IntoResponse;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use transload_pace::Pace;
use transload_provision::load::Direction;

use super::*;
use crate::bench::{OrderRefusal, RefusalReason};
use crate::commands::rehearse::loopback;
use crate::config::{Config, EnterpriseSide, MultiplatformSide, Scenario};
use crate::runtime::appliance::{Appliance, PreparedAppliance};

const TOKEN: &str = "s3cret&with=signs+%";
const ROSTER: &str = "MAC,model,vid,location\n001234AB45DE,8851,V05,Room 1\n001234AB45DF,7841,,Room 2\n";

/// An appliance with two listed phones, and one more listener for its admin plane.
struct AdminLab {
    state: TempDir,
    appliance: Appliance,
    address: SocketAddr,
    long: long::LongAnswers,
}

/// Serves as if bound to a loopback address or not. The socket itself is always on loopback.
async fn open(token: Option<&str>, loopback: bool) -> AdminLab {
    let state = tempfile::tempdir().unwrap();
    std::fs::write(state.path().join("roster.csv"), ROSTER).unwrap();
    let (enterprise, multiplatform) = (EnterpriseSide::Dhcp, MultiplatformSide::Dhcp);
    let scenario = Scenario { direction: Direction::E2m, enterprise, multiplatform };
    let config = Config::parse("", Path::new("none")).unwrap();
    let config = loopback::configuration(&config, scenario, state.path());
    let place = loopback::place(false, None);
    let opened = PreparedAppliance::read(&config, &place, &Pace::system()).unwrap();
    let appliance = opened.serve(&config, place, &[true]).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let long = long::LongAnswers::default();
    let api = Arc::new(ApiState {
        bench: Arc::clone(&appliance.bench),
        live: LiveEvents::new(),
        serving: Arc::clone(&appliance.segments) as _,
        state: state.path().to_owned(),
        long: long.clone(),
    });
    events::keep(&api, CancellationToken::new());
    let entrance = entrance(&api);
    let router = router(api, Access::new(token, loopback));
    tokio::spawn(connection::serve(listener, entrance, CancellationToken::new(), service(router)));
    AdminLab { state, appliance, address, long }
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
    let lab = open(None, true).await;
    let address = lab.address;
    let (status, head, body) = get(address, "/api/phones", "").await;
    assert!(status == 200 && head.contains("content-type: application/json"), "{head}");
    assert_eq!(body.as_array().unwrap().len(), 2);
    let expected = &body[0];
    assert_eq!((&expected["mac"], &expected["location"]), (&json!("001234AB45DE"), &json!("Room 1")));
    let (_, head, body) = get(address, "/api/phones?after=000000000000&limit=1&stage=absent", "").await;
    assert_eq!(body, json!([expected]));
    let next = "</api/phones?limit=1&stage=absent&after=001234ab45de>; rel=\"next\"";
    assert!(head.contains(next), "{head}");
    let (_, head, body) = get(address, "/api/phones?limit=1&after=001234AB45DE", "").await;
    assert!(body[0]["mac"] == "001234AB45DF" && !head.contains("\r\nlink:"), "{head}{body}");
    assert_eq!(get(address, "/api/phones?stage=dancing", "").await.0, 400);
    for spelling in ["001234AB45DE", "00:12:34:ab:45:de", "SEP001234AB45DE"] {
        let (status, _, detail) = get(address, &format!("/api/phones/{spelling}"), "").await;
        assert_eq!((status, &detail["stage"], &detail["missing"]), (200, &json!("absent"), &json!([])));
    }
    let (status, _, body) = get(address, "/api/phones/001234AB45DE/explain", "").await;
    assert_eq!((status, &body["phone"], &body["listed"]), (200, expected, &json!(true)));
    assert_eq!(get(address, "/api/phones/nobody/explain", "").await.0, 400);
    let (status, _, body) = get(address, "/api/library", "").await;
    assert_eq!((status, body["loads"].clone()), (200, json!([])));
    assert_eq!(get(address, "/healthz", "").await.0, 200);
    assert_eq!(get(address, "/", "").await.0, 200);
}

#[tokio::test]
async fn errors_are_problems_that_say_what_is_wrong() {
    let lab = open(None, true).await;
    let address = lab.address;
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
    let lab = open(Some(TOKEN), false).await;
    let address = lab.address;
    for path in [
        "/healthz",
        "/api/openapi.json",
        "/api/phones",
        "/api/phones/001234AB45DE",
        "/api/library",
        "/none",
        "/pages",
        "//",
    ] {
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
    }
    let unguarded = open(None, false).await;
    assert_eq!(
        get(unguarded.address, "/api/phones", "Authorization: Bearer \r\n").await.0,
        401,
        "no token lets nobody in"
    );
    let guarded = open(Some(TOKEN), true).await;
    assert_eq!(get(guarded.address, "/api/phones", "").await.0, 401, "a token counts on this machine too");
}

#[tokio::test]
async fn a_name_that_was_pointed_at_this_machine_is_refused() {
    let lab = open(None, true).await;
    let address = lab.address;
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
    let lab = open(None, true).await;
    let address = lab.address;
    let post = async |path: &str, headers: &str| {
        let headers = format!("Host: localhost\r\n{headers}Content-Length: 0\r\nConnection: close");
        raw(address, &format!("POST /api/phones/{path} HTTP/1.1\r\n{headers}\r\n\r\n")).await
    };
    for (path, status, word) in [
        ("001234AB45DE/hold", 200, "hold"),
        ("00:12:34:ab:45:de/release", 200, "release"),
        ("001234AB45DE/restart?how=reset", 409, "unplug it"),
        ("001122334455/hold", 404, "001122334455"),
        ("nonsense/hold", 400, "nonsense"),
        ("001234AB45DE/dance", 404, "nothing at this address"),
        ("001234AB45DE/restart?how=dance", 400, "dance"),
        ("001234AB45DE/restart?who=me", 400, "who"),
    ] {
        let (got, _, body) = post(path, "").await;
        assert!(got == status && body.to_string().contains(word), "{path}: {got} {body}");
    }
    assert_eq!(get(address, "/api/phones/001234AB45DE/hold", "").await.0, 405);
}

#[tokio::test]
async fn what_could_not_be_written_is_the_benchs_fault_and_not_the_askers() {
    for (refusal, status) in [
        (OrderRefusal::Unknown(RefusalReason::default()), 404),
        (OrderRefusal::Conflict(RefusalReason::default()), 409),
        (OrderRefusal::NotWritten(RefusalReason::default()), 503),
    ] {
        assert_eq!(ProblemDetails::from(refusal).into_response().status(), status);
    }
}

/// The router's paths.
fn routed() -> BTreeSet<String> {
    let (router, _) = areas().split_for_parts();
    let account = format!("{router:?}");
    let quoted = account.split('"').filter(|text| text.starts_with('/'));
    quoted.map(str::to_owned).collect()
}

#[test]
fn whatever_a_program_can_ask_for_is_described_and_the_reverse() {
    let described: BTreeSet<String> = openapi::document().paths.paths.into_keys().collect();
    // The page's files are for browsers only.
    let for_programs = |path: &String| path.starts_with("/api/") || described.contains(path);
    assert_eq!(routed().into_iter().filter(for_programs).collect::<BTreeSet<_>>(), described);
}

/// A change of the API shows as a change of this file. `UPDATE_GOLDEN=1 cargo test -p transload openapi` renews it.
#[test]
fn openapi_is_what_programs_were_built_for() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
    let mut now = serde_json::to_string_pretty(&openapi::document()).unwrap();
    now.push('\n');
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &now).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap();
    assert!(now == golden, "the API has changed; see the comment above this test");
}

#[tokio::test]
async fn a_page_of_another_site_can_do_nothing_and_learn_nothing() {
    let lab = open(None, true).await;
    let hold = |method: &str| format!("{method} /api/phones/001234AB45DE/hold");
    for (request, headers, status) in [
        (hold("POST"), "", 200),
        (hold("POST"), "Origin: http://localhost\r\nSec-Fetch-Site: same-origin\r\n", 200),
        (hold("POST"), "Sec-Fetch-Site: none\r\n", 200),
        (hold("POST"), "Origin: http://evil.example\r\n", 403),
        (hold("POST"), "Origin: http://localhost:9999\r\n", 403),
        (hold("POST"), "Origin: http://localhost.evil.example\r\n", 403),
        (hold("POST"), "Origin: null\r\n", 403),
        (hold("POST"), "Origin: http://localhost\r\nOrigin: http://evil.example\r\n", 403),
        (hold("POST"), "Sec-Fetch-Site: cross-site\r\n", 403),
        (hold("POST"), "Sec-Fetch-Site: same-site\r\n", 403),
        (hold("POST"), "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\n", 403),
        (hold("OPTIONS"), "Origin: http://evil.example\r\n", 403),
        ("DELETE /api/phones/001234AB45DE".into(), "Origin: http://evil.example\r\n", 403),
        ("DELETE /api/phones/001234AB45DE".into(), "Sec-Fetch-Site: cross-site\r\n", 403),
        ("GET /api/phones".into(), "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\n", 403),
        ("GET /api/phones".into(), "Origin: http://evil.example\r\nSec-Fetch-Mode: navigate\r\n", 403),
        ("GET /".into(), "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\n", 200),
    ] {
        let headers = format!("Host: localhost\r\n{headers}Content-Length: 0\r\nConnection: close");
        let (got, head, _) = raw(lab.address, &format!("{request} HTTP/1.1\r\n{headers}\r\n\r\n")).await;
        assert_eq!(got, status, "{request} {headers}");
        for (name, value) in [
            ("content-security-policy", "default-src 'none';"),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "deny"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert!(head.contains(&format!("\r\n{name}: {value}")), "{name}: {head}");
        }
        assert!(!head.contains("access-control-allow"), "{head}");
    }
}

#[tokio::test]
async fn the_report_is_written_as_it_is_asked_for_and_the_page_runs_nothing() {
    let lab = open(None, true).await;
    let (status, head, body) = get(lab.address, "/api/report", "").await;
    assert!(status == 200 && head.contains("content-type: application/json"), "{head}");
    assert_eq!((&body["totals"]["phones"], &body["left"][0]["reason"]), (&json!(2), &json!("absent")));
    for (format, media, policy) in [
        ("html", "text/html; charset=utf-8\r\n", true),
        ("csv", "text/csv; charset=utf-8", false),
        ("macs", "text/plain; charset=utf-8\r\n", false),
    ] {
        let (status, head, _) =
            get(lab.address, &format!("/api/report?format={format}&title=A%3CB"), "").await;
        assert!(status == 200 && head.contains(&format!("content-type: {media}")), "{head}");
        assert!(!policy || head.contains("content-security-policy: default-src 'none'; style-src"), "{head}");
    }
    for wrong in ["format=pdf", "formats=csv"] {
        let (status, head, _) = get(lab.address, &format!("/api/report?{wrong}"), "").await;
        assert!(status == 400 && head.contains("problem+json"), "{wrong}: {head}");
    }
}

#[tokio::test]
async fn health_and_figures_tell_the_same() {
    let lab = open(None, true).await;
    let (status, _, body) = get(lab.address, "/healthz", "").await;
    assert_eq!((status, body), (200, json!({"status": "ok", "problems": [], "reached": [], "notices": []})));
    assert!(figure(lab.address, "transload_problems ").await < 0.5);
    assert!((figure(lab.address, "transload_phones{stage=\"absent\"} ").await - 2.0).abs() < 0.5);
    assert!(figure(lab.address, "transload_process_resident_memory_bytes ").await > 1e6);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
    let started = figure(lab.address, "transload_process_start_time_seconds ").await;
    assert!(started < now + 2.0 && now - 3600.0 < started, "{started}, {now}");
    lab.appliance.bench.set_foreign_dhcp(std::net::Ipv4Addr::LOCALHOST, Some("10.23.45.9".into()));
    let (status, _, body) = get(lab.address, "/healthz", "").await;
    let said = body["problems"][0].to_string();
    assert!(status == 503 && body["status"] == "failing" && said.contains("10.23.45.9"), "{body}");
    assert!(figure(lab.address, "transload_problems ").await > 0.5);
}

#[tokio::test]
async fn bounds_of_dhcp_and_tftp_that_were_reached_are_counted() {
    let lab = open(None, true).await;
    for name in ["dhcp_set_aside_addresses", "dhcp_set_aside_given_way_total", "dhcp_disbelieved_total"] {
        assert!(figure(lab.address, &format!("transload_{name} ")).await < 0.5, "{name}");
    }
    for name in ["tftp_given_way_total", "tftp_refused_total"] {
        assert!(figure(lab.address, &format!("transload_{name} ")).await < 0.5, "{name}");
    }
    // No lease covers the requests' source address.
    let stranger = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    while figure(lab.address, "transload_tftp_ignored_total ").await < 1.0 {
        for number in 0..100 {
            let request = format!("\0\x01{number}.xml\0octet\0");
            stranger.send_to(request.as_bytes(), lab.appliance.tftp.unwrap()).await.unwrap();
        }
    }
    let (status, _, body) = get(lab.address, "/healthz", "").await;
    let told = &body["reached"][0];
    assert_eq!((status, &told["what"]), (200, &json!("tftp-strangers")), "{body}");
    assert!(told["cause"].as_str().unwrap().ends_with("the latest from 127.0.0.1"), "{told}");
}

async fn figure(address: SocketAddr, name: &str) -> f64 {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let line = answer.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_else(|| panic!("no {name} in {answer}")).parse().unwrap()
}

#[tokio::test]
async fn many_phones_are_operated_at_once_and_only_those_that_are_meant() {
    let lab = open(None, true).await;
    let post = async |act: &str, body: Value| {
        let body = body.to_string();
        let head = "Host: localhost\r\nContent-Type: application/json\r\nConnection: close";
        let request = format!(
            "POST /api/phones/{act} HTTP/1.1\r\n{head}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let (status, _, answer) = raw(lab.address, &request).await;
        (status, answer)
    };
    let stages = async || {
        let (_, _, phones) = get(lab.address, "/api/phones", "").await;
        phones.as_array().unwrap().iter().map(|phone| phone["stage"].clone()).collect::<Vec<_>>()
    };
    for (body, status) in [
        (json!({}), 422),
        (json!({"phones": {}}), 422),
        (json!({"phones": {"modell": ["8851"]}}), 422),
        (json!({"phones": {"all": true}, "dryrun": true}), 422),
        (json!("all"), 422),
    ] {
        assert_eq!(post("hold", body.clone()).await.0, status, "{body}");
    }
    let (status, answer) = post("hold", json!({"phones": {"all": true}, "dry_run": true})).await;
    assert_eq!((status, answer.as_array().unwrap().len(), &answer[0]["done"]), (200, 2, &json!(false)));
    assert_eq!(stages().await, ["absent", "absent"], "nothing was done");
    let (status, answer) = post("hold", json!({"phones": {"location": "room 2"}})).await;
    assert_eq!((status, &answer[0]["mac"], &answer[0]["done"]), (200, &json!("001234AB45DF"), &json!(true)));
    assert_eq!(stages().await, ["absent", "held"]);
    let named = json!({"phones": {"mac": ["00:12:34:ab:45:df", "001122334455"], "code": ["operator"]}});
    let (_, answer) = post("release", named).await;
    assert_eq!((&answer[0]["done"], &answer[1]["done"]), (&json!(true), &json!(false)));
    assert!(answer[1]["problem"].as_str().unwrap().contains("001122334455"), "{answer}");
    let (_, answer) = post("restart", json!({"phones": {"all": true}, "how": "reset"})).await;
    assert!(answer[1]["problem"].as_str().unwrap().contains("unplug it"), "{answer}");
}
