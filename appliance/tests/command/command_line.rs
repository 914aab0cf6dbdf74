use std::fs;
use std::os::unix::fs::chown;

use super::bench::{BenchFolder, run_in};

#[test]
fn the_version_tells_the_catalogs_date() {
    let ran = run_in(&std::env::temp_dir(), &["--version"]);
    assert_eq!(ran.code, Some(0));
    assert!(ran.out.starts_with("transload ") && ran.out.contains("(catalog of 20"), "{}", ran.out);
}

#[test]
fn wrong_use_ends_with_2() {
    for arguments in [&[][..], &["dance"], &["status", "--nonsense"], &["check", "--config"]] {
        let ran = run_in(&std::env::temp_dir(), arguments);
        assert_eq!(ran.code, Some(2), "{arguments:?}");
        assert!(!ran.err.is_empty() && ran.out.is_empty());
    }
}

#[test]
fn init_writes_what_the_other_commands_find_and_keeps_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let first = run_in(folder.path(), &["init"]);
    assert_eq!((first.code, first.err.as_str()), (Some(0), ""));
    let text = fs::read_to_string(folder.path().join("transload.toml")).unwrap();
    assert!(text.contains("[migration]"));
    let again = run_in(folder.path(), &["init"]);
    assert_eq!(again.code, Some(2));
    assert!(
        again.err.starts_with("error: cannot write transload.toml") && again.err.contains("\n cure: "),
        "{}",
        again.err
    );
    assert_eq!(fs::read_to_string(folder.path().join("transload.toml")).unwrap(), text);
    // It is read from here: a mistake in it is found.
    fs::write(folder.path().join("transload.toml"), text.replace("direction =", "direktion =")).unwrap();
    let ran = run_in(folder.path(), &["check"]);
    assert_eq!(ran.code, Some(2));
    assert!(
        ran.err.contains("transload.toml:") && ran.err.contains("did you mean `direction`?"),
        "{}",
        ran.err
    );
}

#[test]
fn a_configuration_that_cannot_be_read_is_named() {
    let ran = run_in(&std::env::temp_dir(), &["check", "--config", "/no/such/file.toml"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("/no/such/file.toml") && ran.err.lines().count() == 2, "{}", ran.err);
}

#[test]
fn reload_without_a_bench_says_so_and_a_bad_file_is_told_first() {
    let bench = BenchFolder::new("");
    let ran = bench.run(&["reload"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.err.contains("no bench is running"), "{}", ran.err);
    bench.configure("no-such-key = 1");
    assert_eq!(bench.run(&["reload"]).code, Some(2));
}

#[test]
fn a_side_this_version_cannot_steer_is_refused_to_serve_and_shown_by_check() {
    let bench = BenchFolder::new("interface = \"lo\"\n[migration]\nmultiplatform = \"cda\"");
    let ran = bench.run(&["serve"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("multiplatform = \"cda\"") && ran.err.contains(" cure: "), "{}", ran.err);
    let ran = bench.run(&["check"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.out.contains("scenario: migration.multiplatform"), "{}", ran.out);
}

#[test]
fn root_ignores_a_configuration_of_a_folder_that_is_another_users_unless_it_is_named() {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("skipped: it needs root");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("transload.toml");
    fs::write(&file, "no-such-key = 1\n").unwrap();
    chown(folder.path(), Some(54_321), None).unwrap();
    chown(&file, Some(54_321), None).unwrap();
    let check = |invoker: Option<&str>, arguments: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_transload"));
        command.arg("check").args(arguments).current_dir(folder.path()).env_remove("SUDO_UID");
        let output = command.envs(invoker.map(|user| ("SUDO_UID", user))).output().unwrap();
        String::from_utf8(output.stderr).unwrap()
    };
    let said = check(None, &[]);
    assert!(said.contains("transload.toml in this folder is ignored: the file belongs to 54321"), "{said}");
    assert!(!said.contains("no-such-key"), "{said}");
    for said in [check(Some("54321"), &[]), check(None, &["--config", "transload.toml"])] {
        assert!(said.contains("no-such-key") && !said.contains("ignored"), "{said}");
    }
}
