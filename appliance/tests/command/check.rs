use std::fs;

use serde_json::{Value, json};

use super::bench::{BenchFolder, NEAR, TARGET, TRANSITION, free_port};

const ON_LOOPBACK: &str = "interface = \"lo\"\n[dhcp]\nenabled = false";

fn report(bench: &BenchFolder) -> (Option<i32>, Value) {
    let ran = bench.run(&["check", "--json"]);
    let report = serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {ran:?}"));
    (ran.code, report)
}

fn environment(report: &Value, check: &str) -> Value {
    let all = report["environment"].as_array().unwrap();
    all.iter()
        .find(|entry| entry["check"] == check)
        .unwrap_or_else(|| panic!("no {check} in {all:?}"))
        .clone()
}

#[test]
fn a_bench_with_everything_is_fine() {
    let bench = BenchFolder::new(ON_LOOPBACK);
    bench.roster("001234AB45DE,8851,V05\n");
    bench.license("001234AB45DE");
    let (code, report) = report(&bench);
    assert_eq!(code, Some(0), "{report}");
    assert_eq!(
        report["phones"][0],
        json!({
            "mac": "001234AB45DE", "model": "8851", "vid": "V05", "route": [NEAR, TRANSITION, TARGET],
            "state": "ready", "hold": null,
        })
    );
    let keys: Vec<&String> = report.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["environment", "held", "loads", "phones", "ready"]);
    assert_eq!(report["loads"].as_array().unwrap().len(), 3);
    assert_eq!(
        report["loads"][0].as_object().unwrap().keys().collect::<Vec<_>>(),
        ["family", "kind", "missing", "name", "state"]
    );
    assert!(report["environment"].as_array().unwrap().iter().all(|entry| entry["ok"] == true));
    let text = bench.run(&["check"]).out;
    assert!(
        text.contains("1 ready, 0 held")
            && text.contains(&format!("1 ready: {NEAR} > TLexE2M-11-2-3C-4 > 11-2-3MPP-398"))
            && text.contains("8851 V05: 001234AB45DE"),
        "{text}"
    );
}

#[test]
fn what_a_roster_has_beyond_phones_is_told_and_no_fault() {
    let bench = BenchFolder::new(ON_LOOPBACK);
    let export = "Phones of the lobby\n\nDevice Name;Device Type;HardwareRevision;IP Address;Extension\n\
        SEP001234AB45DE;8851;V05;10.1.2.3;4711\nCSFJDOE;Jabber;;;4712\n";
    fs::write(bench.state().join("roster.csv"), export).unwrap();
    bench.license("001234AB45DE");
    let (code, report) = report(&bench);
    assert_eq!(
        (code, &report["ready"], environment(&report, "roster")["ok"] == true),
        (Some(0), &json!(1), true)
    );
    assert_eq!(report["phones"][0]["vid"], "V05", "{report}");
    let text = bench.run(&["check"]).out;
    for part in ["\"Extension\"", "1 row of softphones (CSF…), left out (line 5)"] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn each_phone_that_would_be_held_is_shown_with_its_reason() {
    let bench = BenchFolder::new(ON_LOOPBACK);
    bench.roster("001234AB4501,8851,V05\n001234AB4502,8821,\n001234AB4503,9999,\n001234AB4504,,\n001234AB4505,8851,V16\n001234AB4506,7841,V05\n");
    for mac in ["001234AB4502", "001234AB4503", "001234AB4504", "001234AB4505", "001234AB4506"] {
        bench.license(mac);
    }
    let (code, report) = report(&bench);
    assert_eq!((code, &report["ready"], &report["held"]), (Some(1), &json!(1), &json!(5)), "{report}");
    let held = |index: usize| report["phones"][index]["hold"].clone();
    assert_eq!(held(0)["code"], "no-license");
    assert!(held(0)["cure"].as_str().unwrap().contains("licenses/e2m/001234AB4501.lic"), "{report}");
    assert_eq!(held(1)["code"], "not-eligible");
    assert!(held(1)["cause"].as_str().unwrap().contains("8821"), "{report}");
    assert_eq!(held(2)["code"], "not-eligible");
    assert_eq!((held(3), &report["phones"][3]["state"]), (Value::Null, &json!("ready")));
    assert_eq!(held(4)["code"], "no-route", "V15 and later do not take the 11.2(3) loads: {report}");
    assert_eq!(held(5)["code"], "firmware-missing", "{report}");
    let text = bench.run(&["check"]).out;
    assert!(text.contains("1 ready, 5 held") && text.contains("1 held, not-eligible: the 8821 "), "{text}");
    assert!(text.contains("8821 VID not known: 001234AB4502"), "{text}");
}

#[test]
fn a_missing_component_is_named_with_the_load_that_needs_it() {
    let bench = BenchFolder::new(ON_LOOPBACK);
    bench.roster("001234AB45DE,8851,V05\n");
    bench.license("001234AB45DE");
    let gone = "rootfs288xx.TLexE2M-11-2-3C-4.sbn";
    fs::remove_file(bench.state().join("firmware").join(gone)).unwrap();
    let (code, report) = report(&bench);
    assert_eq!(code, Some(1));
    let load = report["loads"].as_array().unwrap().iter().find(|load| load["name"] == TRANSITION).unwrap();
    assert_eq!(
        *load,
        json!({
            "name": TRANSITION, "kind": "transition", "family": "sip88xx", "state": "missing", "missing": [gone],
        })
    );
    assert_eq!(report["phones"][0]["hold"]["code"], "firmware-missing");
    let text = bench.run(&["check"]).out;
    assert!(
        text.contains(&format!("{TRANSITION}: MISSING\n    {gone} is missing; it should be in ")),
        "{text}"
    );
}

#[test]
fn a_pinned_load_that_is_not_there_is_missing() {
    let bench = BenchFolder::new(&format!(
        "{ON_LOOPBACK}\n[migration.routes]\nsip78xx = [\"sip78xx.12-0-7MPP0201-66\"]"
    ));
    let (code, report) = report(&bench);
    assert_eq!(code, Some(1));
    let load = report["loads"].as_array().unwrap().iter().find(|load| load["family"] == "sip78xx").unwrap();
    assert_eq!(
        (&load["state"], &load["missing"]),
        (&json!("missing"), &json!(["sip78xx.12-0-7MPP0201-66.loads"]))
    );
}

#[test]
fn without_a_roster_any_phone_of_the_library_may_come() {
    let bench = BenchFolder::new(&format!("{ON_LOOPBACK}\n[migration]\nunknown-vid = \"proceed\""));
    assert_eq!(bench.run(&["check"]).code, Some(1), "nobody has a license");
    bench.license("001234AB45DE");
    let ran = bench.run(&["check"]);
    assert_eq!(ran.code, Some(0), "{}", ran.out);
    assert!(ran.out.contains("8811, 8841, 8851, 8851NR, 8861: ready, with a license each"), "{}", ran.out);
    bench.configure(ON_LOOPBACK);
    let ran = bench.run(&["check"]);
    assert_eq!(ran.code, Some(1), "VID V15 and later do not take these loads");
    assert!(ran.out.contains("8861: ready once the hardware version (VID) is known"), "{}", ran.out);
    fs::remove_dir_all(bench.state().join("firmware")).unwrap();
    let ran = bench.run(&["check"]);
    assert_eq!(ran.code, Some(1));
    assert!(
        ran.out.contains("No firmware") && ran.out.contains("no firmware of their family"),
        "{}",
        ran.out
    );
}

#[test]
fn what_is_wrong_with_the_box_is_said_with_its_cure() {
    let bench = BenchFolder::new("");
    let (code, without_interface) = report(&bench);
    assert_eq!(code, Some(1));
    let entry = environment(&without_interface, "interface");
    assert!(entry["ok"] == false && entry["cure"].as_str().unwrap().contains("interface"), "{entry}");

    let listener = std::net::TcpListener::bind(("127.0.0.1", free_port())).unwrap();
    let port = listener.local_addr().unwrap().port();
    bench.configure(ON_LOOPBACK);
    let text = fs::read_to_string(&bench.config).unwrap();
    let (head, tail) = text.split_once("http = [").unwrap();
    fs::write(&bench.config, format!("{head}http = [{port}{}", &tail[tail.find(']').unwrap()..])).unwrap();
    let entry = environment(&report(&bench).1, "ports");
    assert!(entry["ok"] == false && entry["cause"].as_str().unwrap().contains(&port.to_string()), "{entry}");

    bench.configure(ON_LOOPBACK);
    bench.roster("not a mac,8851,\n");
    let entry = environment(&report(&bench).1, "roster");
    assert!(entry["ok"] == false && entry["cause"].as_str().unwrap().contains("line 2"), "{entry}");

    fs::remove_dir_all(bench.state()).unwrap();
    let entry = environment(&report(&bench).1, "state-folder");
    assert!(entry["cure"].as_str().unwrap().starts_with("run: mkdir -p"), "{entry}");
}

#[test]
fn phones_that_fare_alike_stand_together_and_nobody_is_left_out() {
    let bench = BenchFolder::new(ON_LOOPBACK);
    let macs: Vec<String> = (0..48).map(|index| format!("001234AB45{index:02X}")).collect();
    bench.roster(&(macs.join(",8851,V05\n") + ",8851,V05\n"));
    for mac in &macs[..40] {
        bench.license(mac);
    }
    bench.license("001234AB45FF");
    let ran = bench.run(&["check"]);
    let text = &ran.out;
    assert_eq!(ran.code, Some(1));
    assert!(
        text.contains("40 ready, 8 held") && text.contains("8 held, no-license: no e2m license for <MAC>"),
        "{text}"
    );
    assert!(text.contains(&format!("8851 V05: {}", macs[40..].join(" "))), "{text}");
    assert!(text.contains(&format!("8851 V05: {}", macs[..40].join(" "))), "{text}");
    assert!(text.contains("1 licenses are of phones that the roster does not list: 001234AB45FF"), "{text}");
    for word in ["FN74296", "48 × 8851", "**#", "portfast", "call history", "rehearse"] {
        assert!(text.contains(word), "{word}: {text}");
    }
}

#[test]
fn a_vid_that_is_wanted_further_on_is_said_and_holds_where_no_page_is_read() {
    let old = "sip88xx.11-7-1-17";
    for (probe, code, state) in [(true, Some(0), "ready"), (false, Some(1), "held")] {
        let bench = BenchFolder::new(&format!("{ON_LOOPBACK}\n[probe]\nenabled = {probe}"));
        fs::write(bench.state().join("roster.csv"), format!("MAC,model,load\n001234AB45DE,8851,{old}\n"))
            .unwrap();
        bench.license("001234AB45DE");
        let (exit, report) = report(&bench);
        assert_eq!((exit, &report["phones"][0]["state"]), (code, &json!(state)), "{report}");
        let text = bench.run(&["check"]).out;
        assert_eq!(text.contains("held later unless its page tells"), probe, "{text}");
        if !probe {
            assert_eq!(report["phones"][0]["hold"]["code"], "unknown-vid");
        }
    }
}
