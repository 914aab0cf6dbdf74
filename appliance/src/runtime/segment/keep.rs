//! Keeps one segment served: waits for interface and address, looks for other DHCP servers, serves, and starts again
//! after a change.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use transload_dhcp::guard::{ForeignServer, ForeignServerWatch};
use transload_provision::time::Time;

use super::{InterfaceState, Segment, Segments};
use crate::system::interface;

/// The time that other DHCP servers have to answer; servers that check for address conflicts need a second.
pub const PROBE: Duration = Duration::from_secs(3);
/// A foreign server counts as gone if a probe this much later finds none.
const PROBE_AGAIN: Duration = Duration::from_secs(5);
/// Time between two looks at the interface.
const LOOK: Duration = Duration::from_millis(500);

impl Segments {
    /// Serves a segment whenever it is up, until the program ends; `guarded` looks for other DHCP servers.
    pub async fn keep(self: Arc<Self>, at: usize, guarded: bool) {
        let Some(segment) = self.segment(at) else { return };
        let Some(name) = segment.interface.clone() else { return };
        let mut said = String::new();
        loop {
            let interface_state = await_interface(&segment, &mut said).await;
            if let Err(failure) = self.relocate(at, interface_state) {
                say(&mut said, &failure.to_string());
                tokio::time::sleep(LOOK).await;
                continue;
            }
            said.clear();
            tokio::select! {
                since = self.changed(&segment, &interface_state) => {
                    tracing::warn!(interface = name, "the link or the address is gone or another; waiting for it");
                    let local = interface_state.network.addr();
                    self.bench().note_absence(since, Some(local));
                    self.lease(at, false).await;
                    self.forget_foreign(local);
                }
                () = self.guard(at, &name, &interface_state, guarded) => {}
            }
        }
    }

    /// Lets DHCP answer only while no other server does.
    async fn guard(&self, at: usize, name: &str, interface_state: &InterfaceState, guarded: bool) {
        let local = interface_state.network.addr();
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
        tracing::info!(interface = name, address = %interface_state.network, "DHCP answers");
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

    /// Waits for a change of the segment. Returns when the old state was last seen.
    async fn changed(&self, segment: &Segment, interface_state: &InterfaceState) -> Time {
        let mut good = self.bench().now();
        loop {
            tokio::time::sleep(LOOK).await;
            if segment.look().as_ref() != Ok(interface_state) {
                return good;
            }
            good = self.bench().now();
        }
    }
}

async fn await_interface(segment: &Segment, said: &mut String) -> InterfaceState {
    loop {
        match segment.look() {
            Ok(interface_state) if interface_state.link => return interface_state,
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

/// Logs a message once.
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
