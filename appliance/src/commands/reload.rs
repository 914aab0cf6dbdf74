//! `transload reload`: tells the running bench to read configuration and roster again.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::config::Config;
use crate::system::error::{Exit, Failure};
use crate::system::plain_file::{self, Kind};

/// Sends the running bench a hangup. The configuration is validated here first, so that what is wrong with it is
/// said where it was asked for.
pub fn run(config: &Config) -> Result<(), Failure> {
    config.servable()?;
    let state = config.bench.state.display();
    let Some(pid) = running_bench(&config.bench.state) else {
        let cause = format!("no bench is running on {state}");
        return Err(Failure::new(Exit::Act, cause, "start it with `transload serve`"));
    };
    // 0 and negative numbers would mean groups of processes.
    if pid <= 0 {
        let cause = format!("{state}/lock does not say which process holds it");
        return Err(Failure::new(Exit::Act, cause, "try again; if it stays so, restart the bench"));
    }
    kill(Pid::from_raw(pid), Signal::SIGHUP).map_err(|errno| match errno {
        Errno::EPERM => Failure::new(
            Exit::Privilege,
            format!("the bench (process {pid}) belongs to another user"),
            "run the command as that user, or with sudo",
        ),
        _ => Failure::new(
            Exit::Act,
            format!("cannot reach process {pid}: {}", errno.desc()),
            "check that the bench is running",
        ),
    })?;
    println!("the bench (process {pid}) reads its configuration again; its log says how that went");
    Ok(())
}

/// The process that has the state folder locked; 0 where the lock and the kernel do not name the same one, for the owner of
/// the folder can write any number into the lock. Looks at the kernel's list of
/// locks instead of trying the lock, which a bench that starts at that moment would find taken.
pub fn running_bench(state: &Path) -> Option<i32> {
    let path = state.join("lock");
    let inode = std::fs::metadata(&path).ok()?.ino().to_string();
    let locks = std::fs::read_to_string("/proc/locks").ok()?;
    // 1: FLOCK ADVISORY WRITE 1234 08:01:131 0 EOF
    let holders: Vec<&str> = locks
        .lines()
        .filter_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let of = fields.get(5).and_then(|place| place.rsplit(':').next());
            (fields.get(1) == Some(&"FLOCK") && of == Some(inode.as_str())).then(|| fields.get(4).copied())?
        })
        .collect();
    let said = (!holders.is_empty()).then(|| plain_file::text(&path, Kind::Token).unwrap_or_default())?;
    Some(said.trim().parse().ok().filter(|_| holders.contains(&said.trim())).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_running_bench_is_found_by_its_lock_and_not_by_what_an_old_one_left() {
        let state = tempfile::tempdir().unwrap();
        assert_eq!(running_bench(state.path()), None);
        let lock = crate::state::state_lock::lock(state.path()).unwrap();
        assert_eq!(running_bench(state.path()), Some(std::process::id().cast_signed()));
        // Whoever owns the folder cannot have another process told.
        std::fs::write(state.path().join("lock"), "1\n").unwrap();
        assert_eq!(running_bench(state.path()), Some(0));
        drop(lock);
        assert_eq!(running_bench(state.path()), None);
    }
}
