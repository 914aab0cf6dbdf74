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
use transload_provision::shared::PluginConfig;

use crate::boundary::{LogLevel, log, prepare};
use crate::cache::{self, Cached};
use crate::link::{self, FeedConnection};
use crate::queue::ReportQueue;

/// Events kept while the appliance cannot be reached: a large site's morning.
const EVENTS_KEPT: usize = 16_384;
/// Message types (RFC 2132 §9.6).
const OFFER: u8 = 2;
const ACK: u8 = 5;
const NAK: u8 = 6;

/// A client's message, and what Kea is about to answer.
#[derive(Debug, Clone, Copy)]
pub struct ClientMessage<'a> {
    /// The client's Ethernet address.
    pub mac: Mac,
    /// The type of Kea's answer.
    pub response: u8,
    /// The client has just started.
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

/// The changes to Kea's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResponseEdit {
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

/// A report to the appliance.
#[derive(Debug, Clone)]
pub enum FeedReport {
    /// A client asked.
    Client(ClientSighting),
    /// An address is free again.
    Freed(Mac, Ipv4Addr),
}

/// A client that sent a message, and its lease if it got one.
#[derive(Debug, Clone)]
pub struct ClientSighting {
    /// The client's Ethernet address.
    pub mac: Mac,
    /// The client had just started.
    pub boot: bool,
    /// The leased address, and the lease time in seconds.
    pub lease: Option<(Ipv4Addr, u32)>,
    /// The options that identify it.
    pub said: IdentityOptions,
    /// The time of the message.
    pub at: Instant,
}

/// The options that identify a client. They are stored in place if they are as short as phones send them, because memory
/// that one thread allocates is slow to free in another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityOptions {
    octets: SmallVec<[u8; 96]>,
    lengths: [Option<usize>; 3],
}

impl IdentityOptions {
    /// Options 60, 55 and 61.
    pub fn of(asker: &ClientMessage<'_>) -> Self {
        let options = [asker.vendor_class, Some(asker.request_list), asker.client_id];
        let mut octets = SmallVec::new();
        options.iter().flatten().for_each(|option| octets.extend_from_slice(option));
        Self { octets, lengths: options.map(|option| option.map(<[u8]>::len)) }
    }

    /// The three options.
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

/// The changes for phones of no configured class, prepared in advance.
struct DefaultEdit {
    server: FileServer,
    steer: Steer,
    told: ResponseEdit,
}

/// The hook while it is loaded.
pub struct Hook {
    shared: PluginConfig,
    usual: Vec<DefaultEdit>,
    feeds: bool,
    /// The appliance's verdicts on phones.
    pub verdicts: RwLock<Verdicts>,
    queue: Mutex<ReportQueue<FeedReport>>,
    news: Condvar,
    /// Somebody waits at `news`.
    pub asleep: AtomicBool,
    /// It is to end.
    pub stopping: AtomicBool,
}

static RUNNING: RwLock<Option<(Arc<Hook>, Arc<FeedConnection>)>> = RwLock::new(None);
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
    let shared = PluginConfig::read(&text).map_err(|error| format!("{config}: {error}"))?;
    for line in &shared.left_out {
        log(LogLevel::Warn, &format!("{config}: {line}"));
    }
    let cache = PathBuf::from(cache);
    let verdicts = cache::read(&cache).unwrap_or_else(|why| {
        log(LogLevel::Warn, &why);
        Cached::default()
    });
    let hook = Arc::new(Hook::new(shared, verdicts, !feed.is_empty()));
    log(
        LogLevel::Info,
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
    let link = Arc::new(FeedConnection::default());
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
        log(LogLevel::Error, "the feed ended by a defect of this hook; report this");
    }
}

impl Hook {
    /// One that has heard nothing but what was cached, and has somebody to tell of clients or not.
    pub fn new(shared: PluginConfig, cached: Cached, feeds: bool) -> Self {
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
            queue: Mutex::new(ReportQueue::new(EVENTS_KEPT)),
            news: Condvar::new(),
            asleep: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
        }
    }

    /// Decides about an answer of Kea's, and remembers to tell of it; `None` where it is to stay as it is.
    pub fn answer(&self, asker: &ClientMessage<'_>) -> Option<Cow<'_, ResponseEdit>> {
        let told = if matches!(asker.response, OFFER | ACK) { self.told(asker) } else { None };
        let given = asker.response == ACK && !asker.address.is_unspecified();
        if self.feeds && (told.is_some() || given) {
            self.note(asker, given);
        }
        told.filter(|_| asker.response != NAK)
    }

    /// The policy: the user's class, what is known of the phone, or what its message alone tells.
    fn told(&self, asker: &ClientMessage<'_>) -> Option<Cow<'_, ResponseEdit>> {
        let ClientMessage { mac, vendor_class, request_list, boot, .. } = *asker;
        let server = self.shared.server(asker.address);
        let class = self.shared.class(vendor_class, mac);
        let phone = |steer: &Steer| {
            let is_it =
                |usual: &&DefaultEdit| class.is_none() && usual.server == server && usual.steer == *steer;
            match self.usual.iter().find(is_it) {
                Some(usual) => Cow::Borrowed(&usual.told),
                None => Cow::Owned(ResponseEdit::of(answer(class, Some(&steer.options(server)), []), true)),
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
            .or_else(|| class.map(|_| Cow::Owned(ResponseEdit::of(answer(class, None, []), false))))
    }

    fn note(&self, asker: &ClientMessage<'_>, given: bool) {
        let heard = FeedReport::Client(ClientSighting {
            mac: asker.mac,
            boot: asker.boot,
            lease: given.then_some((asker.address, asker.seconds)),
            said: IdentityOptions::of(asker),
            at: Instant::now(),
        });
        self.queue().push(heard);
        // A client that starts or gets an address may fetch files at once, so its report is urgent.
        if (given || asker.boot) && self.asleep.swap(false, Ordering::SeqCst) {
            self.news.notify_one();
        }
    }

    /// An address is no client's any more.
    pub fn freed(&self, mac: Mac, address: Ipv4Addr) {
        if self.feeds {
            self.queue().push(FeedReport::Freed(mac, address));
        }
    }

    /// Reports that wait to be sent.
    pub fn queue(&self) -> MutexGuard<'_, ReportQueue<FeedReport>> {
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

fn usual(shared: &PluginConfig) -> Vec<DefaultEdit> {
    use Persona::{Enterprise, Multiplatform, Transition, Unknown};
    let mut usual = Vec::new();
    for server in shared.servers() {
        for persona in [Enterprise, Transition, Multiplatform, Unknown] {
            for finished in [false, true] {
                let steer = shared.site.steer(persona, finished);
                let mut told = ResponseEdit::of(answer(None, Some(&steer.options(server)), []), true);
                told.prepared = usual.len() as u32 + 1;
                usual.push(DefaultEdit { server, steer, told });
            }
        }
    }
    usual
}

impl ResponseEdit {
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
