//! Real clients behind a wire that loses, doubles and reorders.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod common;
#[path = "common/proxy.rs"]
mod proxy;
#[path = "common/running.rs"]
mod running;

use std::{
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

use common::{MemorySource, noise};
use proxy::{Proxy, ProxyFaults};
use running::Running;
use transload_tftp::TftpConfig;

/// One percent of everything, both ways.
const TROUBLE: ProxyFaults = ProxyFaults { lost: 10, doubled: 10, reordered: 10, seed: 0 };

/// Whether a program is there. If not, that is said past the capturing of output; in CI it is a failure.
fn installed(program: &str) -> bool {
    let found = std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(program).is_file()));
    if !found {
        assert!(std::env::var_os("CI").is_none(), "{program} is not installed");
        let _ = writeln!(std::io::stderr(), "SKIPPED: {program} is not installed");
    }
    found
}

/// Lets `command` fetch the file "f" of `size` bytes through trouble into `out`, and compares.
fn fetches(
    what: &str,
    size: usize,
    trouble: ProxyFaults,
    file: &MemorySource,
    command: impl FnOnce(&Path, u16) -> Command,
) {
    eprintln!("{what}: {size} bytes, {trouble:?}");
    let running = Running::start(&[("f", file.clone())], TftpConfig::default());
    let proxy = Proxy::start(running.address, trouble);
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let mut command = command(&out, proxy.address.port());
    let output = command.stdin(Stdio::null()).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    let got = std::fs::read(&out).unwrap_or_default();
    assert!(
        got == *file.bytes,
        "{what}, {trouble:?}: {} of {size} bytes, {} {told}",
        got.len(),
        output.status
    );
}

fn curl(options: &[&str], out: &Path, port: u16) -> Command {
    let mut command = Command::new("curl");
    command
        .args(["-s", "-S", "-m", "120", "-o"])
        .arg(out)
        .args(options)
        .arg(format!("tftp://127.0.0.1:{port}/f"));
    command
}

fn atftp(options: &[&str], out: &Path, port: u16) -> Command {
    let mut command = Command::new("atftp");
    for option in options {
        command.args(["--option", option]);
    }
    command.args(["-g", "-r", "f", "-l"]).arg(out).args(["127.0.0.1", &port.to_string()]);
    command
}

#[test]
fn t07_t09_t16_t18_curl_gets_every_byte() {
    if !installed("curl") {
        return;
    }
    // With options, curl asks for a timeout of 6 s, and gets it: there, each loss takes that long.
    for (size, options) in [(100_000, &["--tftp-blksize", "1428"][..]), (300_000, &["--tftp-no-options"])] {
        let file = MemorySource::new(noise(size, 21));
        fetches(&format!("curl {options:?}"), size, TROUBLE, &file, |out, port| curl(options, out, port));
    }
}

#[test]
fn t07_t09_t16_t19_t21_atftp_gets_every_byte() {
    if !installed("atftp") {
        return;
    }
    let size = 300_000;
    let file = MemorySource::new(noise(size, 22));
    for (number, options) in
        [&["blksize 1428"][..], &[], &["windowsize 8"], &["blksize 1024", "timeout 1"]].iter().enumerate()
    {
        let trouble = ProxyFaults { seed: 10 + number as u64, ..TROUBLE };
        fetches(&format!("atftp {options:?}"), size, trouble, &file, |out, port| atftp(options, out, port));
    }
}

#[test]
fn t07_t09_t10_tftp_hpa_gets_every_byte() {
    if !installed("tftp") {
        return;
    }
    let size = 200_000;
    let file = MemorySource::new(noise(size, 23));
    fetches("tftp-hpa", size, ProxyFaults { seed: 20, ..TROUBLE }, &file, |out, port| {
        let mut command = Command::new("tftp");
        command.args(["-4", "-m", "octet", "127.0.0.1", &port.to_string(), "-c", "get", "f"]).arg(out);
        command
    });
}

#[test]
fn t21_t22_atftp_gets_a_file_past_the_rollover() {
    if !installed("atftp") {
        return;
    }
    let size = 8 * 66_000;
    let file = MemorySource::new(noise(size, 24));
    let trouble = ProxyFaults { lost: 1, doubled: 1, reordered: 1, seed: 30 };
    fetches("atftp, blocks of 8", size, trouble, &file, |out, port| {
        atftp(&["blksize 8", "windowsize 16"], out, port)
    });
}
