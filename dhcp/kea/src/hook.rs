//! The hook while it is loaded: what it answers, and what it has to tell.

use std::borrow::Cow;
use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::Instant;

use smallvec::SmallVec;
use transload_provision::client::{Persona, first_contact};
use transload_provision::documents::FileServer;
use transload_provision::feed::Verdict;
use transload_provision::mac::Mac;
use transload_provision::options::{Resolved, Steer, answer, steers};
use transload_provision::shared::Shared;

use crate::boundary::{Level, log, prepare};
use crate::cache::{self, Cached};
use crate::link::{self, Link};
use crate::queue::Queue;

/// Events kept while the appliance cannot be reached: a large site's morning.
const EVENTS_KEPT: usize = 16_384;
/// Message types (RFC 2132 §9.6).
const OFFER: u8 = 2;
const ACK: u8 = 5;
const NAK: u8 = 6;

/// A client's message, and what Kea is about to answer.
#[derive(Debug, Clone, Copy)]
pub struct Asker<'a> {
    /// Who.
    pub mac: Mac,
    /// What Kea answers.
    pub response: u8,
    /// It has just started.
    pub boot: bool,
    /// The address it is offered or given; 0.0.0.0 for none.
    pub address: Ipv4Addr,
    /// How long the lease lasts.
    pub seconds: u32,
    /// Option 60 without closing NULs.
    pub vendor_class: Option<&'a [u8]>,
    /// Option 55.
    pub request_list: &'a [u8],
    /// Option 61.
    pub client_id: Option<&'a [u8]>,
}

/// What to change in Kea's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The four options and `siaddr` are as told here, whatever Kea has for them.
    pub steers: bool,
    /// `siaddr`.
    pub next_server: Option<Ipv4Addr>,
    /// `sname`.
    pub server_name: Option<String>,
    /// `file`.
    pub boot_file: Option<String>,
    /// Those of the four.
    pub options: Vec<(u8, Vec<u8>)>,
    /// The number by which Kea's side has them ready, from 1 on; 0 where it has not.
    pub prepared: u32,
}

/// Something that happened, to be told to the appliance.
#[derive(Debug, Clone)]
pub enum Heard {
    /// A client asked.
    Client(Seen),
    /// An address is free again.
    Freed(Mac, Ipv4Addr),
}

/// A client that asked; it has the address where it was given one, for so many seconds.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Who.
    pub mac: Mac,
    /// It had just started.
    pub boot: bool,
    /// What it was given.
    pub lease: Option<(Ipv4Addr, u32)>,
    /// By which options.
    pub said: Said,
    /// When.
    pub at: Instant,
}

/// What a client said of itself; in place as far as phones say, since what one thread allots costs another to give back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    octets: SmallVec<[u8; 96]>,
    lengths: [Option<usize>; 3],
}

impl Said {
    /// Options 60, 55 and 61.
    pub fn of(asker: &Asker<'_>) -> Self {
        let options = [asker.vendor_class, Some(asker.request_list), asker.client_id];
        let mut octets = SmallVec::new();
        options.iter().flatten().for_each(|option| octets.extend_from_slice(option));
        Self { octets, lengths: options.map(|option| option.map(<[u8]>::len)) }
    }

    /// They again.
    pub fn options(&self) -> [Option<&[u8]>; 3] {
        let mut rest = &*self.octets;
        self.lengths.map(|length| {
            let (option, behind) = rest.split_at_checked(length?)?;
            rest = behind;
            Some(option)
        })
    }
}

/// The verdicts, and when they were last known to be current.
#[derive(Debug, Default)]
pub struct Verdicts {
    /// By phone.
    pub by_mac: HashMap<Mac, Verdict>,
    /// Seconds since the epoch; `None` where none was ever heard.
    pub as_of: Option<u64>,
}

/// What phones are told that no class of the user's sets apart, made up in advance.
struct Usual {
    server: FileServer,
    steer: Steer,
    told: Told,
}

/// The hook while it is loaded.
pub struct Hook {
    shared: Shared,
    usual: Vec<Usual>,
    feeds: bool,
    /// What the appliance says of phones.
    pub verdicts: RwLock<Verdicts>,
    queue: Mutex<Queue<Heard>>,
    news: Condvar,
    /// Somebody waits at `news`.
    pub asleep: AtomicBool,
    /// It is to end.
    pub stopping: AtomicBool,
}

static RUNNING: RwLock<Option<(Arc<Hook>, Arc<Link>)>> = RwLock::new(None);
static THREAD: Mutex<Option<JoinHandle<()>>> = Mutex::new(None);

/// Asks the hook, while it is loaded.
pub fn running<T>(ask: impl FnOnce(&Hook) -> T) -> Option<T> {
    let running = RUNNING.read().unwrap_or_else(PoisonError::into_inner);
    running.as_ref().map(|(hook, _)| ask(hook))
}

/// Reads the configuration and the cached verdicts, and begins to talk to the appliance.
pub fn start(config: &str, feed: &str, cache: &str) -> Result<(), String> {
    stop();
    let text = std::fs::read_to_string(config).map_err(|error| {
        format!("cannot read {config}: {error}; correct the parameter \"config\" of this hook")
    })?;
    let shared = Shared::read(&text).map_err(|error| format!("{config}: {error}"))?;
    for line in &shared.left_out {
        log(Level::Warn, &format!("{config}: {line}"));
    }
    let cache = PathBuf::from(cache);
    let verdicts = cache::read(&cache).unwrap_or_else(|why| {
        log(Level::Warn, &why);
        Cached::default()
    });
    let hook = Arc::new(Hook::new(shared, verdicts, !feed.is_empty()));
    log(
        Level::Info,
        &format!(
            "Transload {} steers phones to {}; {}; {}",
            env!("CARGO_PKG_VERSION"),
            hook.shared.server(Ipv4Addr::UNSPECIFIED),
            hook.age(),
            if feed.is_empty() {
                "no feed: each phone is told by its message alone".to_owned()
            } else {
                format!("feed {feed}")
            },
        ),
    );
    (1..).zip(&hook.usual).for_each(|(number, usual)| prepare(number, &usual.told));
    let link = Arc::new(Link::default());
    if !feed.is_empty() {
        let (hook, link, feed) = (Arc::clone(&hook), Arc::clone(&link), PathBuf::from(feed));
        let thread = std::thread::Builder::new()
            .name("transload-feed".to_owned())
            .spawn(move || link::run(&hook, &link, &feed, &cache))
            .map_err(|error| format!("no thread for the feed: {error}"))?;
        *THREAD.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
    }
    *RUNNING.write().unwrap_or_else(PoisonError::into_inner) = Some((hook, link));
    Ok(())
}

/// Ends it; what could not be told is lost.
pub fn stop() {
    let running = RUNNING.write().unwrap_or_else(PoisonError::into_inner).take();
    if let Some((hook, link)) = running {
        hook.stopping.store(true, Ordering::SeqCst);
        link.close();
        hook.news.notify_all();
    }
    let thread = THREAD.lock().unwrap_or_else(PoisonError::into_inner).take();
    if thread.is_some_and(|thread| thread.join().is_err()) {
        log(Level::Error, "the feed ended by a defect of this hook; report this");
    }
}

impl Hook {
    /// One that has heard nothing but what was cached, and has somebody to tell of clients or not.
    pub fn new(shared: Shared, cached: Cached, feeds: bool) -> Self {
        let verdicts = Verdicts {
            by_mac: cached.verdicts.into_iter().map(|verdict| (verdict.mac, verdict)).collect(),
            as_of: cached.as_of,
        };
        let usual = usual(&shared);
        Self {
            shared,
            usual,
            feeds,
            verdicts: RwLock::new(verdicts),
            queue: Mutex::new(Queue::new(EVENTS_KEPT)),
            news: Condvar::new(),
            asleep: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
        }
    }

    /// Decides about an answer of Kea's, and remembers to tell of it; `None` where it is to stay as it is.
    pub fn answer(&self, asker: &Asker<'_>) -> Option<Cow<'_, Told>> {
        let told = if matches!(asker.response, OFFER | ACK) { self.told(asker) } else { None };
        let given = asker.response == ACK && !asker.address.is_unspecified();
        if self.feeds && (told.is_some() || given) {
            self.note(asker, given);
        }
        told.filter(|_| asker.response != NAK)
    }

    /// The policy: the user's class, what is known of the phone, or what its message alone tells.
    fn told(&self, asker: &Asker<'_>) -> Option<Cow<'_, Told>> {
        let Asker { mac, vendor_class, request_list, boot, .. } = *asker;
        let server = self.shared.server(asker.address);
        let class = self.shared.class(vendor_class, mac);
        let phone = |steer: &Steer| {
            let is_it = |usual: &&Usual| class.is_none() && usual.server == server && usual.steer == *steer;
            match self.usual.iter().find(is_it) {
                Some(usual) => Cow::Borrowed(&usual.told),
                None => Cow::Owned(Told::of(answer(class, Some(&steer.options(server)), []), true)),
            }
        };
        let known = {
            let verdicts = self.verdicts.read().unwrap_or_else(PoisonError::into_inner);
            let verdict = verdicts.by_mac.get(&mac);
            verdict.map(|verdict| phone(verdict.steer(boot, vendor_class, request_list)))
        };
        known
            .or_else(|| {
                let persona = first_contact(vendor_class, request_list, mac)?;
                Some(phone(&self.shared.site.steer(persona, false)))
            })
            .or_else(|| class.map(|_| Cow::Owned(Told::of(answer(class, None, []), false))))
    }

    fn note(&self, asker: &Asker<'_>, given: bool) {
        let heard = Heard::Client(Seen {
            mac: asker.mac,
            boot: asker.boot,
            lease: given.then_some((asker.address, asker.seconds)),
            said: Said::of(asker),
            at: Instant::now(),
        });
        self.queue().push(heard);
        // Whoever starts or gets an address may ask for files at once; the rest can wait.
        if (given || asker.boot) && self.asleep.swap(false, Ordering::SeqCst) {
            self.news.notify_one();
        }
    }

    /// An address is no client's any more.
    pub fn freed(&self, mac: Mac, address: Ipv4Addr) {
        if self.feeds {
            self.queue().push(Heard::Freed(mac, address));
        }
    }

    /// What waits to be told.
    pub fn queue(&self) -> MutexGuard<'_, Queue<Heard>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where to wait for more of it.
    pub fn news(&self) -> &Condvar {
        &self.news
    }

    /// How old what is known of phones is, for the log.
    pub fn age(&self) -> String {
        let verdicts = self.verdicts.read().unwrap_or_else(PoisonError::into_inner);
        match verdicts.as_of {
            None => "no verdict on a phone was ever heard".to_owned(),
            Some(as_of) => format!(
                "verdicts on {} phones, {} s old",
                verdicts.by_mac.len(),
                cache::now().saturating_sub(as_of)
            ),
        }
    }
}

fn usual(shared: &Shared) -> Vec<Usual> {
    use Persona::{Enterprise, Multiplatform, Transition, Unknown};
    let mut usual = Vec::new();
    for server in shared.servers() {
        for persona in [Enterprise, Transition, Multiplatform, Unknown] {
            for finished in [false, true] {
                let steer = shared.site.steer(persona, finished);
                let mut told = Told::of(answer(None, Some(&steer.options(server)), []), true);
                told.prepared = usual.len() as u32 + 1;
                usual.push(Usual { server, steer, told });
            }
        }
    }
    usual
}

impl Told {
    fn of(resolved: Resolved<'_>, is_phone: bool) -> Self {
        let options: Vec<_> =
            resolved.options.into_iter().map(|option| (option.code, option.value)).collect();
        Self {
            steers: is_phone || options.iter().any(|(code, _)| steers(*code)),
            next_server: resolved.next_server.map(|(address, _)| address),
            server_name: resolved.server_name.map(|(name, _)| name.to_owned()),
            boot_file: resolved.boot_file.map(|(file, _)| file.to_owned()),
            options,
            prepared: 0,
        }
    }
}
