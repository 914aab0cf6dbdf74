//! Runs a reader written elsewhere whose faults may cost no more than the file it reads.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::sync::Once;

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// What `run` gives; `None` where it panics, of which nothing is written to standard error.
pub(super) fn guarded<T>(run: impl FnOnce() -> T) -> Option<T> {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let tell = panic::take_hook();
        panic::set_hook(Box::new(move |fault| {
            if !GUARDED.try_with(Cell::get).unwrap_or_default() {
                tell(fault);
            }
        }));
    });
    GUARDED.set(true);
    let given = catch_unwind(AssertUnwindSafe(run)).ok();
    GUARDED.set(false);
    given
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    const CHILD: &str = "TRANSLOAD_TEST_GUARDED";

    /// A hook is the whole process's, so a process of its own tells what stands on its standard error.
    #[test]
    fn a_fault_is_told_only_outside() {
        if std::env::var_os(CHILD).is_some() {
            assert_eq!(guarded(|| -> u8 { panic!("within") }), None);
            assert_eq!(guarded(|| 7), Some(7));
            panic!("outside");
        }
        let name = std::thread::current().name().unwrap().to_owned();
        let child = Command::new(std::env::current_exe().unwrap())
            .args([&name, "--exact", "--nocapture"])
            .env(CHILD, "1")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&child.stderr);
        assert!(said.contains("outside") && !said.contains("within"), "{name}: {said}");
    }
}
