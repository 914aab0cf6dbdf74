//! The feed's thread: it tells the appliance what Kea's threads have noted, and takes in its verdicts. No thread of
//! Kea's ever waits for it.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use transload_provision::feed::{FeedClient, FeedEvent, FeedMessage, LINE, PROTOCOL};
use transload_provision::mac::Mac;

use crate::boundary::{LogLevel, log};
use crate::cache;
use crate::hook::{ClientSighting, FeedReport, Hook, Verdicts};

/// Between two tries to reach the appliance.
const AGAIN: Duration = Duration::from_secs(1);
/// How often the log tells that it cannot be reached, and how old the verdicts are.
const REMIND: Duration = Duration::from_secs(60);
/// How often changed verdicts are written to disk.
const WRITE_CACHE: Duration = Duration::from_secs(2);
/// Reports that nothing waits for are sent after this.
const LINGER: Duration = Duration::from_millis(500);
/// Reports this close together are sent together: an offer and its lease.
const COLLECT: Duration = Duration::from_millis(2);
/// Under load, when a round has brought so many events, they are collected for longer, and nobody is woken for each.
const BUSY: usize = 8;
const COLLECT_BUSY: Duration = Duration::from_millis(50);
/// Events taken while Kea's threads cannot add any, and bytes in one write and one read.
const BATCH: usize = 256;
const WRITE: usize = 16 * LINE;
const READ: usize = 16 * LINE;
/// An offer and its lease are no further apart.
const TOGETHER: Duration = Duration::from_secs(1);
/// An appliance that takes nothing for so long is gone.
const STUCK: Duration = Duration::from_secs(5);

/// The connection, for whoever wants it to end.
#[derive(Default)]
pub struct FeedConnection(Mutex<Option<UnixStream>>);

impl FeedConnection {
    fn set(&self, stream: Option<UnixStream>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = stream;
    }

    /// Ends the connection, whatever it waits for.
    pub fn close(&self) {
        if let Some(stream) = &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            _ = stream.shutdown(Shutdown::Both);
        }
    }
}

/// Keeps the feed up until the hook stops.
pub fn run(hook: &Hook, link: &FeedConnection, feed: &Path, cache: &Path) {
    let mut reminded: Option<Instant> = None;
    while !hook.stopping.load(Ordering::SeqCst) {
        match UnixStream::connect(feed) {
            Ok(stream) => {
                log(LogLevel::Info, &format!("connected to the appliance; {}", hook.age()));
                let why = talk(hook, link, &stream, cache);
                hook.queue().disconnected();
                if hook.stopping.load(Ordering::SeqCst) {
                    return;
                }
                log(LogLevel::Warn, &format!("the appliance is gone ({why}); {}", hook.age()));
                reminded = Some(Instant::now());
            }
            Err(error) if reminded.is_none_or(|at| at.elapsed() >= REMIND) => {
                let feed = feed.display();
                log(
                    LogLevel::Warn,
                    &format!("the appliance cannot be reached by {feed} ({error}); {}", hook.age()),
                );
                reminded = Some(Instant::now());
            }
            Err(_) => {}
        }
        let queue = hook.queue();
        if !hook.stopping.load(Ordering::SeqCst) {
            _ = hook.news().wait_timeout(queue, AGAIN);
        }
    }
}

/// One connection, until it ends; why it did.
fn talk(hook: &Hook, link: &FeedConnection, stream: &UnixStream, cache: &Path) -> String {
    let prepared = stream.set_write_timeout(Some(STUCK)).and_then(|()| stream.try_clone());
    let (reading, closing) = match prepared.and_then(|reading| Ok((reading, stream.try_clone()?))) {
        Ok(streams) => streams,
        Err(error) => return error.to_string(),
    };
    link.set(Some(closing));
    let ended = std::sync::atomic::AtomicBool::new(false);
    let why = std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let why = listen(hook, reading, cache);
            ended.store(true, Ordering::SeqCst);
            hook.news().notify_all();
            why
        });
        let told = tell(hook, stream, &ended);
        _ = stream.shutdown(Shutdown::Both);
        let heard = reader.join().unwrap_or_else(|_| "a defect of this hook".to_owned());
        told.map_or_else(|error| error.to_string(), |()| heard)
    });
    link.set(None);
    why
}

fn tell(hook: &Hook, mut stream: &UnixStream, ended: &std::sync::atomic::AtomicBool) -> std::io::Result<()> {
    let over = || ended.load(Ordering::SeqCst) || hook.stopping.load(Ordering::SeqCst);
    let mut lines = 0;
    let mut text = Vec::new();
    line(&mut text, &mut lines, &FeedEvent::Hello { protocol: PROTOCOL, name: "Kea".to_owned() })?;
    while !over() {
        let dropped = hook.queue().take_dropped();
        if dropped > 0 {
            log(
                LogLevel::Warn,
                &format!("{dropped} events found no room while the appliance could not be reached"),
            );
            line(&mut text, &mut lines, &FeedEvent::Dropped { count: dropped })?;
        }
        let (next, end) = hook.queue().next(BATCH);
        let now = Instant::now();
        for (heard, boot) in worth_telling(&next) {
            line(&mut text, &mut lines, &event(heard, boot, now))?;
        }
        hook.queue().sent(end, lines);
        let more = next.len() == BATCH;
        if !more || text.len() >= WRITE {
            stream.write_all(&text)?;
            text.clear();
        }
        if more {
            continue;
        }
        if next.len() >= BUSY {
            std::thread::sleep(COLLECT_BUSY);
            continue;
        }
        let queue = hook.queue();
        if !queue.is_waiting() && !over() {
            hook.asleep.store(true, Ordering::SeqCst);
            _ = hook.news().wait_timeout(queue, LINGER);
            hook.asleep.store(false, Ordering::SeqCst);
        } else {
            drop(queue);
        }
        std::thread::sleep(COLLECT);
    }
    Ok(())
}

fn line(text: &mut Vec<u8>, lines: &mut u64, event: &FeedEvent) -> std::io::Result<()> {
    serde_json::to_writer(&mut *text, event)?;
    text.push(b'\n');
    *lines += 1;
    Ok(())
}

/// What to send, and whether its client had just started. That a client asked goes without saying where it soon says the
/// same again: an offer before its lease.
fn worth_telling(heard: &[FeedReport]) -> Vec<(&FeedReport, bool)> {
    // From the last to the first, and where in there each client's latest is.
    let mut told: Vec<(&FeedReport, bool)> = Vec::with_capacity(heard.len());
    let mut latest: HashMap<Mac, usize> = HashMap::with_capacity(heard.len());
    for heard in heard.iter().rev() {
        let FeedReport::Client(seen) = heard else {
            told.push((heard, false));
            continue;
        };
        let later = latest.get(&seen.mac).and_then(|at| told.get_mut(*at));
        if let Some((FeedReport::Client(later), boot)) = later
            && seen.goes_without_saying(later)
        {
            *boot |= seen.boot;
            continue;
        }
        latest.insert(seen.mac, told.len());
        told.push((heard, seen.boot));
    }
    told.reverse();
    told
}

impl ClientSighting {
    fn goes_without_saying(&self, later: &Self) -> bool {
        self.lease.is_none()
            && later.at.saturating_duration_since(self.at) < TOGETHER
            && self.said == later.said
    }
}

fn event(heard: &FeedReport, boot: bool, now: Instant) -> FeedEvent {
    let seen = match heard {
        FeedReport::Freed(mac, address) => return FeedEvent::Free { mac: *mac, address: *address },
        FeedReport::Client(seen) => seen,
    };
    let hex = |id: &[u8]| {
        let digits = id.iter().flat_map(|octet| [octet >> 4, octet & 15]);
        digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
    };
    let [vendor_class, request_list, client_id] = seen.said.options();
    let client = FeedClient {
        mac: seen.mac,
        vendor_class: vendor_class.map(|text| String::from_utf8_lossy(text).into_owned()),
        request_list: request_list.unwrap_or_default().to_vec(),
        client_id: client_id.map(hex),
        boot: Some(boot),
        ago: now.saturating_duration_since(seen.at).as_millis() as u64,
    };
    match seen.lease {
        Some((address, seconds)) => FeedEvent::Lease { client, address, seconds },
        None => FeedEvent::Asked(client),
    }
}

/// Takes in words until the connection ends; why it did.
fn listen(hook: &Hook, stream: UnixStream, cache: &Path) -> String {
    let mut reader = BufReader::with_capacity(READ, stream);
    // Verdicts from before count until all were said again.
    let mut anew = Some(Verdicts::default());
    let mut changed = false;
    let mut written: Option<Instant> = None;
    let mut text = Vec::new();
    _ = reader.get_ref().set_read_timeout(Some(WRITE_CACHE));
    loop {
        match (&mut reader).take((LINE - text.len()) as u64).read_until(b'\n', &mut text) {
            Ok(0) if text.len() >= LINE => return "it sent a line that is too long".to_owned(),
            Ok(0) => {
                save(hook, cache, &mut changed);
                return "it closed the connection".to_owned();
            }
            Ok(_) if text.last() == Some(&b'\n') => {
                match FeedMessage::read(&text) {
                    Ok(word) => changed |= take_in(hook, &mut anew, word),
                    Err(error) => return format!("it sent a line that cannot be read: {error}"),
                }
                text.clear();
            }
            Ok(_) => {}
            Err(error)
                if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) =>
            {
                // Silence of an appliance that is there: what is known is current.
                if anew.is_none() {
                    hook.verdicts.write().unwrap_or_else(PoisonError::into_inner).as_of = Some(cache::now());
                }
            }
            Err(error) => {
                save(hook, cache, &mut changed);
                return error.to_string();
            }
        }
        if changed && anew.is_none() && written.is_none_or(|at| at.elapsed() >= WRITE_CACHE) {
            save(hook, cache, &mut changed);
            written = Some(Instant::now());
        }
    }
}

fn save(hook: &Hook, path: &Path, changed: &mut bool) {
    if !std::mem::take(changed) {
        return;
    }
    let verdicts = {
        let verdicts = hook.verdicts.read().unwrap_or_else(PoisonError::into_inner);
        Verdicts { by_mac: verdicts.by_mac.clone(), as_of: verdicts.as_of }
    };
    if let Err(error) = cache::write(path, &verdicts) {
        let path = path.display();
        log(
            LogLevel::Warn,
            &format!(
                "cannot write the verdicts to {path}: {error}; set the parameter \"cache\" to a file that Kea may write"
            ),
        );
    }
}

/// Returns whether something has changed.
fn take_in(hook: &Hook, anew: &mut Option<Verdicts>, word: FeedMessage) -> bool {
    let mut verdicts = hook.verdicts.write().unwrap_or_else(PoisonError::into_inner);
    match word {
        FeedMessage::Verdict(verdict) => {
            if let Some(anew) = anew {
                anew.by_mac.insert(verdict.mac, verdict.clone());
            }
            verdicts.by_mac.insert(verdict.mac, verdict);
        }
        FeedMessage::Forget { mac, .. } => _ = verdicts.by_mac.remove(&mac),
        FeedMessage::Heard { lines } => {
            drop(verdicts);
            hook.queue().heard(lines);
            return false;
        }
        FeedMessage::Whole { version } => {
            if let Some(anew) = anew.take() {
                verdicts.by_mac = anew.by_mac;
                let phones = verdicts.by_mac.len();
                log(
                    LogLevel::Info,
                    &format!("the appliance has told all it knows: {phones} phones, version {version}"),
                );
            }
        }
    }
    if anew.is_none() {
        verdicts.as_of = Some(cache::now());
    }
    true
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::hook::{ClientMessage, IdentityOptions};

    const LEASE: Option<(Ipv4Addr, u32)> = Some((Ipv4Addr::new(10, 23, 45, 101), 3600));

    fn heard(phone: u8, boot: bool, class: &[u8], lease: Option<(Ipv4Addr, u32)>, at: Instant) -> FeedReport {
        let mac = Mac([0xc4, 0xb9, 0xcd, 0, 0, phone]);
        let asker = ClientMessage {
            mac,
            response: 5,
            boot,
            address: Ipv4Addr::UNSPECIFIED,
            seconds: 0,
            vendor_class: Some(class),
            request_list: &[1, 150],
            client_id: Some(&[1, 0xc4, 0xb9]),
        };
        FeedReport::Client(ClientSighting { mac, boot, lease, said: IdentityOptions::of(&asker), at })
    }

    #[test]
    fn an_offer_goes_without_saying_before_its_lease_and_nothing_else_does() {
        let at = Instant::now();
        let (soon, later) = (at + Duration::from_millis(5), at + TOGETHER);
        let heard = [
            heard(1, true, b"CP-8851", None, at),
            heard(2, true, b"CP-8851", None, at),
            heard(3, true, b"CP-8851", None, at),
            FeedReport::Freed(Mac([0xc4, 0xb9, 0xcd, 0, 0, 1]), Ipv4Addr::new(10, 23, 45, 9)),
            heard(1, false, b"CP-8851", LEASE, soon),
            heard(3, false, b"CP-8851-3PCC", LEASE, soon),
            heard(4, true, b"CP-8851", LEASE, soon),
            heard(2, false, b"CP-8851", LEASE, later),
            heard(4, false, b"CP-8851", LEASE, later),
        ];
        let told = worth_telling(&heard).into_iter().map(|(heard, boot)| match event(heard, boot, later) {
            FeedEvent::Asked(client) => format!("{} asked, {:?}", client.mac, client.boot),
            FeedEvent::Lease { client, .. } => format!("{} has a lease, {:?}", client.mac, client.boot),
            other => serde_json::to_string(&other).unwrap(),
        });
        let expected = [
            "C4B9CD000002 asked, Some(true)",
            "C4B9CD000003 asked, Some(true)",
            r#"{"event":"free","mac":"C4B9CD000001","address":"10.23.45.9"}"#,
            "C4B9CD000001 has a lease, Some(true)",
            "C4B9CD000003 has a lease, Some(false)",
            "C4B9CD000004 has a lease, Some(true)",
            "C4B9CD000002 has a lease, Some(false)",
            "C4B9CD000004 has a lease, Some(false)",
        ];
        assert_eq!(told.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_message_is_told_with_all_it_said() {
        let at = Instant::now();
        let heard = heard(1, true, b"CP-8851-3PCC", LEASE, at);
        let line = serde_json::to_string(&event(&heard, true, at + Duration::from_millis(7))).unwrap();
        assert_eq!(
            line,
            r#"{"event":"lease","mac":"C4B9CD000001","vendor_class":"CP-8851-3PCC","request_list":[1,150],"client_id":"01c4b9","boot":true,"ago":7,"address":"10.23.45.101","seconds":3600}"#
        );
    }
}
