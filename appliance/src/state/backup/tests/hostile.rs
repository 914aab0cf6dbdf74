//! Hostile backups, and folders that are no state.

use std::os::unix::fs::{MetadataExt, symlink};

use sha2::{Digest, Sha256};
use tar::{EntryType, Header};

use super::*;
use crate::state::backup::{CONFIGURATION, TOKEN};
use crate::state::library::manifest::hexadecimal;

const SECRET: &str = "root's own, and long enough";

impl Machine {
    /// A backup with the configuration `text` and a token.
    fn back_up_with(&self, text: &str) -> PathBuf {
        let path = self.folder.path().join("with.tar");
        let texts = [(CONFIGURATION, text), (TOKEN, "a token of sixteen letters")]
            .map(|(name, text)| (name, text.as_bytes().to_vec(), self.config()));
        write::write(
            &mut File::create(&path).unwrap(),
            &self.state(),
            &texts,
            true,
            None,
            &ProgressBar::hidden(),
        )
        .unwrap();
        path
    }

    fn restore_all(&self, file: &Path, state: Option<&Path>) -> Result<(), String> {
        let config = self.config();
        let wanted = RestoreRequest { named: Some(&config), state, configuration: true };
        restore::restore(file, &wanted, drop).map_err(|failure| failure.to_string())
    }

    fn text(&self) -> String {
        fs::read_to_string(self.config()).unwrap()
    }
}

#[test]
fn nothing_is_written_where_the_backup_says() {
    let (old, new) = (Machine::filled(), Machine::new());
    let elsewhere = tempfile::tempdir().unwrap();
    let at = |name: &str| elsewhere.path().join(name);
    fs::write(at("shadow"), SECRET).unwrap();
    fs::create_dir(at("home")).unwrap();
    fs::write(at("home/thesis"), SECRET).unwrap();
    let theirs = format!(
        "# theirs\n[bench]\nstate = {:?} # old\n[admin]\nlisten = \"127.0.0.1:8081\"\ntoken-file = {:?}\n",
        at("home"),
        at("shadow")
    );
    let backup = old.back_up_with(&theirs);
    new.restore_all(&backup, None).unwrap();
    assert_eq!(fs::read_to_string(at("shadow")).unwrap(), SECRET);
    assert_eq!(fs::read_to_string(at("home/thesis")).unwrap(), SECRET);
    assert_eq!(
        (fs::read_dir(at("home")).unwrap().count(), fs::read_dir(elsewhere.path()).unwrap().count()),
        (1, 2)
    );
    assert_eq!(new.has("roster.csv"), old.has("roster.csv"));
    let (text, own) = (new.text(), format!("{:?}", new.state()));
    assert!(text.starts_with("# theirs") && text.contains(&own) && text.contains("8081"), "{text}");
    assert!(!text.contains("shadow") && !text.contains("home"), "{text}");
    assert!(text.contains("# old"), "{text}");
}

#[test]
fn the_token_goes_to_the_present_configurations_place() {
    let (old, new) = (Machine::filled(), Machine::new());
    let token = new.folder.path().join("token");
    fs::write(&token, "the one before, which is kept").unwrap();
    let own = format!("[bench]\nstate = {:?}\n[admin]\ntoken-file = {token:?}\n", new.state());
    fs::write(new.config(), own).unwrap();
    let victim = new.folder.path().join("victim");
    fs::write(&victim, SECRET).unwrap();
    // One configuration lacks the keys, the other has different values.
    for theirs in
        ["[migration]\ndirection = \"m2e\"\n".to_owned(), format!("[admin]\ntoken-file = {victim:?}\n")]
    {
        new.restore_all(&old.back_up_with(&theirs), None).unwrap();
        assert_eq!(fs::read_to_string(&token).unwrap(), "a token of sixteen letters");
        assert_eq!(fs::read_to_string(&victim).unwrap(), SECRET);
        let config = crate::config::Config::load(Some(&new.config())).unwrap();
        assert_eq!((config.bench.state, config.admin.token_file), (new.state(), Some(token.clone())));
    }
}

#[test]
fn a_folder_that_holds_something_else_is_left_as_it_is() {
    let (old, new) = (Machine::filled(), Machine::new());
    for name in [".bashrc", "thesis.odt", "roster.csv"] {
        fs::write(new.state().join(name), SECRET).unwrap();
    }
    let backup = old.back_up(true);
    let why = new.restore(&backup).unwrap_err();
    assert!(
        why.contains("than a state of transload: \".bashrc\", \"thesis.odt\"") && why.contains("--state DIR"),
        "{why}"
    );
    assert_eq!(new.has("roster.csv").as_deref(), Some(SECRET));
    assert_eq!((new.replaced().len(), new.has("firmware/sip88xx.12-5-1SR1-4.loads")), (0, None));
}

#[test]
fn where_no_configuration_is_the_folder_has_to_be_named() {
    let (old, new) = (Machine::filled(), Machine::new());
    fs::remove_file(new.config()).unwrap();
    let backup = old.back_up_with("[migration]\ndirection = \"m2e\"\n");
    let why = new.restore_all(&backup, None).unwrap_err();
    assert!(why.contains("nothing says which state folder") && why.contains("--state DIR"), "{why}");
    assert!(!new.config().exists() && new.has("roster.csv").is_none());
    new.restore_all(&backup, Some(&new.state())).unwrap();
    assert_eq!(new.has("roster.csv"), old.has("roster.csv"));
    let config = crate::config::Config::load(Some(&new.config())).unwrap();
    assert_eq!(config.bench.state, new.state());
}

#[test]
fn a_link_in_the_place_of_a_file_is_not_followed() {
    let (old, new) = (Machine::filled(), Machine::new());
    let outside = new.folder.path().join("outside");
    fs::rename(new.config(), &outside).unwrap();
    symlink(&outside, new.config()).unwrap();
    let (before, backup) = (fs::read(&outside).unwrap(), old.back_up_with("[bench]\n"));
    let why = new.restore_all(&backup, None).unwrap_err();
    assert!(why.contains("it is a link") && why.contains("nothing has changed"), "{why}");
    assert_eq!((fs::read(&outside).unwrap(), new.has("roster.csv")), (before, None));

    // The folders of a restore: for unpacking, and for the verified state.
    let victim = new.folder.path().join("victim");
    fs::create_dir_all(victim.join("new")).unwrap();
    fs::write(victim.join("new/roster.csv"), SECRET).unwrap();
    for name in [".restore.part", ".restore"] {
        symlink(&victim, new.state().join(name)).unwrap();
        drop(new.restore(&backup));
        assert_eq!(fs::read_to_string(victim.join("new/roster.csv")).unwrap(), SECRET, "{name}");
        assert_eq!(fs::read_dir(&victim).unwrap().count(), 1, "{name}");
        fs::remove_file(new.state().join(name)).ok();
    }
}

/// An archive entry: kind, name, content.
type ArchiveEntry<'p> = (EntryType, &'p str, &'p [u8]);

fn archive(path: &Path, firmware: bool, pieces: &[ArchiveEntry<'_>]) {
    let mut file = File::create(path).unwrap();
    let mut index = serde_json::Map::new();
    let mut add = |kind: EntryType, name: &str, content: &[u8]| {
        let mut header = Header::new_gnu();
        // The name is set as bytes, because the crate refuses it.
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(kind);
        header.set_size(content.len() as u64);
        if matches!(kind, EntryType::Symlink | EntryType::Link) {
            header.set_link_name("/etc/passwd").unwrap();
        }
        header.set_cksum();
        let mut bytes = [header.as_bytes().as_slice(), content].concat();
        bytes.resize(bytes.len().next_multiple_of(512), 0);
        std::io::Write::write_all(&mut file, &bytes).unwrap();
    };
    let head = serde_json::json!({"format": 1, "transload": "0.1.0", "ledger": 0,
        "made": "2026-01-01T00:00:00Z", "firmware": firmware});
    add(EntryType::Regular, "backup.json", head.to_string().as_bytes());
    for (kind, name, content) in pieces {
        add(*kind, name, content);
        let sha256 = hexadecimal(&Sha256::digest(content));
        index.insert(
            (*name).to_owned(),
            serde_json::json!({"sha256": sha256, "size": content.len(), "modified": 1}),
        );
    }
    add(EntryType::Regular, "index.json", serde_json::json!({"files": index}).to_string().as_bytes());
}

#[test]
fn only_plain_files_with_a_place_in_a_state_are_taken_from_an_archive() {
    let new = Machine::new();
    let path = new.folder.path().join("hostile.tar");
    let long = vec![b'a'; 100_000];
    let plain = EntryType::Regular;
    let cases: &[(&str, &[ArchiveEntry<'_>])] = &[
        ("a link", &[(EntryType::Symlink, "state/extra/a", b"")]),
        ("a second name", &[(EntryType::Link, "state/roster.csv", b"")]),
        (
            "a link, then through it",
            &[(EntryType::Symlink, "state/extra", b""), (plain, "state/extra/a", b"x")],
        ),
        ("a device", &[(EntryType::Char, "state/roster.csv", b"")]),
        ("a pipe", &[(EntryType::Fifo, "state/roster.csv", b"")]),
        ("a folder", &[(EntryType::Directory, "state/extra", b"")]),
        ("sparse", &[(EntryType::GNUSparse, "state/roster.csv", b"")]),
        ("attributes", &[(EntryType::XHeader, "state/roster.csv", b"30 path=state/../../evil\n")]),
        ("a name without end", &[(EntryType::GNULongName, "././@LongLink", &long)]),
        ("absolute", &[(plain, "/etc/evil", b"x")]),
        ("upwards", &[(plain, "state/extra/../../evil", b"x")]),
        ("outside", &[(plain, "other/evil", b"x")]),
        ("hidden", &[(plain, "state/.restore/new/roster.csv", b"x")]),
        ("hidden below", &[(plain, "state/extra/.ssh/authorized_keys", b"x")]),
        ("a lock", &[(plain, "state/lock", b"1")]),
        ("an earlier state", &[(plain, "state/replaced-1/roster.csv", b"1")]),
        ("a folder for a file", &[(plain, "state/roster.csv/a", b"x")]),
        ("a file for a folder", &[(plain, "state/licenses", b"x")]),
        ("firmware that is not announced", &[(plain, "state/firmware/a.sbn", b"x")]),
        ("twice", &[(plain, "state/roster.csv", b"x"), (plain, "state/roster.csv", b"x")]),
        ("the configuration as a link", &[(EntryType::Symlink, "configuration/transload.toml", b"")]),
    ];
    for (what, pieces) in cases {
        archive(&path, false, pieces);
        let why = new.restore(&path).expect_err(what);
        assert!(why.contains("damaged") || why.contains("no backup"), "{what}: {why}");
        let mut names: Vec<_> =
            fs::read_dir(new.state()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.retain(|name| name != "lock" && name != "import.lock");
        assert!(names.is_empty(), "{what}: {names:?}");
    }
    archive(
        &path,
        true,
        &[(plain, "state/roster.csv", b"x"), (plain, "state/notes.txt", b"of an older release")],
    );
    new.restore(&path).unwrap();
    assert_eq!((new.has("roster.csv").as_deref(), new.has("notes.txt")), (Some("x"), None));
    assert_eq!(new.state().join("roster.csv").metadata().unwrap().mode() & 0o777, 0o644);
}

#[test]
fn a_backup_takes_what_is_a_state_and_follows_no_link_within_it() {
    let old = Machine::filled();
    fs::write(old.state().join("thesis.odt"), SECRET).unwrap();
    symlink("/etc", old.state().join("extra/etc")).unwrap();
    symlink("/etc/passwd", old.state().join("extra/passwd")).unwrap();
    nix::unistd::mkfifo(&old.state().join("extra/pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let new = Machine::new();
    new.restore(&old.back_up(true)).unwrap();
    let extra: Vec<_> =
        fs::read_dir(new.state().join("extra")).unwrap().flatten().map(|e| e.file_name()).collect();
    assert_eq!((extra, new.has("thesis.odt")), (vec!["French_France".into()], None));
}
