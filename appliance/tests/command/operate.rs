use serde_json::Value;

use super::bench::{BenchFolder, serve};

fn stages(bench: &BenchFolder) -> Vec<String> {
    let phones: Value = serde_json::from_str(&bench.run(&["status", "--json"]).out).unwrap();
    phones.as_array().unwrap().iter().map(|phone| phone["stage"].as_str().unwrap().to_owned()).collect()
}

fn bench() -> BenchFolder {
    let bench = BenchFolder::new("interface = \"lo\"\n[dhcp]\nenabled = false");
    let roster =
        "MAC,model,location\n001234AB4501,8851,Berlin\n001234AB4502,8841,Berlin\n001234AB4503,8851,Bonn\n";
    std::fs::write(bench.state().join("roster.csv"), roster).unwrap();
    bench
}

/// Expects the same output with and without a running bench.
fn hold_by_filter(bench: &BenchFolder) {
    let ran = bench.run(&["hold", "--model", "8851", "--location", "berlin", "--dry-run"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(
        ran.out.contains("001234AB4501 (8851, Berlin): absent, would be told: hold\n1 phones are meant"),
        "{ran:?}"
    );
    assert_eq!(stages(bench), ["absent"; 3], "nothing was done");
    let ran = bench.run(&["hold", "--model", "8851"]);
    assert_eq!((ran.code, ran.out.lines().count()), (Some(0), 2), "{ran:?}");
    assert_eq!(stages(bench), ["held", "absent", "held"]);
    let ran = bench.run(&["release", "--code", "operator", "--location", "Bonn", "--stage", "held"]);
    assert_eq!((ran.code, ran.out.lines().count()), (Some(0), 1), "{ran:?}");
    assert_eq!(stages(bench)[0], "held");
    let ran = bench.run(&["retry", "001234AB4501", "001122334455"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.out.starts_with("001234AB4501") && ran.err.contains("001122334455"), "{ran:?}");
    let ran = bench.run(&["release", "--model", "7841"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.err.contains("no phone is as described"), "{ran:?}");
    for wrong in
        [&["hold"][..], &["hold", "--stage", "hold"], &["hold", "--modell", "8851"], &["hold", "--dry-run"]]
    {
        assert_eq!(bench.run(wrong).code, Some(2), "{wrong:?}");
    }
    assert_eq!(bench.run(&["release", "--all"]).code, Some(0));
    assert!(!stages(bench).contains(&"held".to_owned()));
}

#[test]
fn phones_are_held_and_released_by_filter_where_no_bench_runs() {
    let bench = bench();
    hold_by_filter(&bench);
    let ran = bench.run(&["restart", "--all"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.err.contains("no bench is running"), "{ran:?}");
}

#[test]
fn phones_are_held_and_released_by_filter_on_the_running_bench() {
    let bench = bench();
    let _serving = serve(&bench);
    hold_by_filter(&bench);
    let ran = bench.run(&["restart", "--model", "8841"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.err.contains("001234AB4502"), "{ran:?}");
}

/// Expects the same output with and without a running bench.
fn forget(bench: &BenchFolder) {
    assert_eq!(bench.run(&["hold", "--model", "8851"]).code, Some(0));
    assert_eq!(stages(bench), ["held", "absent", "held"]);
    let ran = bench.run(&["forget", "--all", "--dry-run"]);
    assert!(ran.out.contains("001234AB4501 (8851, Berlin): held, would be told: forget"), "{ran:?}");
    assert!(ran.code == Some(0) && ran.out.contains("2 phones are meant"), "{ran:?}");
    let ran = bench.run(&["forget", "00:12:34:ab:45:01", "001234AB4502", "001122334455"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.out.contains("001234AB4501 (8851, Berlin): forgotten; the roster still lists it"), "{ran:?}");
    assert!(ran.err.contains("no forget: nothing is known of 001234AB4502"), "{ran:?}");
    assert!(
        ran.err.contains("001122334455") && ran.err.contains("remove its line from the roster"),
        "{ran:?}"
    );
    assert_eq!(stages(bench), ["absent", "absent", "held"]);
    let ran = bench.run(&["forget", "--location", "Bonn"]);
    assert_eq!((ran.code, ran.out.lines().count()), (Some(0), 1), "{ran:?}");
    assert_eq!(stages(bench), ["absent"; 3]);
    let ran = bench.run(&["report", "--format", "json"]);
    let report: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(report["forgotten"].as_array().unwrap().len(), 2, "{report}");
    assert_eq!(bench.run(&["forget"]).code, Some(2));
}

#[test]
fn phones_are_forgotten_where_no_bench_runs() {
    forget(&bench());
}

#[test]
fn phones_are_forgotten_on_the_running_bench_and_its_log_says_so() {
    let bench = bench();
    let mut serving = serve(&bench);
    forget(&bench);
    serving.logged("forgotten by the operator");
}
