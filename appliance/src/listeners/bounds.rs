//! Bounds that were reached: counted for metrics, shown for a minute on the page and `/healthz`, and logged at most
//! once a minute each. A reached bound keeps no listed phone with a lease from being served, so it is no trouble.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use crate::system::error::Trouble;

/// Time that a bound is shown after it was last reached.
const TOLD: Duration = Duration::from_secs(60);
/// The least time between two log lines about one bound.
const BETWEEN_LINES: Duration = Duration::from_secs(60);

/// A bounded resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// HTTP connections of phones.
    Http,
    /// SIP connections of phones.
    Registrar,
    /// Connections of the page and the API.
    Page,
    /// Clients of `/api/events`.
    Listeners,
    /// Long API answers under way.
    LongAnswers,
    /// UDP registrations that wait for the phone's answer.
    Challenges,
    /// Unlisted phones in the ledger.
    Phones,
    /// Addresses that DHCP sets aside.
    SetAside,
    /// Set-aside addresses that DHCP offers again.
    Reoffered,
    /// DECLINEs and RELEASEs that DHCP does not believe.
    GivenUp,
    /// TFTP clients that have not acknowledged yet.
    TftpStrangers,
    /// TFTP transfers.
    TftpTransfers,
    /// Entries of the kernel's neighbor table.
    Neighbors,
}

impl Bound {
    const ALL: [Self; 13] = [
        Self::Http,
        Self::Registrar,
        Self::Page,
        Self::Listeners,
        Self::LongAnswers,
        Self::Challenges,
        Self::Phones,
        Self::SetAside,
        Self::Reoffered,
        Self::GivenUp,
        Self::TftpStrangers,
        Self::TftpTransfers,
        Self::Neighbors,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http-connections",
            Self::Registrar => "registrar-connections",
            Self::Page => "page-connections",
            Self::Listeners => "event-listeners",
            Self::LongAnswers => "long-answers",
            Self::Challenges => "registrations-by-udp",
            Self::Phones => "phones",
            Self::SetAside => "dhcp-set-aside",
            Self::Reoffered => "dhcp-reoffered",
            Self::GivenUp => "dhcp-given-up",
            Self::TftpStrangers => "tftp-strangers",
            Self::TftpTransfers => "tftp-transfers",
            Self::Neighbors => "neighbors",
        }
    }

    fn cause(self, who: &str) -> String {
        let what = match self {
            Self::Http => "too many connections for files over HTTP",
            Self::Registrar => "too many connections to the registrar",
            Self::Page => "too many connections to the page and the API",
            Self::Listeners => "too many listeners of /api/events",
            Self::LongAnswers => "too many long answers of the API at once",
            Self::Challenges => "too many registrations by UDP at once",
            Self::Phones => "too many phones that the roster does not list",
            Self::SetAside => {
                return format!(
                    "DHCP sets {who} addresses aside: devices without a lease use them, or clients declined them"
                );
            }
            Self::Reoffered => {
                return format!("DHCP has set too many addresses aside, and has offered {who} of them again");
            }
            Self::GivenUp => "DHCP clients give up addresses that they still use or that nobody uses",
            Self::TftpStrangers => "too many TFTP clients that do not answer",
            Self::TftpTransfers => "too many TFTP transfers at once",
            Self::Neighbors => {
                return format!(
                    "the kernel's table of neighbors was full {who} times since the start, and what was sent then is lost"
                );
            }
        };
        format!("{what}, the latest from {who}")
    }

    fn cure(self) -> &'static str {
        match self {
            Self::Http | Self::Registrar | Self::Challenges | Self::TftpStrangers => {
                "find that device on the staging network and unplug it; phones with a lease go first meanwhile"
            }
            Self::Page | Self::Listeners => {
                "close pages that nobody reads, or find the program that opens them"
            }
            Self::Phones => {
                "list the phones that you expect in the roster, and forget the others with `transload forget`"
            }
            Self::SetAside => {
                "find devices with a fixed address in the pool, and exclude those addresses (dhcp.exclude)"
            }
            Self::Reoffered => {
                "find the device that declines one address after the other, or make the pool larger"
            }
            Self::GivenUp => "if the device is no phone of yours, unplug it; the leases stay as they are",
            Self::TftpTransfers => "wait: phones ask again; the limit is files.max-transfers",
            Self::Neighbors => {
                "run on the machine itself: sysctl -w net.ipv4.neigh.default.gc_thresh2=8192 net.ipv4.neigh.default.gc_thresh3=16384"
            }
            Self::LongAnswers => "let programs ask for phones one page at a time, with limit=",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfBound {
    bound: &'static str,
}

#[derive(Debug, Clone)]
struct Latest {
    at: Instant,
    who: String,
    logged: Instant,
    unlogged: u64,
}

/// All bounds of one bench.
#[derive(Debug, Default)]
pub struct Bounds {
    reached: Family<OfBound, Counter>,
    latest: Mutex<[Option<Latest>; Bound::ALL.len()]>,
    /// The latest values of counts that other parts keep.
    counted: Mutex<[u64; Bound::ALL.len()]>,
}

impl Bounds {
    /// Counts that a client at this address reached a bound.
    pub fn reached(&self, bound: Bound, address: IpAddr) {
        self.reached_by(bound, address.to_string());
    }

    /// Counts that `who` reached a bound.
    pub fn reached_by(&self, bound: Bound, who: String) {
        self.note(bound, who, 1, Instant::now());
    }

    /// Takes over a count that another part keeps; the bound was reached if the count has grown.
    pub fn counted(&self, bound: Bound, count: u64, who: impl FnOnce() -> String) {
        self.compare(bound, count, who, Instant::now());
    }

    fn compare(&self, bound: Bound, count: u64, who: impl FnOnce() -> String, now: Instant) {
        let mut all = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut all[bound as usize], count);
        drop(all);
        if count > before {
            self.note(bound, who(), count - before, now);
        }
    }

    fn note(&self, bound: Bound, who: String, times: u64, now: Instant) {
        self.reached.get_or_create(&OfBound { bound: bound.as_str() }).inc_by(times);
        let mut all = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        let latest = &mut all[bound as usize];
        let (logged, times) =
            latest.as_ref().map_or((None, times), |was| (Some(was.logged), was.unlogged + times));
        if logged.is_some_and(|logged| now.duration_since(logged) < BETWEEN_LINES) {
            *latest = logged.map(|logged| Latest { at: now, who, logged, unlogged: times });
            return;
        }
        tracing::warn!(times, cure = bound.cure(), "{}", bound.cause(&who));
        *latest = Some(Latest { at: now, who, logged: now, unlogged: 0 });
    }

    /// The bounds reached within the last minute.
    pub fn lately(&self) -> Vec<Trouble> {
        self.since(Instant::now())
    }

    fn since(&self, now: Instant) -> Vec<Trouble> {
        let all = self.latest.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let told = Bound::ALL.into_iter().zip(all).filter_map(|(bound, latest)| {
            let latest = latest.filter(|latest| now.duration_since(latest.at) < TOLD)?;
            let (cause, cure) = (bound.cause(&latest.who), bound.cure().to_owned());
            Some(Trouble { what: bound.as_str(), cause, cure })
        });
        told.collect()
    }

    /// Registers the counters.
    pub fn register(&self, registry: &mut Registry) {
        for bound in Bound::ALL {
            drop(self.reached.get_or_create(&OfBound { bound: bound.as_str() }));
        }
        registry.register("bounds_reached", "How often each bound was reached", self.reached.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reached_bound_is_told_for_a_while_with_the_latest_address() {
        let (bounds, began) = (Bounds::default(), Instant::now());
        assert_eq!(bounds.since(began), []);
        for second in 0..30 {
            bounds.note(Bound::Http, format!("10.23.45.{second}"), 1, began + Duration::from_secs(second));
        }
        let told = bounds.since(began + Duration::from_secs(80));
        assert!(told.len() == 1 && told[0].cause.ends_with("the latest from 10.23.45.29"), "{told:?}");
        assert_eq!(bounds.since(began + Duration::from_secs(90)), []);
    }

    #[test]
    fn the_log_has_one_line_a_minute_for_a_bound() {
        let (bounds, began) = (Bounds::default(), Instant::now());
        let unlogged = |bounds: &Bounds| bounds.latest.lock().unwrap()[Bound::Page as usize].clone().unwrap();
        bounds.note(Bound::Page, "a".into(), 1, began);
        bounds.note(Bound::Page, "b".into(), 1, began + Duration::from_secs(59));
        assert_eq!((unlogged(&bounds).unlogged, unlogged(&bounds).logged), (1, began));
        bounds.note(Bound::Page, "c".into(), 1, began + Duration::from_secs(60));
        assert_eq!(unlogged(&bounds).unlogged, 0);
    }

    #[test]
    fn a_count_that_others_keep_is_told_where_it_grows_and_is_silent_where_it_stays_or_falls() {
        let (bounds, began) = (Bounds::default(), Instant::now());
        let told = |count, seconds| {
            let now = began + Duration::from_secs(seconds);
            bounds.compare(Bound::TftpStrangers, count, || "10.23.45.9".into(), now);
            bounds.since(now).len()
        };
        let at = [(0, 0), (3, 1), (3, 60), (3, 61), (1, 62), (2, 63), (2, 122), (2, 123)];
        assert_eq!(at.map(|(count, seconds)| told(count, seconds)), [0, 1, 1, 0, 0, 1, 1, 0]);
        let counter = bounds.reached.get_or_create(&OfBound { bound: "tftp-strangers" }).get();
        assert_eq!(counter, 4);
    }
}
