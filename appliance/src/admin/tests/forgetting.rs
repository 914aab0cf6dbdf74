//! Forgetting phones: responses, and events to listeners.

use tokio::io::AsyncBufReadExt;
use tokio::io::BufReader;

use super::*;

#[tokio::test]
async fn a_phone_is_forgotten_by_its_address_and_many_by_filter() {
    let lab = open(None, true).await;
    let ask = async |what: &str, body: &str| {
        let head = "Host: localhost\r\nContent-Type: application/json\r\nConnection: close";
        let length = body.len();
        raw(lab.address, &format!("{what} HTTP/1.1\r\n{head}\r\nContent-Length: {length}\r\n\r\n{body}"))
            .await
    };
    for (path, status, word) in [
        ("001234AB45DE", 409, "only the roster lists it"),
        ("001122334455", 404, "001122334455"),
        ("nonsense", 400, "nonsense"),
    ] {
        let (got, head, body) = ask(&format!("DELETE /api/phones/{path}"), "").await;
        assert!(got == status && head.contains("application/problem+json"), "{path}: {got} {head}");
        assert!(body["detail"].as_str().unwrap().contains(word), "{path}: {body}");
    }
    // The operator's action counts as knowledge of the phone.
    assert_eq!(ask("POST /api/phones/hold", r#"{"phones": {"all": true}}"#).await.0, 200);
    let (status, _, body) = ask("DELETE /api/phones/00:12:34:ab:45:de", "").await;
    assert_eq!((status, &body["mac"], &body["done"]), (200, &json!("001234AB45DE"), &json!("forget")));
    assert!(body["note"].as_str().unwrap().contains("remove its line from the roster"), "{body}");
    assert_eq!(get(lab.address, "/api/phones/001234AB45DE", "").await.2["stage"], "absent");

    assert_eq!(ask("POST /api/phones/forget", "{}").await.0, 422);
    assert_eq!(ask("POST /api/phones/forget", r#"{"phones": {}}"#).await.0, 422);
    let (status, _, body) =
        ask("POST /api/phones/forget", r#"{"phones": {"stage": ["held"]}, "dry_run": true}"#).await;
    assert_eq!((status, &body[0]["mac"], &body[0]["done"]), (200, &json!("001234AB45DF"), &json!(false)));
    let (_, _, body) = ask("POST /api/phones/forget", r#"{"phones": {"stage": ["held"]}}"#).await;
    assert_eq!((body.as_array().unwrap().len(), &body[0]["done"]), (1, &json!(true)));
    let (_, _, report) = get(lab.address, "/api/report", "").await;
    let forgotten = report["forgotten"].as_array().unwrap();
    let macs: Vec<_> = forgotten.iter().map(|phone| phone["mac"].as_str().unwrap()).collect();
    assert_eq!(macs, ["001234AB45DE", "001234AB45DF"]);
}

/// Reads events of an open stream until one fits.
async fn event_where(stream: &mut BufReader<TcpStream>, fits: impl Fn(&str, &Value) -> bool) {
    let mut event = String::new();
    loop {
        let mut line = String::new();
        assert_ne!(stream.read_line(&mut line).await.unwrap(), 0, "the stream ended");
        if let Some(kind) = line.strip_prefix("event: ") {
            kind.trim().clone_into(&mut event);
        }
        if let Some(data) = line.strip_prefix("data: ")
            && fits(&event, &serde_json::from_str(data).unwrap())
        {
            return;
        }
    }
}

#[tokio::test]
async fn listeners_are_told_at_once_that_a_phone_was_forgotten() {
    let lab = open(None, true).await;
    let bench = &lab.appliance.bench;
    let (listed, stranger) = ("001234AB45DE".parse().unwrap(), "C4B9CD000001".parse().unwrap());
    bench.operate(listed, transload_provision::journey::Act::Hold).await.unwrap();
    bench.feed_event(transload_provision::feed::FeedEvent::Asked(transload_provision::feed::FeedClient {
        mac: stranger,
        vendor_class: Some("Cisco Systems, Inc. IP Phone CP-8851".into()),
        request_list: vec![66, 150],
        client_id: None,
        boot: Some(true),
        ago: 0,
    }));
    let mut stream = BufReader::new(TcpStream::connect(lab.address).await.unwrap());
    stream.write_all(b"GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let stage = |data: &Value, mac: &str| {
        let phones = data["phones"].as_array().unwrap().iter();
        phones.filter(|phone| phone["mac"] == mac).map(|phone| phone["stage"].clone()).next()
    };
    let all = |event: &str, data: &Value| {
        let found =
            stage(data, "001234AB45DE") == Some(json!("held")) && stage(data, "C4B9CD000001").is_some();
        event == "state" && found
    };
    event_where(&mut stream, all).await;
    let patience = std::time::Duration::from_secs(10);
    bench.forget(listed).await.unwrap();
    let absent = |_: &str, data: &Value| stage(data, "001234AB45DE") == Some(json!("absent"));
    tokio::time::timeout(patience, event_where(&mut stream, absent)).await.unwrap();
    bench.forget(stranger).await.unwrap();
    let gone = |event: &str, data: &Value| event == "state" && stage(data, "C4B9CD000001").is_none();
    tokio::time::timeout(patience, event_where(&mut stream, gone)).await.unwrap();
}
