//! Chooses the configuration file if none is named. Root takes none that other users could have written.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::unistd::{Gid, Group, Uid, User, geteuid};

/// The file in the current folder.
pub const HERE: &str = "transload.toml";
/// The file of the system.
pub const SYSTEM: &str = "/etc/transload/transload.toml";
/// Write permission for group and others.
const OTHERS_WRITE: u32 = 0o022;

/// The file that applies, and a note about the choice for the user.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ChosenFile {
    /// `None` where there is no file: the built-in defaults apply.
    pub path: Option<PathBuf>,
    /// A file that was passed over, or that hides another.
    pub note: Option<String>,
}

/// Chooses the file. `named` is the value of `--config` and always applies.
pub fn choose(named: Option<&Path>) -> ChosenFile {
    let invoker = std::env::var("SUDO_UID").ok().and_then(|text| text.parse().ok()).map(Uid::from_raw);
    let trusted = geteuid().is_root().then(|| [Some(Uid::from_raw(0)), invoker]);
    match named {
        Some(path) => ChosenFile { path: Some(path.to_owned()), note: None },
        None => {
            among(Path::new(HERE), Path::new(SYSTEM), trusted.map(|of| of.into_iter().flatten().collect()))
        }
    }
}

/// The system's file alone, for a program that has given up root's rights and cannot judge the current folder any more.
pub fn system() -> ChosenFile {
    ChosenFile { path: Some(PathBuf::from(SYSTEM)).filter(|path| path.exists()), note: None }
}

/// `trusted` are the users whose file root takes from `here`; `None` for other users than root.
fn among(here: &Path, system: &Path, trusted: Option<Vec<Uid>>) -> ChosenFile {
    let of_system = Some(system.to_owned()).filter(|path| path.exists());
    if fs::symlink_metadata(here).is_err() {
        return ChosenFile { path: of_system, note: None };
    }
    let Some(trusted) = trusted else { return ChosenFile { path: Some(here.to_owned()), note: None } };
    match distrust(here, &trusted) {
        Some(why) => {
            let shown = here.display();
            let note = format!(
                "{shown} in this folder is ignored: {why}; if it is the right one, use --config {shown}"
            );
            ChosenFile { path: of_system, note: Some(note) }
        }
        None => ChosenFile {
            note: of_system.map(|path| {
                format!("{} in this folder is used, and {} is not", here.display(), path.display())
            }),
            path: Some(here.to_owned()),
        },
    }
}

/// The reason to distrust a file, if another user could have written or replaced it.
fn distrust(file: &Path, trusted: &[Uid]) -> Option<String> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match (fs::symlink_metadata(file), fs::metadata(folder)) {
        (Ok(file), _) if file.is_symlink() => Some("it is a link".to_owned()),
        (Ok(file), Ok(folder)) => {
            distrust_of("the file", &file, trusted).or_else(|| distrust_of("the folder", &folder, trusted))
        }
        (Err(error), _) | (_, Err(error)) => Some(format!("it cannot be judged ({error})")),
    }
}

fn distrust_of(what: &str, metadata: &Metadata, trusted: &[Uid]) -> Option<String> {
    let owner = Uid::from_raw(metadata.uid());
    if !trusted.contains(&owner) {
        let name = User::from_uid(owner).ok().flatten().map_or_else(|| owner.to_string(), |user| user.name);
        return Some(format!("{what} belongs to {name}"));
    }
    let group_alone = metadata.mode() & OTHERS_WRITE == 0o020;
    let private = group_alone && is_private(Gid::from_raw(metadata.gid()), owner);
    (metadata.mode() & OTHERS_WRITE != 0 && !private).then(|| format!("other users may write to {what}"))
}

/// Whether a group has no member but its user, as where each user has a group of the same name.
fn is_private(group: Gid, user: Uid) -> bool {
    let (Ok(Some(group)), Ok(Some(user))) = (Group::from_gid(group), User::from_uid(user)) else {
        return false;
    };
    group.name == user.name && group.gid == user.gid && group.mem.iter().all(|member| *member == user.name)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, chown, symlink};

    use super::*;

    fn mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn anybody_but_root_uses_the_file_of_the_current_folder_first() {
        let folder = tempfile::tempdir().unwrap();
        let (here, system) = (folder.path().join("here.toml"), folder.path().join("system.toml"));
        assert_eq!(among(&here, &system, None), ChosenFile::default());
        fs::write(&system, "").unwrap();
        assert_eq!(among(&here, &system, None).path, Some(system.clone()));
        fs::write(&here, "").unwrap();
        mode(&here, 0o666);
        assert_eq!(among(&here, &system, None), ChosenFile { path: Some(here), note: None });
    }

    #[test]
    fn root_takes_a_file_only_from_itself_or_the_user_that_invoked_sudo() {
        if !geteuid().is_root() {
            eprintln!("skipped: it needs root");
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let [one, other] = ["one", "other"].map(|name| folder.path().join(name));
        fs::create_dir(&one).unwrap();
        fs::write(&other, "").unwrap();
        let (here, system) = (one.join("transload.toml"), folder.path().join("system.toml"));
        fs::write(&here, "").unwrap();
        fs::write(&system, "").unwrap();
        let chosen = |invoker: Option<u32>| {
            let trusted = std::iter::once(0).chain(invoker).map(Uid::from_raw).collect();
            let choice = among(&here, &system, Some(trusted));
            (choice.path == Some(here.clone()), choice.note.unwrap_or_default())
        };
        let (used, note) = chosen(None);
        assert!(used && note.contains("is used") && note.contains("system.toml is not"), "{note}");

        let refused = |invoker, why: &str| {
            let (used, note) = chosen(invoker);
            assert!(!used && note.contains(why) && note.contains("--config"), "{note}");
        };
        mode(&here, 0o646);
        refused(None, "other users may write to the file");
        mode(&here, 0o644);
        mode(&one, 0o1777);
        refused(None, "other users may write to the folder");
        mode(&one, 0o755);
        chown(&here, Some(54_321), None).unwrap();
        refused(None, "the file belongs to 54321");
        refused(Some(54_322), "the file belongs to 54321");
        chown(&one, Some(54_321), None).unwrap();
        assert!(chosen(Some(54_321)).0);
        chown(&here, Some(0), None).unwrap();
        refused(None, "the folder belongs to 54321");
        assert!(chosen(Some(54_321)).0);
        // A user's own group, as many systems give each, is nobody else.
        if User::from_uid(Uid::from_raw(1)).ok().flatten().is_some_and(|user| user.gid.as_raw() == 1) {
            chown(&here, Some(1), Some(1)).unwrap();
            chown(&one, Some(1), Some(1)).unwrap();
            mode(&here, 0o664);
            mode(&one, 0o775);
            assert!(chosen(Some(1)).0, "{}", chosen(Some(1)).1);
            chown(&here, Some(1), Some(54_321)).unwrap();
            refused(Some(1), "other users may write to the file");
            chown(&one, Some(54_321), None).unwrap();
            mode(&one, 0o755);
        }
        fs::remove_file(&here).unwrap();
        symlink(&other, &here).unwrap();
        refused(Some(54_321), "it is a link");
    }
}
