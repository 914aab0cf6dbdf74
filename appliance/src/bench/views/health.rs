//! Reports troubles of the appliance, bounds that were reached, and notices for the operator.

use std::path::Path;

use transload_dhcp::engine::SetAside;
use transload_provision::mac::Mac;
use transload_tftp::LimitCounters;

use crate::bench::Bench;
use crate::listeners::bounds::{Bound, Bounds};
use crate::system::error::Trouble;
use crate::system::{neighbors, space};

/// Free space below which the ledger may soon fail, in bytes.
const ROOM: u64 = 64 << 20;

/// Access to the health of the services for phones.
pub trait Serving: Send + Sync {
    /// Troubles that keep phones of a segment from being served.
    fn troubles(&self) -> Vec<Trouble>;
    /// Counts of TFTP's bounds, over all segments.
    fn tftp_reached(&self) -> &LimitCounters;
}

/// All present troubles; `state` is the state folder.
pub fn troubles(bench: &Bench, serving: &dyn Serving, state: &Path) -> Vec<Trouble> {
    let mut troubles = Vec::new();
    if let Some(failed) = bench.ledger().failing() {
        let cure = "phones wait meanwhile; it is tried again every ten seconds".to_owned();
        troubles.push(Trouble { what: "ledger", cause: failed.to_string(), cure });
    }
    if let Some(loss) = bench.ledger_loss() {
        let cure = format!("{}; this is told until the next start", loss.cure());
        troubles.push(Trouble { what: "ledger", cause: loss.cause(), cure });
    }
    if let Some(free) = space::free(state).ok().filter(|free| *free < ROOM) {
        let cause = format!("{} has {} MB left", state.display(), free >> 20);
        let cure = "free some space; nothing is given that cannot be written down".to_owned();
        troubles.push(Trouble { what: "disk", cause, cure });
    }
    troubles.extend(bench.foreign_dhcp().into_iter().map(|(at, server)| Trouble {
        what: "foreign-dhcp",
        cause: format!("another DHCP server answers on the segment of {at}: {server}; ours is silent"),
        cure: "take it off the segment".to_owned(),
    }));
    troubles.extend(serving.troubles());
    troubles
}

/// Bounds reached within the last minute. Listed phones with a lease are served all the same.
pub fn reached(bench: &Bench, serving: &dyn Serving) -> Vec<Trouble> {
    let bounds = &bench.metrics().bounds;
    if let Some(aside) = bench.set_aside() {
        compare_dhcp(bounds, &aside);
    }
    compare_tftp(bounds, serving.tftp_reached());
    if let Some(overflows) = neighbors::overflows() {
        bounds.counted(Bound::Neighbors, overflows, || overflows.to_string());
    }
    bounds.lately()
}

fn compare_dhcp(bounds: &Bounds, aside: &SetAside) {
    let SetAside { addresses, given_way, disbelieved, .. } = *aside;
    bounds.counted(Bound::SetAside, addresses as u64, || addresses.to_string());
    bounds.counted(Bound::Reoffered, given_way, || given_way.to_string());
    let client = aside.disbelieved_of.map_or_else(|| "nobody".to_owned(), |mac| Mac(mac).to_string());
    bounds.counted(Bound::GivenUp, disbelieved, || client);
}

fn compare_tftp(bounds: &Bounds, tftp: &LimitCounters) {
    let unheard = tftp.ignored() + tftp.given_way();
    bounds.counted(Bound::TftpStrangers, unheard, || tftp.latest_unheard().to_string());
    bounds.counted(Bound::TftpTransfers, tftp.refused(), || tftp.latest_refused().to_string());
}

/// Notices: file requests from addresses without a lease, and routers with proxy ARP.
pub fn notices(bench: &Bench) -> Vec<Trouble> {
    let mut notices = bench.unleased();
    notices.extend(bench.set_aside().iter().flat_map(|aside| &aside.proxies).map(|mac| proxy(Mac(*mac))));
    notices
}

fn proxy(mac: Mac) -> Trouble {
    Trouble {
        what: "proxy-arp",
        cause: format!("a router with proxy ARP, {mac}, answers for addresses that it does not use"),
        cure: "turn proxy ARP off on that interface of the router: no ip proxy-arp".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_of_dhcp_are_told_with_their_count_and_their_client() {
        let bounds = Bounds::default();
        let mac = [0x00, 0x12, 0x34, 0xab, 0x45, 0xde];
        let quiet =
            SetAside { addresses: 0, given_way: 0, disbelieved: 0, disbelieved_of: None, proxies: vec![mac] };
        compare_dhcp(&bounds, &quiet);
        assert_eq!(bounds.lately(), []);
        let busy =
            SetAside { addresses: 3, given_way: 2, disbelieved: 1, disbelieved_of: Some(mac), ..quiet };
        compare_dhcp(&bounds, &busy);
        let told = bounds.lately();
        let names: Vec<_> = told.iter().map(|told| told.what).collect();
        assert_eq!(names, ["dhcp-set-aside", "dhcp-reoffered", "dhcp-given-up"]);
        for (told, word) in told.iter().zip(["sets 3 addresses", "offered 2 of them", &Mac(mac).to_string()])
        {
            assert!(told.cause.contains(word), "{told:?}");
        }
    }

    #[test]
    fn a_router_with_proxy_arp_is_told_with_its_address_and_the_cure() {
        let line = proxy(Mac([0x02, 0, 0, 0, 0, 0xfe])).line();
        assert!(line.contains(&Mac([0x02, 0, 0, 0, 0, 0xfe]).to_string()), "{line}");
        assert!(line.ends_with("no ip proxy-arp"), "{line}");
    }
}
