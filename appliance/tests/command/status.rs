use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::{self, JoinHandle};

use serde_json::{Value, json};

use super::bench::{BenchFolder, serve};

#[test]
fn without_a_bench_it_shows_what_the_state_folder_says() {
    let bench = BenchFolder::new("");
    bench.roster("001234AB45DE,8851,V05\n");
    let ran = bench.run(&["status", "--json"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let phones: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(
        (&phones[0]["mac"], &phones[0]["stage"], &phones[0]["vid"]),
        (&json!("001234AB45DE"), &json!("absent"), &json!("V05"))
    );
    let text = bench.run(&["status"]).out;
    assert!(text.starts_with("No bench is running") && text.contains("1 phone: 1 absent"), "{text}");
    assert!(
        !bench.state().join("ledger.db").exists() && !bench.state().join("lock").exists(),
        "it only looks"
    );
}

#[test]
fn a_running_bench_is_shown_and_reloaded_and_is_alone() {
    let bench = BenchFolder::new("interface = \"lo\"\n[dhcp]\nenabled = false");
    bench.roster("001234AB45DE,8851,V05\n");
    let mut serving = serve(&bench);
    let text = bench.run(&["status"]).out;
    assert!(text.starts_with("1 phone: 1 absent"), "{text}");

    bench.roster("001234AB45DE,8851,V05\n001234AB45DF,8851,V05\n");
    let ran = bench.run(&["reload"]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    serving.logged("were read again");
    assert!(bench.run(&["status"]).out.starts_with("2 phones: 2 absent"));

    let second = bench.run(&["serve"]);
    assert_eq!(second.code, Some(4), "{second:?}");
    assert!(second.err.contains("in use"), "{second:?}");
}

#[test]
fn what_asks_without_a_lease_is_told_after_the_phones() {
    let bench = BenchFolder::new("interface = \"lo\"\n[dhcp]\nenabled = false");
    bench.roster("001234AB45DE,8851,V05\n");
    let _serving = serve(&bench);
    let config = std::fs::read_to_string(&bench.config).unwrap();
    let (_, rest) = config.split_once("http = [").unwrap();
    let port = rest.split_once(']').unwrap().0.parse().unwrap();
    let mut phone = TcpStream::connect(("127.0.0.1", port)).unwrap();
    phone.write_all(b"GET /SEP001234AB45DE.cnf.xml HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    phone.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.0 404"), "{answer}");
    let text = bench.run(&["status"]).out;
    let last = text.lines().last().unwrap();
    assert!(
        last.starts_with("127.0.0.1 asked for ") && last.contains("; let the DHCP server tell"),
        "{text}"
    );
}

/// Answers one request on `listener`, and returns the request.
fn answer(listener: TcpListener, answer: String) -> JoinHandle<String> {
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            request.push(byte[0]);
        }
        stream.write_all(answer.as_bytes()).unwrap();
        String::from_utf8(request).unwrap()
    })
}

fn on(listener: &TcpListener, token_file: &str) -> BenchFolder {
    let bench = BenchFolder::new("");
    let text = std::fs::read_to_string(&bench.config).unwrap();
    let (head, tail) = text.split_once("listen = ").unwrap();
    let listen = format!("listen = \"{}\"\n{token_file}", listener.local_addr().unwrap());
    std::fs::write(&bench.config, format!("{head}{listen}{}", &tail[tail.find('\n').unwrap()..])).unwrap();
    bench
}

#[test]
fn a_running_bench_is_asked_with_the_token() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let token = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(token.path(), "0123456789abcdef\n").unwrap();
    let bench = on(&listener, &format!("token-file = '{}'", token.path().display()));
    let phone = json!([{
        "mac": "001234AB45DE", "model": "8851", "vid": null, "serial": null, "location": "desk 4", "address": "10.23.45.101",
        "persona": "enterprise", "load": null, "load_evidence": null, "route": [], "target": null, "hop": 0, "hops": 0,
        "stage": "held", "writing": false, "progress": 0.0, "attempts": 0, "license": "absent",
        "hold": {"code": "no-license", "cause": "no license is at hand", "cure": "get one",
                 "actions": [{"do": "import-license", "direction": "e2m"}]},
        "first_seen": "2026-01-31T09:30:00Z", "last_seen": "2026-01-31T09:30:00Z",
    }]);
    let asked = answer(listener, format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{phone}"));
    let ran = bench.run(&["status", "--json"]);
    assert_eq!(serde_json::from_str::<Value>(&ran.out).unwrap(), phone);
    let request = asked.join().unwrap();
    assert!(request.starts_with("GET /api/phones HTTP/1.0\r\n"), "{request}");
    assert!(request.contains("Authorization: Bearer 0123456789abcdef\r\n"), "{request}");
}

#[test]
fn a_refusal_and_a_stranger_are_errors_with_a_cure() {
    for (reply, code) in [("HTTP/1.1 401 Unauthorized\r\n\r\n", 4), ("220 mail.example ESMTP\r\n", 1)] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let bench = on(&listener, "");
        let asked = answer(listener, reply.to_owned());
        let ran = bench.run(&["status"]);
        asked.join().unwrap();
        assert_eq!(ran.code, Some(code), "{ran:?}");
        assert!(ran.err.starts_with("error: ") && ran.err.contains("\n cure: "), "{}", ran.err);
    }
}
