//! Keeps one segment served: waits for its interface and address, has the guard look for other DHCP servers, serves,
//! and begins again when something has changed.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use transload_dhcp::guard::{ForeignServer, ForeignServerWatch};
use transload_provision::time::Time;

use super::{Segment, Segments, Standing};
use crate::system::interface;

/// How long other DHCP servers have to answer the probe; those that look for address conflicts take a second.
pub const PROBE: Duration = Duration::from_secs(3);
/// A server that was found counts as gone when a probe this much later finds none.
const PROBE_AGAIN: Duration = Duration::from_secs(5);
/// How often a segment is looked at.
const LOOK: Duration = Duration::from_millis(500);

impl Segments {
    /// Serves a segment whenever it stands, with a guard or without, for as long as the program runs.
    pub async fn keep(self: Arc<Self>, at: usize, guarded: bool) {
        let Some(segment) = self.segment(at) else { return };
        let Some(name) = segment.interface.clone() else { return };
        let mut said = String::new();
        loop {
            let standing = await_standing(&segment, &mut said).await;
            if let Err(failure) = self.stand(at, standing) {
                say(&mut said, &failure.to_string());
                tokio::time::sleep(LOOK).await;
                continue;
            }
            said.clear();
            tokio::select! {
                since = self.changed(&segment, &standing) => {
                    tracing::warn!(interface = name, "the link or the address is gone or another; waiting for it");
                    let local = standing.network.address;
                    self.bench().note_absence(since, Some(local));
                    self.lease(at, false).await;
                    self.forget_foreign(local);
                }
                () = self.guard(at, &name, &standing, guarded) => {}
            }
        }
    }

    /// Has DHCP answer once no other server does, and be silent while one is about.
    async fn guard(&self, at: usize, name: &str, standing: &Standing, guarded: bool) {
        let local = standing.network.address;
        let Some(dhcp) = &self.dhcp else { return std::future::pending().await };
        let watch = match guarded
            .then(|| ForeignServerWatch::open(name, interface::own_addresses()))
            .transpose()
        {
            Ok(watch) => watch,
            Err(error) => {
                tracing::error!(interface = name, %error, "other DHCP servers cannot be looked for; trying again");
                return tokio::time::sleep(PROBE).await;
            }
        };
        if let (Some(watch), false) = (&watch, self.is_leased(at)) {
            while let Some(foreign) = found(watch).await {
                self.bench().set_foreign_dhcp(local, Some(foreign.clone()));
                tracing::error!(
                    interface = name,
                    "another DHCP server answers: {foreign}; ours waits until it is gone"
                );
                tokio::time::sleep(PROBE_AGAIN).await;
            }
        }
        self.forget_foreign(local);
        if !self.is_leased(at) {
            self.lease(at, true).await;
        }
        tracing::info!(interface = name, address = %standing.network, "DHCP answers");
        let Some(watch) = &watch else { return std::future::pending().await };
        loop {
            let Ok(foreign) = watch.next().await else {
                tokio::time::sleep(LOOK).await;
                continue;
            };
            let mut foreign = describe(&foreign);
            dhcp.set_silent(local, true);
            tracing::error!(
                interface = name,
                "another DHCP server answers: {foreign}; ours is silent until it is gone"
            );
            loop {
                self.bench().set_foreign_dhcp(local, Some(foreign));
                tokio::time::sleep(PROBE_AGAIN).await;
                match found(watch).await {
                    Some(still) => foreign = still,
                    None => break,
                }
            }
            self.forget_foreign(local);
            tracing::info!(interface = name, "the other DHCP server is gone; ours answers again");
        }
    }

    fn forget_foreign(&self, local: Ipv4Addr) {
        if let Some(dhcp) = &self.dhcp {
            dhcp.set_silent(local, false);
        }
        self.bench().set_foreign_dhcp(local, None);
    }

    /// Until the segment stands otherwise; returns when it was last seen as it was.
    async fn changed(&self, segment: &Segment, standing: &Standing) -> Time {
        let mut good = self.bench().now();
        loop {
            tokio::time::sleep(LOOK).await;
            if segment.look().as_ref() != Ok(standing) {
                return good;
            }
            good = self.bench().now();
        }
    }
}

async fn await_standing(segment: &Segment, said: &mut String) -> Standing {
    loop {
        match segment.look() {
            Ok(standing) if standing.link => return standing,
            Ok(_) => {
                let name = segment.interface.as_deref().unwrap_or_default();
                say(
                    said,
                    &format!(
                        "{name} has no link; it is served once it has: plug its cable in, or switch the switch on"
                    ),
                );
            }
            Err(failure) => say(said, &failure.to_string()),
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// The same thing is said once.
fn say(said: &mut String, what: &str) {
    if said != what {
        what.clone_into(said);
        tracing::warn!("{}; waiting", what.replace('\n', ";"));
    }
}

/// Who else answers a probe. What cannot be probed has somebody: nothing is served into the unknown.
async fn found(watch: &ForeignServerWatch) -> Option<String> {
    match watch.probe(PROBE).await {
        Ok(found) => found.first().map(describe),
        Err(error) => Some(format!("the segment cannot be probed: {error}")),
    }
}

/// A server, as a technician finds it.
pub fn describe(foreign: &ForeignServer) -> String {
    let mac = transload_provision::mac::Mac(foreign.mac);
    format!("{} (Ethernet address {})", foreign.server, mac.colons())
}
