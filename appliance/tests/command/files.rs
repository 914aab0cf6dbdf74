//! Files put in place by hand that are no plain files.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::bench::{BenchFolder, Ran, free_port, serve};

const ON_LOOPBACK: &str = "interface = \"lo\"\n[dhcp]\nenabled = false";
/// Longer than any command takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs the program with 1 GB of address space, and fails if it hangs.
fn run_bounded(bench: &BenchFolder, arguments: &[&str]) -> Ran {
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

/// Puts something else in place of a file, and returns the expected message.
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
    let bench = BenchFolder::new(ON_LOOPBACK);
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
    let bench = BenchFolder::new(ON_LOOPBACK);
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
    let bench = BenchFolder::new(ON_LOOPBACK);
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
    let bench = BenchFolder::new("");
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

/// Mounts a disk of 16 MB as the state folder; `None` without the privilege.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(bench: &BenchFolder) -> Option<Self> {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=16m", "tmpfs"]).arg(bench.state());
        let mounted = mount.output().is_ok_and(|output| output.status.success());
        assert!(mounted || std::env::var_os("CI").is_none(), "this test mounts a tmpfs and needs root");
        mounted.then(|| Self(bench.state()))
    }

    fn free(&self) -> u64 {
        let disk = nix::sys::statvfs::statvfs(&self.0).unwrap();
        disk.blocks_available() * disk.fragment_size()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(&self.0).status());
    }
}

/// A compressed tape archive of one component of zeros.
fn package(path: &Path, megabytes: u64) {
    let script = format!(
        "cd {} && head -c {megabytes}M /dev/zero > rootfs.a.sbn && tar czf {} rootfs.a.sbn && rm rootfs.a.sbn",
        path.parent().unwrap().display(),
        path.display()
    );
    assert!(Command::new("/bin/sh").args(["-c", &script]).status().unwrap().success());
}

#[test]
fn an_import_leaves_free_what_the_ledger_needs() {
    let bench = BenchFolder::new(ON_LOOPBACK);
    let Some(disk) = SmallDisk::mount(&bench) else { return };
    let at = |name: &str| bench.folder.path().join(name);
    fs::File::create(at("large.sbn")).unwrap().set_len(15 << 20).unwrap();
    package(&at("large.tar.gz"), 15);
    package(&at("small.tar.gz"), 1);
    for name in ["large.sbn", "large.tar.gz"] {
        let ran = bench.run(&["import", at(name).to_str().unwrap()]);
        assert_eq!(ran.code, Some(1), "{ran:?}");
        for part in
            ["there is no room", "are free", "must stay free for leases and the ledger", " cure: make room"]
        {
            assert!(ran.err.contains(part), "{name}: {ran:?}");
        }
        assert!(disk.free() > 15 << 20, "{name}: something was left behind");
    }
    let ran = bench.run(&["import", at("small.tar.gz").to_str().unwrap()]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
}

#[test]
fn an_upload_leaves_free_what_the_ledger_needs() {
    let bench = BenchFolder::new(ON_LOOPBACK);
    let Some(disk) = SmallDisk::mount(&bench) else { return };
    let _serving = serve(&bench);
    let text = fs::read_to_string(&bench.config).unwrap();
    let (_, rest) = text.split_once("[admin]\nlisten = \"").unwrap();
    let (address, _) = rest.split_once('"').unwrap();
    let send = |framing: &str, chunked: bool| {
        let mut stream = TcpStream::connect(address).unwrap();
        let head = format!("POST /api/import?name=a.sbn HTTP/1.0\r\nHost: {address}\r\n{framing}\r\n\r\n");
        let head = if chunked { head.replace("HTTP/1.0", "HTTP/1.1") } else { head };
        stream.write_all(head.as_bytes()).unwrap();
        let mut least = u64::MAX;
        for _ in 0..15 {
            let sent = if chunked {
                [b"100000\r\n".as_slice(), &vec![0; 1 << 20], b"\r\n"].concat()
            } else {
                vec![0; 1 << 20]
            };
            // The program refuses the upload before its end.
            if stream.write_all(&sent).is_err() {
                break;
            }
            least = least.min(disk.free());
        }
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).ok();
        (least, String::from_utf8_lossy(&answer).into_owned())
    };
    // The response may be lost if the connection ends early; the disk shows the result.
    let (least, answer) = send(&format!("Content-Length: {}", 15 << 20), false);
    assert!(least > 1 << 20 && (answer.is_empty() || answer.contains("no room")), "{least} {answer}");
    let (least, answer) = send("Transfer-Encoding: chunked", true);
    assert!(least > 1 << 20 && (answer.is_empty() || answer.contains("no room")), "{least} {answer}");
}

#[test]
fn hidden_characters_of_a_roster_or_a_name_reach_nobody() {
    let bench = BenchFolder::new(ON_LOOPBACK);
    let roster = "MAC,model,location,note,serial\n001234AB4501,8851,\"Room\u{202e}1\u{1b}[2J\",\u{2066}n\u{200f},\u{61c}F1\n";
    fs::write(bench.state().join("roster.csv"), roster).unwrap();
    let file = bench.folder.path().join("a\u{202e}sbn.csv");
    fs::write(&file, "mac,note\n001234AB4502,\u{202e}x\n").unwrap();
    fs::write(bench.state().join("firmware/b\u{202e}nbs.sbn"), "x").unwrap();
    let imported = bench.run(&["import", file.to_str().unwrap()]);
    let commands: [&[&str]; 8] = [
        &["check"],
        &["check", "--json"],
        &["status"],
        &["status", "--json"],
        &["report", "--format", "csv"],
        &["report", "--format", "html"],
        &["report", "--format", "json"],
        &["hold", "001234AB4501"],
    ];
    let mut said = vec![imported];
    said.extend(commands.map(|command| bench.run(command)));
    for ran in &said {
        let hidden = ran.out.chars().chain(ran.err.chars()).find(|letter| {
            letter.is_control() && *letter != '\n' && *letter != '\r'
                || matches!(letter, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        });
        assert_eq!(hidden, None, "{ran:?}");
    }
    assert!(said.iter().any(|ran| ran.out.contains("Room1 [2J")), "{said:?}");
    assert!(fs::read_to_string(bench.state().join("roster.csv")).unwrap().contains("001234AB4502"));
}
