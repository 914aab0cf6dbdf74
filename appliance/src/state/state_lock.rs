//! One process at a time works on a state folder.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg, OFlag};

use crate::system::error::{Exit, Failure};

/// The process number is written into the lock, and a link in its place would lead it elsewhere.
const NO_LINK: i32 = OFlag::O_NOFOLLOW.bits();

/// The folder is ours until this is dropped or the process ends, however it ends.
#[derive(Debug)]
pub struct StateLock(#[expect(dead_code, reason = "held, not used")] Flock<File>);

/// The folder cannot be ours.
#[derive(Debug, thiserror::Error)]
pub enum StateLockError {
    /// Another process has it.
    #[error("{} is in use by another transload{}", state.display(), holder.map_or(String::new(), |pid| format!(" (process {pid})")))]
    InUse {
        /// The state folder.
        state: PathBuf,
        /// The other's process number, if it could be read.
        holder: Option<u32>,
    },
    /// The lock file cannot be made or locked.
    #[error("cannot lock {}: {cause}", path.display())]
    Refused {
        /// The lock file.
        path: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
}

impl From<StateLockError> for Failure {
    fn from(error: StateLockError) -> Self {
        let cure = match &error {
            StateLockError::InUse { .. } => "stop the other one, or use another state folder",
            StateLockError::Refused { cause, .. } if cause.kind() == std::io::ErrorKind::StorageFull => {
                "make room there, or use a larger disk"
            }
            StateLockError::Refused { .. } => {
                "check that the state folder exists and that this user may write there"
            }
        };
        Self::new(Exit::Privilege, error.to_string(), cure)
    }
}

/// Opens or creates a lock's file, and keeps what it holds.
fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).custom_flags(NO_LINK).open(path)
}

/// Locks the state folder by its file `lock`, which holds the process number and stays behind.
pub fn lock(state: &Path) -> Result<StateLock, StateLockError> {
    let path = state.join("lock");
    let refused = |cause| StateLockError::Refused { path: path.clone(), cause };
    let file = open(&path).map_err(refused)?;
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(mut lock) => {
            lock.set_len(0).map_err(refused)?;
            writeln!(lock, "{}", std::process::id()).map_err(refused)?;
            Ok(StateLock(lock))
        }
        Err((mut file, Errno::EWOULDBLOCK)) => {
            let mut pid = String::new();
            let holder = file.read_to_string(&mut pid).ok().and_then(|_| pid.trim().parse().ok());
            Err(StateLockError::InUse { state: state.to_owned(), holder })
        }
        Err((_, errno)) => Err(refused(errno.into())),
    }
}

/// Keeps other imports and verifications away until it is dropped. A bench may run meanwhile.
pub fn import_lock(state: &Path) -> Result<StateLock, Failure> {
    let path = state.join("import.lock");
    let refused = |cause| Failure::from(StateLockError::Refused { path: path.clone(), cause });
    let file = open(&path).map_err(refused)?;
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(lock) => Ok(StateLock(lock)),
        Err((_, Errno::EWOULDBLOCK)) => Err(Failure::new(
            Exit::Act,
            format!("another import or verification works on {}", state.display()),
            "wait until it has ended",
        )),
        Err((_, errno)) => Err(refused(errno.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_refused_and_told_by_whom_until_the_first_is_gone() {
        let state = tempfile::tempdir().unwrap();
        let first = lock(state.path()).unwrap();
        match lock(state.path()) {
            Err(StateLockError::InUse { holder, .. }) => assert_eq!(holder, Some(std::process::id())),
            other => panic!("{other:?}"),
        }
        drop(first);
        lock(state.path()).unwrap();
    }

    #[test]
    fn a_link_in_the_place_of_a_lock_is_not_followed() {
        let state = tempfile::tempdir().unwrap();
        let victim = state.path().join("victim");
        std::fs::write(&victim, "precious").unwrap();
        for name in ["lock", "import.lock"] {
            std::os::unix::fs::symlink(&victim, state.path().join(name)).unwrap();
        }
        assert!(lock(state.path()).is_err() && import_lock(state.path()).is_err());
        assert_eq!(std::fs::read_to_string(&victim).unwrap(), "precious");
    }
}
