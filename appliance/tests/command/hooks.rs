//! Programs under `[hooks]` run without privileges and without a shell.

use std::fs;
use std::os::unix::fs::chown;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use super::bench::{BenchFolder, serve_by};

const NOBODY: u32 = 65_534;

fn give_away(folder: &Path) {
    chown(folder, Some(NOBODY), None).unwrap();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        chown(entry.path(), Some(NOBODY), None).unwrap();
        if entry.path().is_dir() {
            give_away(&entry.path());
        }
    }
}

/// Runs like the service: as its own user, with inheritable capabilities.
#[test]
fn a_hook_has_no_capability_no_socket_and_no_word_of_the_service_manager() {
    if !nix::unistd::geteuid().is_root() || Command::new("setpriv").arg("--version").output().is_err() {
        assert!(std::env::var_os("CI").is_none(), "this test needs root and setpriv");
        return;
    }
    let bench = BenchFolder::new("");
    let said = bench.folder.path().join("said");
    let script = format!(
        "{{ cat /proc/self/status; ls -l /proc/self/fd; env; }} > {0}.part; mv {0}.part {0}",
        said.display()
    );
    bench.configure(&format!(
        "interface = \"lo\"\n[dhcp]\nenabled = false\n[hooks]\nstage = [\"/bin/sh\", \"-c\", \"{script}\"]"
    ));
    bench.roster("001234AB4501,8851,V05\n");
    give_away(bench.folder.path());
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid", "65534", "--clear-groups", "--inh-caps", "+net_raw", "--ambient-caps", "+net_raw"])
        .arg(env!("CARGO_BIN_EXE_transload"))
        .env("NOTIFY_SOCKET", "/nowhere");
    let _serving = serve_by(command, &bench);
    let ran = bench.run(&["hold", "001234AB4501"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let began = Instant::now();
    while !said.exists() {
        assert!(began.elapsed() < Duration::from_secs(60), "the hook did not run");
        std::thread::sleep(Duration::from_millis(20));
    }
    let said = fs::read_to_string(said).unwrap();
    for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
        assert!(said.contains(&format!("{set}:\t0000000000000000\n")), "{said}");
    }
    assert!(!said.contains("socket:[") && !said.contains("NOTIFY_SOCKET"), "{said}");
}

#[test]
fn free_text_does_not_become_a_program_or_a_part_of_a_script() {
    let bench = BenchFolder::new("");
    for (hook, why) in [
        (r#"["{location}"]"#, "the program itself is a placeholder"),
        (r#"["/bin/sh", "-c", "logger {location}"]"#, "would be run as part of the script"),
    ] {
        bench.configure(&format!("[hooks]\nstage = {hook}"));
        let ran = bench.run(&["check"]);
        assert!(ran.code == Some(2) && ran.err.contains(why), "{ran:?}");
    }
}
