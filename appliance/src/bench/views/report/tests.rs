use serde_json::{Value, json};
use transload_provision::catalog::Catalog;

use super::*;

fn phone(mac: &str, stage: &str, rest: &Value) -> PhoneReport {
    let mut phone = json!({
        "mac": mac, "model": "8851", "vid": "V05", "serial": null, "location": null, "stage": stage, "hold": null,
        "from": "sip88xx.11-7-1-17", "to": "sip88xx.11-2-3MPP-398", "target": "sip88xx.11-2-3MPP-398",
        "first_seen": "2026-01-31T09:00:00Z", "last_seen": "2026-01-31T09:30:00Z", "done": null, "seconds": null,
        "bytes": 0, "hops": [], "holds": [], "earlier_holds": [], "acts": [],
        "license": {"state": "present", "file": null, "sha256": null, "given": null, "given_last": null, "accepted": false},
    });
    for (key, value) in rest.as_object().unwrap() {
        phone[key] = value.clone();
    }
    serde_json::from_value(phone).unwrap()
}

fn report(phones: Vec<PhoneReport>) -> MigrationReport {
    let made = Time(1_769_851_800_000);
    MigrationReport::new(made, Direction::E2m, &Catalog::current(), vec!["a note".into()], phones)
}

fn done() -> PhoneReport {
    phone(
        "001234AB45DE",
        "done",
        &json!({
            "done": "2026-01-31T09:20:00Z", "seconds": 1000, "bytes": 81_200_000,
            "hops": [
                {"load": "sip88xx.12-5-1SR1-4", "began": "2026-01-30T23:58:20Z", "ended": "2026-01-31T09:10:00Z",
                 "seconds": 400, "bytes": 81_200_000, "attempts": 2, "arrived": true, "broken": null},
                {"load": "sip88xx.11-2-3MPP-398", "began": null, "ended": null, "seconds": null, "bytes": 0,
                 "attempts": 0, "arrived": true, "broken": null}],
            "license": {"state": "accepted", "file": "licenses/e2m/001234AB45DE.lic", "sha256": null,
                        "given": "2026-01-31T09:12:00Z", "given_last": "2026-01-31T09:12:00Z", "accepted": true},
            "holds": [{"code": "no-license", "cause": "c", "from": "2026-01-31T09:00:00Z",
                       "until": "2026-01-31T09:02:05Z", "seconds": 125}],
            "earlier_holds": [{"code": "needs-restart", "times": 40, "seconds": 7200}],
            "acts": [{"at": "2026-01-31T09:01:00Z", "act": "release"}],
        }),
    )
}

fn held(mac: &str) -> PhoneReport {
    let hold = json!({"code": "no-license", "cause": format!("no e2m license for {mac} is at hand"), "cure": "get one", "actions": [{"do": "import-license", "direction": "e2m"}]});
    phone(mac, "held", &json!({"hold": hold}))
}

#[test]
fn forgotten_phones_are_on_the_page() {
    let forgotten = |mac: &str, at| ForgottenReport { mac: mac.parse().unwrap(), at: Some(Time(at)) };
    let report = MigrationReport {
        forgotten: vec![
            forgotten("001234AB45E2", 1_769_851_800_000),
            forgotten("001234AB45E3", 1_769_851_860_000),
        ],
        ..report(vec![done()])
    };
    let page = report.written(Format::Html, None, &TimeZone::UTC);
    assert!(page.contains("took 2 phones off the bench's books"), "{page}");
    assert!(page.contains("Forgotten: 001234AB45E2 (2026-01-31 09:30), 001234AB45E3 (09:31)."), "{page}");
    let json: MigrationReport =
        serde_json::from_str(&report.written(Format::Json, None, &TimeZone::UTC)).unwrap();
    assert_eq!(json, report);
}

#[test]
fn the_page_tells_all_of_a_phone_and_sums_up() {
    let zone = TimeZone::fixed(jiff::tz::offset(1));
    let report = report(vec![
        done(),
        held("001234AB45DF"),
        held("001234AB45E0"),
        phone("001234AB45E1", "absent", &json!({})),
    ]);
    assert_eq!(
        (report.totals.done, report.totals.held, report.totals.absent, report.totals.hops),
        (1, 2, 1, 2)
    );
    let page = report.written(Format::Html, Some("Acme, Berlin"), &zone);
    for text in [
        "<p class=\"title\">Acme, Berlin</p>",
        "Enterprise to Multiplatform firmware",
        "sip88xx.11-7-1-17<br>→ sip88xx.11-2-3MPP-398",
        "2026-01-31 10:20</td><td>16 min 40 s</td><td>81.2 MB</td><td>accepted",
        "sip88xx.12-5-1SR1-4 (2026-01-31 00:58, 6 min 40 s, 81.2 MB, 2 attempts); sip88xx.11-2-3MPP-398 (had it)",
        "licenses/e2m/001234AB45DE.lic, given 2026-01-31 10:12, accepted",
        "40 × needs-restart (2 h 00 min in all); 2026-01-31 10:00 no-license for 2 min 05 s",
        "2026-01-31 10:01 release",
        "no-license: 2 phones",
        "no e2m license for &lt;MAC&gt; is at hand",
        "<li>001234AB45DF</li><li>001234AB45E0</li>",
        "absent: 1 phone",
    ] {
        assert!(page.contains(text), "{text}\n{page}");
    }
}

#[test]
fn phones_with_other_things_to_do_are_another_entry() {
    let mut other = held("001234AB45E1");
    other.hold.as_mut().unwrap().actions.clear();
    let report = report(vec![held("001234AB45DF"), held("001234AB45E0"), other]);
    let counts: Vec<usize> = report.left.iter().map(|left| left.macs.len()).collect();
    assert_eq!(counts, [2, 1], "{:?}", report.left);
    assert_eq!(report.left[1].cause, "no e2m license for 001234AB45E1 is at hand");
}

#[test]
fn whatever_a_phone_or_a_roster_says_is_text_on_a_page_that_fetches_nothing() {
    let evil = "</td><script>alert(1)</script>\" onload='x' &amp; \u{1b}[2J\u{202e}\u{2066}";
    let hold = json!({"code": "failed", "cause": evil, "cure": evil, "actions": []});
    let hop = json!({"load": evil, "began": "2026-01-31T09:00:00Z", "ended": null, "seconds": null, "bytes": 1,
                     "attempts": 1, "arrived": false, "broken": evil});
    let all = json!({"model": evil, "vid": evil, "serial": evil, "location": evil, "from": evil, "to": evil,
                     "hold": hold, "hops": [hop]});
    let mut report = report(vec![phone("001234AB45DE", "stuck", &all)]);
    report.notes = vec![evil.to_owned()];
    let page = report.written(Format::Html, Some(evil), &TimeZone::UTC);
    assert!(
        !page.contains("<script")
            && !page.contains("onload='")
            && !page.contains(['\u{1b}', '\u{202e}', '\u{2066}']),
        "{page}"
    );
    assert!(
        page.contains("&lt;script&gt;alert(1)&lt;/script&gt;&quot; onload=&#39;x&#39; &amp;amp;"),
        "{page}"
    );
    for fetched in ["src=", "href=", "url(", "@import", "http:", "https:", "<link", "<script"] {
        assert!(!page.contains(fetched), "{fetched}");
    }
}

#[test]
fn a_spreadsheet_takes_no_cell_for_a_formula_and_no_address_for_a_number() {
    let mut phones = Vec::new();
    for (index, location) in
        ["=1+1", "+49 30", "-2", "@SUM(A1)", " =x", "\t=x", "a,\"b\";c\r\nd\u{202e}", "'plain"]
            .iter()
            .enumerate()
    {
        phones.push(phone(&format!("00123400000{index}"), "done", &json!({"location": location})));
    }
    phones.push(phone("00123400E001", "done", &json!({})));
    phones.push(phone("00123400AE01", "done", &json!({})));
    let table = report(phones).written(Format::Csv, None, &TimeZone::UTC);
    let mut reader = csv::Reader::from_reader(table.as_bytes());
    let heading = reader.headers().unwrap().clone();
    let column = |name: &str| heading.iter().position(|known| known == name).unwrap();
    let (mac, place) = (column("mac"), column("location"));
    let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
    let cells = |column: usize| rows.iter().map(|row| row[column].to_owned()).collect::<Vec<_>>();
    assert_eq!(
        cells(place)[..8],
        ["'=1+1", "'+49 30", "'-2", "'@SUM(A1)", "' =x", "' =x", "a,\"b\";c  d", "'plain"]
    );
    assert_eq!(cells(mac)[7..], ["00:12:34:00:00:07", "00:12:34:00:e0:01", "00123400AE01"]);
    assert!(rows.iter().all(|row| row.len() == heading.len()));
}

#[test]
fn a_row_has_the_way_the_license_and_the_holds() {
    let table = report(vec![done()]).written(Format::Csv, None, &TimeZone::UTC);
    let mut reader = csv::Reader::from_reader(table.as_bytes());
    let heading = reader.headers().unwrap().clone();
    let row = reader.records().next().unwrap().unwrap();
    let cell = |name: &str| &row[heading.iter().position(|known| known == name).unwrap()];
    assert_eq!(
        (cell("stage"), cell("reason"), cell("seconds"), cell("bytes")),
        ("done", "", "1000", "81200000")
    );
    assert_eq!(cell("hops"), "sip88xx.12-5-1SR1-4 400 s 81200000 bytes; sip88xx.11-2-3MPP-398 0 bytes");
    assert_eq!((cell("license"), cell("license_given")), ("accepted", "2026-01-31T09:12:00Z"));
    assert_eq!(cell("holds"), "needs-restart 40 times, 7200 s; 2026-01-31T09:00:00Z no-license 125 s");
    assert_eq!((cell("held_seconds"), cell("acts")), ("7325", "2026-01-31T09:01:00Z release"));
}

#[test]
fn the_lists_of_what_is_left_hold_addresses_alone_and_a_reason_each() {
    let report = report(vec![
        done(),
        held("001234AB45DF"),
        held("001234AB45E0"),
        phone("001234AB45E1", "absent", &json!({})),
    ]);
    assert_eq!(
        report.written(Format::Macs, None, &TimeZone::UTC),
        "# no-license, 2 phones: no e2m license for <MAC> is at hand\n# cure: get one\n001234AB45DF\n001234AB45E0\n\n\
         # absent, 1 phone: it is in the roster and was never seen\n# cure: plug it in\n001234AB45E1\n"
    );
}

#[test]
fn json_goes_in_and_out_unchanged() {
    let report = report(vec![done(), held("001234AB45DF")]);
    let text = report.written(Format::Json, None, &TimeZone::UTC);
    assert_eq!(serde_json::from_str::<MigrationReport>(&text).unwrap(), report);
}
