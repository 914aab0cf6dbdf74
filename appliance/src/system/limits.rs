//! How many files and sockets the program may have open.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// A TFTP transfer has two sockets open, and its file if no other transfer has it; there may be as many HTTP connections.
const OF_A_TRANSFER: u64 = 4;
/// Connections to the registrar and to the page, clients that are told to come back, the ledger, listeners.
const OF_THE_REST: u64 = 8192 + 256 + 512 + 256;

/// Allows as many as the system permits: shells and service managers start programs with 1,024 of them, which would be
/// too few for a thousand phones.
pub fn raise(transfers: usize) {
    let wanted = transfers as u64 * OF_A_TRANSFER + OF_THE_REST;
    let (soft, most) = match getrlimit(Resource::RLIMIT_NOFILE) {
        Ok(limits) => limits,
        Err(error) => return tracing::warn!(%error, "how many files may be open is not known"),
    };
    if soft >= wanted {
        return;
    }
    if let Err(error) = setrlimit(Resource::RLIMIT_NOFILE, wanted.min(most), most) {
        tracing::warn!(%error, soft, "more open files could not be allowed");
    }
    if most < wanted {
        tracing::warn!(
            most,
            wanted,
            "the system permits fewer open files than files.max-transfers may need: beyond, phones are told to come back"
        );
    }
}
