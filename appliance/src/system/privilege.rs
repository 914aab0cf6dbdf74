//! Root does not work on a state folder: its owner does, with no more privilege than the work needs. So nothing that root
//! made is in the service's way, and nothing in the folder can lead root astray.

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

/// What serving takes, also when an interface comes back later: ports below 1024, and frames to clients without an address.
pub const SERVING: CapabilitySet = CapabilitySet::NET_BIND_SERVICE.union(CapabilitySet::NET_RAW);
/// What reading files of other users takes.
pub const READING: CapabilitySet = CapabilitySet::DAC_READ_SEARCH;

/// Whose a state folder is that root makes, where there is such a user.
const OWN_USER: &str = "transload";

/// Keeps the capabilities that this process was started with from programs that it runs. To be called while there is one
/// thread.
///
/// # Errors
/// The system refuses.
pub fn keep_from_programs() -> Result<(), Failure> {
    clear_ambient_capability_set().map_err(|error| {
        let cause = format!("cannot keep capabilities from programs under [hooks]: {error}");
        Failure::new(Exit::Privilege, cause, "use a kernel of version 4.3 or newer")
    })?;
    // Systemd's filter for services may forbid this one. The set alone gives nothing to a program without file capabilities.
    if let Ok(CapabilitySets { effective, permitted, .. }) = capabilities(None) {
        let inheritable = CapabilitySet::empty();
        let _ = set_capabilities(None, CapabilitySets { effective, permitted, inheritable });
    }
    Ok(())
}

/// Makes root the owner of the state folder for good, who keeps only these capabilities. Anybody else stays who they
/// are, and root does where the folder is root's. To be called while there is one thread.
///
/// # Errors
/// The folder cannot be made or given to its owner, or the system refuses.
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

/// Makes the state folder, where it is not there, for the user whom the package made, if there is one.
///
/// # Errors
/// It cannot be made.
pub fn make_state(state: &Path) -> Result<(), Failure> {
    let made = if geteuid().is_root() { owner(state).map(drop) } else { Ok(()) };
    made.and_then(|()| fs::create_dir_all(state)).map_err(|error| refused(state, &error))
}

/// Does something as the owner of the state folder, where root asks; afterwards root is root again. To be called while
/// there is one thread.
///
/// # Errors
/// The system refuses.
pub fn as_owner<T>(state: &Path, work: impl FnOnce() -> T) -> Result<T, Failure> {
    let owner = owner(state).map_err(|error| refused(state, &error))?;
    as_user(state, owner, work)
}

/// Does something as the owner of a folder that is there, where root asks: what the owner puts into it meanwhile cannot
/// lead root elsewhere. To be called while there is one thread.
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

/// The owner of the state folder, if it is not root; a folder that is not there is made for our own user.
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

/// Gives what is root's in the folder to its owner, for it was put there by hand for this purpose. Links are not
/// followed: the owner could have made them while root looks elsewhere.
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
            // A second name may be that of a file elsewhere.
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
