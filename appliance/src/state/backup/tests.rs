mod hostile;

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use indicatif::ProgressBar;
use transload_provision::mac::Mac;
use transload_provision::time::Time;

use super::RestoreRequest;
use super::exchange::{self, READY};
use super::{restore, write};
use crate::state::ledger::{self, Ledger, Record};
use crate::state::state_lock;

const TOLD: &str = r#"{"at":7}"#;

/// Collects observations from a ledger.
#[derive(Default)]
struct ReplayedFacts(Vec<String>);

impl ledger::Replay for ReplayedFacts {
    fn snapshot(&mut self, _: Mac, _: &str) -> bool {
        false
    }

    fn snapshot_before(&mut self, _: Mac, _: &str) {}

    fn observation(&mut self, _: Mac, json: &str, _: bool) {
        self.0.push(json.to_owned());
    }

    fn forgotten(&mut self, _: Mac, _: Time) {}
}

/// A box with a state folder and a configuration.
struct Machine {
    folder: tempfile::TempDir,
}

impl Machine {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let machine = Self { folder };
        fs::create_dir(machine.state()).unwrap();
        let text = format!("[bench]\nstate = {:?}\n", machine.state());
        fs::write(machine.config(), text).unwrap();
        machine
    }

    fn filled() -> Self {
        let machine = Self::new();
        for (name, content) in [
            ("roster.csv", "mac\n001234AB45DE\n"),
            ("firmware/sip88xx.12-5-1SR1-4.loads", "loads"),
            ("licenses/e2m/001234AB45DE.lic", "license"),
            ("extra/French_France/be-sip.jar", "locale"),
            ("firmware/.import/1", "half an import"),
            ("replaced-2026-01-01T00-00-00Z/roster.csv", "long ago"),
        ] {
            let path = machine.state().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        machine
    }

    fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    fn config(&self) -> PathBuf {
        self.folder.path().join("transload.toml")
    }

    fn has(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.state().join(name)).ok()
    }

    /// Writes a fact to the ledger, which stays open while the result is kept.
    fn tell(&self, json: &str) -> Ledger {
        let ledger = Ledger::open(&self.state().join("ledger.db")).unwrap().replay(&mut ()).unwrap();
        let mac = "001234AB45DE".parse().unwrap();
        let ticket = ledger.append(vec![Record::Observation { mac, at: Time(7), json: json.to_owned() }]);
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(ticket).unwrap();
        ledger
    }

    fn told(&self) -> Vec<String> {
        let mut told = ReplayedFacts::default();
        ledger::read(&self.state().join("ledger.db"), &mut told).unwrap();
        told.0
    }

    fn back_up(&self, firmware: bool) -> PathBuf {
        let path = self.folder.path().join("backup.tar");
        let mut file = File::create(&path).unwrap();
        write::write(&mut file, &self.state(), &[], firmware, None, &ProgressBar::hidden()).unwrap();
        path
    }

    fn restore(&self, file: &Path) -> Result<(), String> {
        let config = self.config();
        let wanted = RestoreRequest { named: Some(&config), state: None, configuration: false };
        restore::restore(file, &wanted, drop).map_err(|failure| failure.to_string())
    }

    fn replaced(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.state()).unwrap().map(|entry| entry.unwrap().path());
        entries.filter(|path| path.to_string_lossy().contains("/replaced-")).collect()
    }
}

#[test]
fn all_that_was_there_is_there_again_on_another_box_and_what_was_on_that_is_kept() {
    let (old, new) = (Machine::filled(), Machine::new());
    // A running bench's latest record is included.
    let running = old.tell(TOLD);
    let backup = old.back_up(true);
    drop(running);
    drop(new.tell("{}"));
    fs::write(new.state().join("roster.csv"), "another").unwrap();

    new.restore(&backup).unwrap();
    assert_eq!(new.told(), [TOLD]);
    for name in [
        "roster.csv",
        "firmware/sip88xx.12-5-1SR1-4.loads",
        "licenses/e2m/001234AB45DE.lic",
        "extra/French_France/be-sip.jar",
    ] {
        assert_eq!(new.has(name), old.has(name), "{name}");
        let modified = |machine: &Machine| machine.state().join(name).metadata().unwrap().modified().unwrap();
        assert_eq!(modified(&new), modified(&old), "{name}");
    }
    assert_eq!(new.has("firmware/.import/1"), None);
    let [kept] = new.replaced().try_into().unwrap();
    assert_eq!(fs::read_to_string(kept.join("roster.csv")).unwrap(), "another");
    assert_eq!(ledger::examine(&kept.join("ledger.db")).unwrap(), ledger::VERSION);
}

#[test]
fn a_backup_without_firmware_leaves_firmware_alone() {
    let (old, new) = (Machine::filled(), Machine::new());
    fs::write(old.state().join("manifest.json"), manifest(&["old.loads", "licenses/e2m/001234AB45DE"]))
        .unwrap();
    fs::write(new.state().join("manifest.json"), manifest(&["new.loads", "licenses/e2m/001234000000"]))
        .unwrap();
    fs::create_dir(new.state().join("firmware")).unwrap();
    fs::write(new.state().join("firmware/new.loads"), "here").unwrap();
    new.restore(&old.back_up(false)).unwrap();
    assert_eq!(new.has("firmware/new.loads").as_deref(), Some("here"));
    assert_eq!(new.has("firmware/sip88xx.12-5-1SR1-4.loads"), None);
    let manifest = new.has("manifest.json").unwrap();
    let known = ["new.loads", "old.loads", "001234AB45DE", "001234000000"].map(|key| manifest.contains(key));
    assert_eq!(known, [true, false, true, false], "{manifest}");
}

fn manifest(keys: &[&str]) -> String {
    let known = r#"{"sha256":"00","size":1,"modified":0,"since":"2026-01-01T00:00:00Z"}"#;
    let files: Vec<String> = keys.iter().map(|key| format!("{key:?}:{known}")).collect();
    format!("{{\"files\":{{{}}}}}", files.join(","))
}

#[test]
fn a_damaged_backup_is_refused_wherever_the_damage_is() {
    let (old, new) = (Machine::filled(), Machine::new());
    fs::write(old.state().join("firmware/large"), vec![7; 5000]).unwrap();
    drop(old.tell(TOLD));
    let backup = old.back_up(true);
    let whole = fs::read(&backup).unwrap();
    let damaged = new.folder.path().join("damaged.tar");
    let refused = |content: &[u8], what: &str| {
        fs::write(&damaged, content).unwrap();
        let why = new.restore(&damaged).expect_err(what);
        assert!(why.contains("damaged"), "{what}: {why}");
        assert_eq!(new.replaced(), [] as [PathBuf; 0], "{what}");
    };
    // Only padding follows the index.
    for end in (0..whole.len() - 1536).step_by(511) {
        refused(&whole[..end], &format!("cut off at {end}"));
    }
    let inside = whole.windows(7).position(|window| window == b"license").unwrap();
    let of_large = whole.windows(64).position(|window| window == [7; 64]).unwrap();
    for at in [inside, of_large, of_large + 4000] {
        let mut content = whole.clone();
        content[at] ^= 1;
        refused(&content, &format!("another byte at {at}"));
    }
    new.restore(&backup).unwrap();
}

#[test]
fn what_a_newer_release_wrote_is_refused_and_a_running_bench_is_left_alone() {
    let (old, new) = (Machine::filled(), Machine::new());
    drop(old.tell(TOLD));
    let backup = old.back_up(true);
    let text = fs::read(&backup).unwrap();
    let version = format!("\"ledger\": {}", ledger::VERSION);
    let at = text.windows(version.len()).position(|window| window == version.as_bytes()).unwrap();
    let newer = new.folder.path().join("newer.tar");
    let mut content = text.clone();
    content[at + version.len() - 1] = b'9';
    fs::write(&newer, &content).unwrap();
    let why = new.restore(&newer).unwrap_err();
    assert!(why.contains("newer release") && why.contains("ledger version 9"), "{why}");

    let lock = state_lock::lock(&new.state()).unwrap();
    let why = new.restore(&backup).unwrap_err();
    assert!(why.contains("in use") && why.contains("stop"), "{why}");
    drop(lock);
    new.restore(&backup).unwrap();
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    let (old, new) = (Machine::filled(), Machine::new());
    let mut content = fs::read(old.back_up(true)).unwrap();
    // A name of equal length, with a matching header checksum.
    let (from, to) = (b"state/roster.csv", b"state/../ster.cs");
    let at = content.windows(from.len()).position(|window| window == from).unwrap();
    let sum = |text: &[u8]| text.iter().map(|octet| u64::from(*octet)).sum::<u64>();
    let before = std::str::from_utf8(&content[at + 148..at + 155]).unwrap();
    let checksum = u64::from_str_radix(before.trim_matches(['\0', ' ']), 8).unwrap() + sum(to) - sum(from);
    content[at..at + to.len()].copy_from_slice(to);
    content[at + 148..at + 155].copy_from_slice(format!("{checksum:07o}").as_bytes());
    let hostile = new.folder.path().join("hostile.tar");
    fs::write(&hostile, content).unwrap();
    let why = new.restore(&hostile).unwrap_err();
    assert!(why.contains("no place"), "{why}");
    assert!(!new.folder.path().join("ster.cs").exists());
}

/// After a power cut at any moment, the next start produces one whole state.
#[test]
fn a_restore_that_was_cut_short_is_completed() {
    let names = ["ledger.db", "roster.csv", "extra"];
    for cleared in [false, true] {
        for moved in 0..=names.len() {
            let machine = Machine::new();
            let state = machine.state();
            let (new, old) = (state.join(READY).join("new"), state.join(READY).join("old"));
            fs::create_dir_all(&new).unwrap();
            fs::create_dir_all(&old).unwrap();
            for (place, name) in names.iter().enumerate() {
                let done = place < moved;
                let (here, there) = if cleared { (&state, &new) } else { (&old, &state) };
                fs::write(if done { here } else { there }.join(name), if cleared { "new" } else { "old" })
                    .unwrap();
                let (path, content) = if cleared { (old.join(name), "old") } else { (new.join(name), "new") };
                fs::write(path, content).unwrap();
            }
            if cleared {
                fs::write(state.join(READY).join("cleared"), "").unwrap();
            }
            let kept = exchange::finish(&state).unwrap().unwrap();
            for name in names {
                assert_eq!(machine.has(name).as_deref(), Some("new"), "{name}, {cleared}, {moved}");
                assert_eq!(fs::read_to_string(kept.join(name)).unwrap(), "old", "{name}, {cleared}, {moved}");
            }
            assert_eq!(exchange::finish(&state).unwrap(), None);
        }
    }
}
