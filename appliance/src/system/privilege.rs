//! Root never works on a state folder itself: it becomes the folder's owner, with only the capabilities that the work
//! needs. So no file of root blocks the service, and no link in the folder can mislead root.

use std::ffi::CString;
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::errno::Errno;
use nix::unistd::{
    Gid, Uid, User, getegid, geteuid, initgroups, setegid, seteuid, setgroups, setresgid, setresuid,
};
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, chownat, openat, statat};
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, clear_ambient_capability_set, set_capabilities,
    set_keep_capabilities,
};

use crate::system::error::{Exit, Failure};

/// Serving needs ports below 1024 and raw frames, also when an interface returns later.
pub const SERVING: CapabilitySet = CapabilitySet::NET_BIND_SERVICE.union(CapabilitySet::NET_RAW);
/// Reading files of other users needs this capability.
pub const READING: CapabilitySet = CapabilitySet::DAC_READ_SEARCH;

/// The owner of a state folder that root creates, if this user exists.
const OWN_USER: &str = "transload";

/// Keeps this process's capabilities from the programs that it runs. Must be called while there is one thread.
///
/// # Errors
/// The system refuses.
pub fn keep_from_programs() -> Result<(), Failure> {
    clear_ambient_capability_set().map_err(|error| {
        let cause = format!("cannot keep capabilities from programs under [hooks]: {error}");
        Failure::new(Exit::Privilege, cause, "use a kernel of version 4.3 or newer")
    })?;
    // Systemd's filter for services may deny this call. The inheritable set alone gives nothing to a program without
    // file capabilities.
    if let Ok(CapabilitySets { effective, permitted, .. }) = capabilities(None) {
        let inheritable = CapabilitySet::empty();
        let _ = set_capabilities(None, CapabilitySets { effective, permitted, inheritable });
    }
    Ok(())
}

/// Turns root into the state folder's owner for good, with the capabilities `keep`. Other users stay who they are. Must
/// be called while there is one thread.
///
/// # Errors
/// The folder cannot be created or given to its owner, or the system refuses.
pub fn become_owner(state: &Path, keep: CapabilitySet) -> Result<(), Failure> {
    if !geteuid().is_root() {
        return Ok(());
    }
    let refused = |error: io::Error| refused(state, &error);
    let Some((user, group)) = owner(state).map_err(refused)? else { return Ok(()) };
    let change = || -> io::Result<()> {
        hand_over(state, user, group)?;
        match User::from_uid(user)? {
            Some(known) => initgroups(&CString::new(known.name)?, group)?,
            None => setgroups(&[group])?,
        }
        set_keep_capabilities(true)?;
        setresgid(group, group, group)?;
        setresuid(user, user, user)?;
        set_keep_capabilities(false)?;
        let inheritable = CapabilitySet::empty();
        Ok(set_capabilities(None, CapabilitySets { effective: keep, permitted: keep, inheritable })?)
    };
    change().map_err(refused)
}

/// Creates the state folder if it is missing, for the packaged user if there is one.
///
/// # Errors
/// The folder cannot be created.
pub fn make_state(state: &Path) -> Result<(), Failure> {
    let made = if geteuid().is_root() { owner(state).map(drop) } else { Ok(()) };
    made.and_then(|()| fs::create_dir_all(state)).map_err(|error| refused(state, &error))
}

/// Runs `work` as the state folder's owner if the caller is root, and becomes root again. Must be called while there is
/// one thread.
///
/// # Errors
/// The system refuses.
pub fn as_owner<T>(state: &Path, work: impl FnOnce() -> T) -> Result<T, Failure> {
    let owner = owner(state).map_err(|error| refused(state, &error))?;
    as_user(state, owner, work)
}

/// Runs `work` as the owner of an existing folder, so that links by its owner cannot mislead root. Must be called while
/// there is one thread.
///
/// # Errors
/// The system refuses.
pub fn as_owner_of<T>(folder: &Path, work: impl FnOnce() -> T) -> Result<T, Failure> {
    let metadata = fs::metadata(folder).map_err(|error| refused(folder, &error))?;
    let (user, group) = (Uid::from_raw(metadata.uid()), Gid::from_raw(metadata.gid()));
    as_user(folder, (!user.is_root()).then_some((user, group)), work)
}

fn as_user<T>(folder: &Path, owner: Option<(Uid, Gid)>, work: impl FnOnce() -> T) -> Result<T, Failure> {
    let root = geteuid();
    let Some((user, group)) = owner.filter(|_| root.is_root()) else {
        return Ok(work());
    };
    let own_group = getegid();
    let refused = |error: Errno| refused(folder, &error.into());
    setegid(group).and_then(|()| seteuid(user)).map_err(refused)?;
    let done = work();
    seteuid(root).and_then(|()| setegid(own_group)).map_err(refused)?;
    Ok(done)
}

fn refused(state: &Path, error: &io::Error) -> Failure {
    Failure::new(
        Exit::Privilege,
        format!("cannot work as the owner of {}: {error}", state.display()),
        "see who owns the folder, or run it as that user",
    )
}

/// The state folder's owner, if it is not root. A missing folder is created for our own user.
fn owner(state: &Path) -> io::Result<Option<(Uid, Gid)>> {
    let of = |metadata: &fs::Metadata| (Uid::from_raw(metadata.uid()), Gid::from_raw(metadata.gid()));
    let (user, group) = match fs::metadata(state) {
        Ok(metadata) => of(&metadata),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let Some(user) = User::from_name(OWN_USER)? else { return Ok(None) };
            fs::create_dir_all(state)?;
            std::os::unix::fs::chown(state, Some(user.uid.as_raw()), Some(user.gid.as_raw()))?;
            (user.uid, user.gid)
        }
        Err(error) => return Err(error),
    };
    Ok((!user.is_root()).then_some((user, group)))
}

/// Gives root's files in the folder to its owner, because root put them there for this purpose. Links are not followed:
/// the owner could have made them meanwhile.
fn hand_over(state: &Path, user: Uid, group: Gid) -> io::Result<()> {
    let mut folders: Vec<OwnedFd> = vec![File::open(state)?.into()];
    while let Some(folder) = folders.pop() {
        for entry in Dir::read_from(&folder)? {
            let entry = entry?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            let stat = statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW)?;
            // A file with a second hard link may belong elsewhere.
            let kind = FileType::from_raw_mode(stat.st_mode);
            if stat.st_uid == 0 && (kind == FileType::Directory || stat.st_nlink == 1) {
                let owner = rustix::fs::Uid::from_raw(user.as_raw());
                let group = rustix::fs::Gid::from_raw(group.as_raw());
                chownat(&folder, name, Some(owner), Some(group), AtFlags::SYMLINK_NOFOLLOW)?;
            }
            if kind == FileType::Directory {
                let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                folders.push(openat(folder.as_fd(), name, flags, Mode::empty())?);
            }
        }
    }
    Ok(())
}
