//! Raises the limit of open files and sockets.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// A TFTP transfer uses two sockets and perhaps its file. There may be as many HTTP connections as transfers.
const OF_A_TRANSFER: u64 = 4;
/// Registrar connections, page connections, refused clients, the ledger and listeners.
const OF_THE_REST: u64 = 8192 + 256 + 512 + 256;

/// Raises the limit to what `transfers` need. Shells and service managers allow 1,024, which is too few for 1,000
/// phones.
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
