use std::fs;

use serde_json::{Value, json};

use super::bench::BenchFolder;

/// A stopped bench with phones held by hand.
fn bench() -> BenchFolder {
    let bench = BenchFolder::new("");
    bench.roster("001234AB45DE,8851,V05\n001234AB45DF,8851,V05\n");
    for act in ["hold", "retry"] {
        let ran = bench.run(&[act, "001234AB45DE"]);
        assert_eq!(ran.code, Some(0), "{ran:?}");
    }
    bench
}

#[test]
fn without_a_bench_it_tells_what_the_state_folder_says() {
    let bench = bench();
    let ran = bench.run(&["report", "--format", "json"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.err.contains("No bench is running"), "{}", ran.err);
    let report: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(report["totals"]["phones"], 2);
    let acts: Vec<&Value> =
        report["phones"][0]["acts"].as_array().unwrap().iter().map(|act| &act["act"]).collect();
    assert_eq!(acts, ["hold", "retry"]);
    let reasons: Vec<_> =
        report["left"].as_array().unwrap().iter().map(|left| (&left["reason"], &left["macs"])).collect();
    assert_eq!(
        reasons,
        [(&json!("operator"), &json!(["001234AB45DE"])), (&json!("absent"), &json!(["001234AB45DF"]))]
    );
    let macs = bench.run(&["report", "--format", "macs"]).out;
    let plain: Vec<&str> = macs.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    assert_eq!(plain, ["001234AB45DE", "001234AB45DF"]);
    let table = bench.run(&["report", "--format", "csv"]).out;
    assert!(table.lines().count() == 3 && table.starts_with("mac,model,vid,"), "{table}");
}

#[test]
fn the_page_goes_to_a_file_with_its_title_and_a_bad_place_is_named() {
    let bench = bench();
    let ran = bench.run(&["report", "--title", "Acme & Sons", "--output", "report.html"]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(0), ""), "{ran:?}");
    let page = fs::read_to_string(bench.folder.path().join("report.html")).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>") && page.contains("Acme &amp; Sons"), "{page}");
    let ran = bench.run(&["report", "--output", "no/such/folder/report.html"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.err.contains("no/such/folder/report.html") && ran.err.contains(" cure: "), "{}", ran.err);
    assert_eq!(bench.run(&["report", "--format", "pdf"]).code, Some(2));
}
