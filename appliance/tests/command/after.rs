use serde_json::{Value, json};

use super::bench::BenchFolder;

const TOLD: &str =
    "interface = \"lo\"\n[dhcp]\nenabled = false\n[after]\nprofile = { GPP_A = \"{extension} {model}\" }";

fn after(bench: &BenchFolder) -> (Option<i32>, Value) {
    let ran = bench.run(&["check", "--json"]);
    let report: Value = serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {ran:?}"));
    let found = report["environment"].as_array().unwrap().iter().find(|entry| entry["check"] == "after");
    (ran.code, found.unwrap().clone())
}

#[test]
fn phones_without_a_value_for_a_placeholder_are_named_before_they_come() {
    let bench = BenchFolder::new(TOLD);
    bench.license("001234AB45DE");
    let (code, none) = after(&bench);
    assert_eq!((code, &none["ok"]), (Some(1), &json!(false)));
    assert!(none["cause"].as_str().unwrap().contains("GPP_A needs column extension of a roster"), "{none}");

    let roster = |text: &str| std::fs::write(bench.state().join("roster.csv"), text).unwrap();
    roster("MAC,model,vid,Extension\n001234AB45DE,8851,V05,4711\n001234AB45DF,,V05,\n");
    bench.license("001234AB45DF");
    let (code, lacking) = after(&bench);
    assert_eq!(code, Some(1));
    let cause = lacking["cause"].as_str().unwrap();
    assert!(cause.ends_with("column extension of the roster is empty: 001234AB45DF"), "{cause}");
    let text = bench.run(&["check"]).out;
    assert!(text.contains("001234AB45DF") && text.contains("fill the columns in"), "{text}");

    roster("MAC,model,vid,Extension\n001234AB45DE,8851,V05,4711\n001234AB45DF,,V05,4712\n");
    let fine = json!({"check": "after", "ok": true, "cause": null, "cure": null});
    assert_eq!(after(&bench).1, fine, "its model is what a phone tells itself");
}

#[test]
fn that_finished_phones_are_told_no_server_is_said_before_anybody_decides() {
    let bench = BenchFolder::new("interface = \"lo\"\n[dhcp]\nenabled = false");
    assert!(bench.run(&["check"]).out.contains("No Profile_Rule under [after]"));
    bench.configure(&TOLD.replace("GPP_A", "Profile_Rule"));
    assert!(!bench.run(&["check"]).out.contains("No Profile_Rule under [after]"));
    bench.configure("interface = \"lo\"\n[dhcp]\nenabled = false\n[migration]\ndirection = \"m2e\"");
    assert!(bench.run(&["check"]).out.contains("No call manager under [after]"));
}
