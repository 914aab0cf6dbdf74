//! Files that somebody put in place by hand, and that are no plain files.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::bench::{Bench, Ran, free_port};

const ON_LOOPBACK: &str = "interface = \"lo\"\n[dhcp]\nenabled = false";
/// Longer than any of these commands takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs the program with 1 GB of address space, and fails where it has not ended by itself.
fn run_bounded(bench: &Bench, arguments: &[&str]) -> Ran {
    let (out, err) = (bench.folder.path().join("out"), bench.folder.path().join("err"));
    let mut process = Command::new("/bin/sh")
        .args(["-c", "ulimit -v 1000000; exec \"$@\"", "sh", env!("CARGO_BIN_EXE_transload")])
        .args(arguments)
        .args(["--config", bench.config.to_str().unwrap()])
        .stdin(Stdio::null())
        .stdout(fs::File::create(&out).unwrap())
        .stderr(fs::File::create(&err).unwrap())
        .spawn()
        .unwrap();
    let began = Instant::now();
    let status = loop {
        match process.try_wait().unwrap() {
            Some(status) => break status,
            None if began.elapsed() > PATIENCE => {
                process.kill().unwrap();
                process.wait().unwrap();
                panic!("{arguments:?} did not end");
            }
            None => std::thread::sleep(Duration::from_millis(10)),
        }
    };
    let text = |path| fs::read_to_string(path).unwrap();
    Ran { code: status.code(), out: text(&out), err: text(&err) }
}

fn pipe(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

/// Each thing in the place of a file, and what is said of it.
fn put(what: &str, path: &Path) -> &'static str {
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir(path).unwrap(),
        Ok(_) => fs::remove_file(path).unwrap(),
        Err(_) => {}
    }
    match what {
        "pipe" => {
            pipe(path);
            "it is a pipe, not a plain file"
        }
        "device" => {
            symlink("/dev/zero", path).unwrap();
            "it is a device, not a plain file"
        }
        "folder" => {
            fs::create_dir(path).unwrap();
            "it is a folder, not a plain file"
        }
        _ => {
            fs::File::create(path).unwrap().set_len(1 << 40).unwrap();
            "it is larger than"
        }
    }
}

const THINGS: [&str; 4] = ["pipe", "device", "folder", "huge"];

#[test]
fn a_roster_a_catalog_or_a_configuration_that_is_no_plain_file_is_told_at_once() {
    let bench = Bench::new(ON_LOOPBACK);
    for name in ["roster.csv", "catalog.toml"] {
        let path = bench.state().join(name);
        for what in THINGS {
            let said = put(what, &path);
            let ran = run_bounded(&bench, &["check"]);
            assert!(ran.code == Some(2) && ran.err.contains(said), "{name}, {what}: {ran:?}");
            assert!(ran.err.contains(name) && ran.err.contains(" cure: "), "{name}, {what}: {ran:?}");
        }
        fs::remove_file(&path).unwrap();
    }
    for what in THINGS {
        let said = put(what, &bench.config);
        let ran = run_bounded(&bench, &["check"]);
        assert!(ran.code == Some(2) && ran.err.contains(said), "configuration, {what}: {ran:?}");
    }
}

#[test]
fn a_manifest_or_firmware_that_is_no_plain_file_is_told_and_the_rest_goes_on() {
    let bench = Bench::new(ON_LOOPBACK);
    for what in THINGS {
        let said = put(what, &bench.state().join("manifest.json"));
        let ran = run_bounded(&bench, &["check"]);
        assert!(ran.code.is_some() && ran.out.contains(said), "manifest, {what}: {ran:?}");
    }
    fs::remove_file(bench.state().join("manifest.json")).unwrap();
    fs::create_dir_all(bench.state().join("licenses/e2m")).unwrap();
    for name in ["firmware/sip88xx.12-8-1.loads", "firmware/a.sbn", "licenses/e2m/001234AB45DE.lic"] {
        let path = bench.state().join(name);
        for what in ["pipe", "device", "huge"] {
            put(what, &path);
            for arguments in [&["check"][..], &["check", "--verify"]] {
                let ran = run_bounded(&bench, arguments);
                assert!(ran.code.is_some(), "{name}, {what}: {ran:?}");
                let file = path.file_name().unwrap().to_str().unwrap();
                assert!(ran.out.contains(file), "{name}, {what}: {ran:?}");
            }
        }
        fs::remove_file(&path).unwrap();
    }
}

#[test]
fn a_token_file_that_is_no_plain_file_ends_a_command_at_once() {
    let bench = Bench::new(ON_LOOPBACK);
    let token = bench.folder.path().join("token");
    let text = format!(
        "[bench]\ninterface = \"lo\"\nstate = {:?}\n[dhcp]\nenabled = false\n[admin]\nlisten = \"127.0.0.1:{}\"\ntoken-file = {token:?}\n",
        bench.state(),
        free_port()
    );
    fs::write(&bench.config, text).unwrap();
    for what in THINGS {
        let said = put(what, &token);
        let ran = run_bounded(&bench, &["serve"]);
        assert!(ran.code == Some(2) && ran.err.contains(said), "{what}: {ran:?}");
    }
}

#[test]
fn an_import_reads_plain_files_only_and_follows_no_link_in_a_folder() {
    let bench = Bench::new("");
    let drop = bench.folder.path().join("drop");
    fs::create_dir(&drop).unwrap();
    pipe(&drop.join("a.csv"));
    pipe(&drop.join("b.loads"));
    fs::File::create(drop.join("c.csv")).unwrap().set_len(1 << 40).unwrap();
    symlink("/dev/zero", drop.join("d.sbn")).unwrap();
    symlink("/etc/passwd", drop.join("e.csv")).unwrap();
    fs::write(drop.join("f.csv"), "mac\n001234AB45DE\n").unwrap();
    let ran = run_bounded(&bench, &["import", drop.to_str().unwrap()]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert_eq!(fs::read_to_string(bench.state().join("roster.csv")).unwrap(), "mac\n001234AB45DE\n");
    for name in ["a.csv", "b.loads", "c.csv", "d.sbn", "e.csv"] {
        assert!(ran.out.contains(name), "{name}: {ran:?}");
    }
    let ran = run_bounded(&bench, &["import", drop.join("a.csv").to_str().unwrap()]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
}
