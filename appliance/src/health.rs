//! Whether the appliance can do its work, and what keeps it from that.

use std::path::Path;

use nix::sys::statvfs::statvfs;
use serde::Serialize;
use utoipa::ToSchema;

use crate::bench::Bench;
use crate::segment::Segments;

/// Below so much, the ledger soon finds no room; bytes.
const ROOM: u64 = 64 << 20;

/// Something that keeps phones from being served, a bound that was reached, or a notice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Trouble {
    /// What is concerned: `ledger`, `disk`, `interface`, `doors`, `dhcp` or `foreign-dhcp`; the bound's name; or `no-lease`.
    pub what: &'static str,
    /// What happened.
    pub cause: String,
    /// What to do.
    pub cure: String,
}

impl Trouble {
    /// What happened, and what to do.
    pub fn line(&self) -> String {
        format!("{}; {}", self.cause, self.cure)
    }
}

/// All that is wrong now; `state` is the state folder.
pub fn troubles(bench: &Bench, segments: &Segments, state: &Path) -> Vec<Trouble> {
    let mut troubles = Vec::new();
    if let Some(failed) = bench.ledger().failing() {
        let cure = "phones wait meanwhile; it is tried again every ten seconds".to_owned();
        troubles.push(Trouble { what: "ledger", cause: failed.to_string(), cure });
    }
    if let Some(loss) = bench.ledger_loss() {
        let cure = format!("{}; this is told until the next start", loss.cure());
        troubles.push(Trouble { what: "ledger", cause: loss.cause(), cure });
    }
    if let Some(free) = free(state).filter(|free| *free < ROOM) {
        let cause = format!("{} has {} MB left", state.display(), free >> 20);
        let cure = "free some space; nothing is given that cannot be written down".to_owned();
        troubles.push(Trouble { what: "disk", cause, cure });
    }
    troubles.extend(bench.foreign_dhcp().into_iter().map(|(at, server)| Trouble {
        what: "foreign-dhcp",
        cause: format!("another DHCP server answers on the segment of {at}: {server}; ours is silent"),
        cure: "take it off the segment".to_owned(),
    }));
    troubles.extend(segments.troubles());
    troubles
}

/// Bounds that were reached lately. Listed phones with a lease are served all the same.
pub fn reached(bench: &Bench) -> Vec<Trouble> {
    bench.metrics().bounds.lately()
}

/// What the operator may want to know: addresses without a lease that asked for files.
pub fn notices(bench: &Bench) -> Vec<Trouble> {
    bench.unleased()
}

/// What a file system has left for us, in bytes.
pub fn free(folder: &Path) -> Option<u64> {
    let system = statvfs(folder).ok()?;
    Some(system.blocks_available().saturating_mul(system.fragment_size()))
}
