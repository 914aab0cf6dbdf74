//! `transload reload`: tells the running bench to read configuration and roster again.

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::config::Config;
use crate::error::{Exit, Failure};
use crate::state_lock::{StateLockError, lock};

/// Finds the bench by the lock on its state folder and sends it a hangup. The new configuration is validated here
/// first, so that what is wrong with it is said where it was asked for.
pub fn run(config: &Config) -> Result<(), Failure> {
    config.servable()?;
    let state = config.bench.state.display();
    let pid = match lock(&config.bench.state) {
        Err(StateLockError::InUse {
            holder: Some(pid), ..
        }) => i32::try_from(pid).unwrap_or(0),
        Err(StateLockError::InUse { holder: None, .. }) => 0,
        Err(error) => return Err(error.into()),
        Ok(_) => {
            let cause = format!("no bench is running on {state}");
            return Err(Failure::new(Exit::Act, cause, "start it with `transload serve`"));
        }
    };
    // 0 and negative numbers would mean groups of processes.
    if pid <= 0 {
        let cause = format!("{state}/lock does not say which process holds it");
        return Err(Failure::new(
            Exit::Act,
            cause,
            "try again; if it stays so, restart the bench",
        ));
    }
    kill(Pid::from_raw(pid), Signal::SIGHUP).map_err(|errno| match errno {
        Errno::EPERM => Failure::new(
            Exit::Privilege,
            format!("the bench (process {pid}) belongs to another user"),
            "run the command as that user, or with sudo",
        ),
        _ => Failure::new(
            Exit::Act,
            format!("cannot reach process {pid}: {errno}"),
            "check that the bench is running",
        ),
    })?;
    println!("the bench (process {pid}) reads its configuration again; its log says how that went");
    Ok(())
}
