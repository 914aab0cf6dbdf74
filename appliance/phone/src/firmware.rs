//! Fetches a load: the `.loads` file, then the components of the phone's hardware platform (§4).

use std::net::Ipv4Addr;

use super::journal::{FetchOutcome, PhoneEvent};
use super::network::{Url, VirtualNetwork};
use super::sink::Sink;
use super::{Doing, Life};
use crate::lookalike::{Signature, Verifier, signature};
use crate::shared::LoadName;

/// The place of a load's files.
pub(super) enum FirmwareSource {
    /// Enterprise file servers, in order of preference.
    Servers(Vec<Ipv4Addr>),
    /// The folder of this URL.
    Beside(Url),
}

/// The reason that a load was not fetched.
pub(super) enum FirmwareFault {
    /// A file is missing.
    Missing(String),
    /// A file is damaged.
    Damaged(String),
    /// The phone would not survive the load: the broken rule.
    Forbidden(String),
    /// A transfer broke, or nobody answers.
    Broken(String),
}

/// The largest document, in bytes.
const LARGEST_DOCUMENT: usize = 1 << 20;
/// Attempts at each component.
const TRIES: u32 = 3;

impl Life {
    /// Asks for a file and writes the journal.
    pub(super) async fn ask(
        &self,
        network: &VirtualNetwork,
        source: &FirmwareSource,
        name: &str,
        sink: Sink<'_>,
    ) -> FetchOutcome {
        match source {
            FirmwareSource::Beside(url) => self.ask_url(network, &url.beside(name), sink).await,
            FirmwareSource::Servers(servers) => {
                let mut answer = FetchOutcome::Unreachable;
                for server in servers {
                    answer = self.ask_server(network, *server, name, sink).await;
                    if answer != FetchOutcome::Unreachable {
                        break;
                    }
                }
                answer
            }
        }
    }

    pub(super) async fn ask_url(&self, network: &VirtualNetwork, url: &Url, sink: Sink<'_>) -> FetchOutcome {
        self.awake.work();
        let answer = network.fetch(url, sink).await;
        self.journal.add(PhoneEvent::Asked { url: url.to_string(), answer: answer.clone() });
        answer
    }

    /// HTTP port 6970 first, then TFTP (§3.1).
    async fn ask_server(
        &self,
        network: &VirtualNetwork,
        server: Ipv4Addr,
        name: &str,
        sink: Sink<'_>,
    ) -> FetchOutcome {
        let quirks = &self.spec.quirks;
        self.awake.work();
        if let Some((_, port)) = network.wiring.call_manager.filter(|(address, _)| *address == server) {
            let answer = network.fetch_outside(port, name, sink).await;
            self.journal.add(PhoneEvent::Asked {
                url: format!("call manager {server}, {name}"),
                answer: answer.clone(),
            });
            return answer;
        }
        if quirks.http_first {
            let answer = network.fetch_6970(server, name, sink).await;
            self.journal.add(PhoneEvent::Asked {
                url: format!("http://{server}:6970/{name}"),
                answer: answer.clone(),
            });
            match answer {
                FetchOutcome::Unreachable => {}
                FetchOutcome::NotFound if quirks.tftp_after_not_found => {}
                answer => return answer,
            }
        }
        self.awake.work();
        let path = if quirks.leading_slash { format!("/{name}") } else { name.to_owned() };
        let answer = network.fetch_69(server, &path, sink).await;
        self.journal
            .add(PhoneEvent::Asked { url: format!("tftp://{server}/{name}"), answer: answer.clone() });
        answer
    }

    /// Asks for a file that fits in memory.
    pub(super) async fn ask_document(
        &self,
        network: &VirtualNetwork,
        source: &FirmwareSource,
        name: &str,
    ) -> (FetchOutcome, Vec<u8>) {
        let mut bytes = Vec::new();
        let answer = self.ask(network, source, name, &mut |part| hold(&mut bytes, part)).await;
        (answer, bytes)
    }

    /// Fetches and checks a whole load.
    pub(super) async fn fetch_load(
        &self,
        network: &VirtualNetwork,
        source: &FirmwareSource,
        load: &LoadName,
    ) -> Result<(), FirmwareFault> {
        let loads = load.loads_file();
        let (answer, file) = self.ask_document(network, source, &loads).await;
        match answer {
            FetchOutcome::Got(_) => {
                let running = self.memory(|memory| memory.load.clone());
                self.judge(&running, load).map_err(FirmwareFault::Forbidden)?;
            }
            FetchOutcome::NotFound => return Err(FirmwareFault::Missing(loads)),
            answer => return Err(FirmwareFault::Broken(format!("{loads}: {answer}"))),
        }
        let (signature, start) = signature(&file);
        if signature == Signature::Broken {
            return Err(FirmwareFault::Damaged(format!("{loads}: its signature does not hold")));
        }
        let platforms = listing(&file[start..]);
        let platform = &self.spec.platform;
        let Some((_, components)) = platforms.iter().find(|(name, _)| name == platform) else {
            return Err(FirmwareFault::Damaged(format!("{loads}: nothing in it for {platform}")));
        };
        self.doing(Doing::Fetching(load.clone(), 0, components.len()));
        for (done, component) in components.iter().enumerate() {
            if !(self.spec.quirks.keeps_components
                && self.memory(|memory| memory.components.contains(component)))
            {
                self.fetch_component(network, source, component, signature == Signature::LookAlike).await?;
            }
            self.doing(Doing::Fetching(load.clone(), done + 1, components.len()));
        }
        Ok(())
    }

    async fn fetch_component(
        &self,
        network: &VirtualNetwork,
        source: &FirmwareSource,
        name: &str,
        verify: bool,
    ) -> Result<(), FirmwareFault> {
        let mut last = String::new();
        for _ in 0..TRIES {
            let mut verifier = Verifier::default();
            let mut feed = |part: &[u8]| {
                verifier.feed(part);
                self.awake.work();
            };
            let answer = self.ask(network, source, name, &mut feed).await;
            self.change(|state| state.bytes += verifier.length);
            match answer {
                FetchOutcome::Got(_) if verify && !verifier.holds() => {
                    return Err(FirmwareFault::Damaged(format!("{name}: its signature does not hold")));
                }
                FetchOutcome::Got(0) => return Err(FirmwareFault::Damaged(format!("{name}: it is empty"))),
                FetchOutcome::Got(_) => {
                    self.change(|state| state.memory.components.extend([name.to_owned()]));
                    return Ok(());
                }
                FetchOutcome::NotFound => return Err(FirmwareFault::Missing(name.to_owned())),
                answer => last = format!("{name}: {answer}"),
            }
            self.pause(std::time::Duration::from_secs(5)).await;
        }
        Err(FirmwareFault::Broken(last))
    }
}

/// Appends to a document, up to the largest size.
pub(super) fn hold(bytes: &mut Vec<u8>, part: &[u8]) {
    let room = LARGEST_DOCUMENT.saturating_sub(bytes.len());
    bytes.extend_from_slice(&part[..part.len().min(room)]);
}

/// Component names of a `.loads` file, by section.
pub fn listing(text: &[u8]) -> Vec<(String, Vec<String>)> {
    let text = String::from_utf8_lossy(text);
    let mut platforms: Vec<(String, Vec<String>)> = Vec::new();
    for line in text.lines() {
        if let Some((name, _)) = line.trim().strip_prefix('[').and_then(|inner| inner.split_once(']')) {
            platforms.push((name.to_owned(), Vec::new()));
            continue;
        }
        let Some((_, components)) = platforms.last_mut() else {
            continue;
        };
        let words = line.split(|c: char| !(c.is_ascii_alphanumeric() || "._-".contains(c)));
        let is_component = |word: &&str| {
            let word = word.to_ascii_lowercase();
            [".sbn", ".sebn"].iter().any(|end| word.len() > end.len() && word.ends_with(end))
        };
        components.extend(words.filter(is_component).map(str::to_owned));
    }
    platforms
}
