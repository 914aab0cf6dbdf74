//! Enterprise firmware: its requests at boot, and its reaction to the answers (§3).

use std::net::Ipv4Addr;
use std::time::Duration;

use super::dhcp::Lease;
use super::firmware::FirmwareSource;
use super::journal::FetchOutcome;
use super::network::VirtualNetwork;
use super::registration::{self, RegistrationOrder};
use super::spec::Registers;
use super::{Doing, Life, RunEnd, xml};
use crate::shared::LoadName;

/// Reads the configuration until one is usable.
pub(super) async fn run(life: &Life, network: &VirtualNetwork, lease: &Lease) -> RunEnd {
    let servers = servers(lease);
    if servers.is_empty() {
        life.note("it was given no file server: asks for an activation code".to_owned());
        return rest(life).await;
    }
    let source = FirmwareSource::Servers(servers);
    loop {
        life.doing(Doing::Asking);
        let mac = life.spec.mac;
        for trust_list in [format!("CTLSEP{mac}.tlv"), format!("ITLSEP{mac}.tlv"), "ITLFile.tlv".to_owned()] {
            life.ask_document(network, &source, &trust_list).await;
        }
        match configuration(life, network, &source).await {
            Some(configuration) => {
                if let Some(end) = obey(life, network, &source, configuration).await {
                    return end;
                }
            }
            None => wait_to_ask_again(life).await,
        }
    }
}

/// Option 150 as addresses, else option 66 as text (§1.3).
fn servers(lease: &Lease) -> Vec<Ipv4Addr> {
    let from_150 = lease.options.get(&150).filter(|value| value.len() % 4 == 0).map(|value| {
        value.as_chunks::<4>().0.iter().map(|octets| Ipv4Addr::from(*octets)).collect::<Vec<_>>()
    });
    let from_66 = || {
        let text = std::str::from_utf8(lease.options.get(&66)?).ok()?;
        Some(vec![text.trim_end_matches('\0').trim().parse().ok()?])
    };
    from_150.filter(|servers| !servers.is_empty()).or_else(from_66).unwrap_or_default()
}

async fn configuration(
    life: &Life,
    network: &VirtualNetwork,
    source: &FirmwareSource,
) -> Option<xml::Configuration> {
    let own = format!("SEP{}.cnf.xml", life.spec.mac);
    for name in [own.as_str(), "XMLDefault.cnf.xml"] {
        let asked = if life.spec.quirks.trust_list { format!("{name}.sgn") } else { name.to_owned() };
        let (answer, document) = life.ask_document(network, source, &asked).await;
        match answer {
            FetchOutcome::Got(_) if life.spec.quirks.trust_list && !signs(life, source) => {
                life.note(format!("{asked}: not signed by anyone on its trust list"));
                return None;
            }
            FetchOutcome::Got(_) => {
                let read =
                    if name == own { xml::device(&document) } else { xml::default(&document, life.spec.id) };
                return read.map_err(|error| life.note(format!("{asked}: refused: {error}"))).ok();
            }
            FetchOutcome::NotFound => {}
            _ => return None,
        }
    }
    None
}

/// True if the server is in the phone's trust list, as only its own call manager is.
fn signs(life: &Life, source: &FirmwareSource) -> bool {
    let call_manager = life.wiring.call_manager.map(|(address, _)| address);
    matches!(source, FirmwareSource::Servers(servers) if servers.first().copied() == call_manager)
}

/// The result of a configuration; `None` if it is to be read again.
async fn obey(
    life: &Life,
    network: &VirtualNetwork,
    source: &FirmwareSource,
    configuration: xml::Configuration,
) -> Option<RunEnd> {
    let manager = configuration.manager.as_ref();
    for extra in ["g3-tones.xml", "AppDialRules.xml", "defaultheadsetconfig.json"] {
        life.ask_document(network, source, extra).await;
    }
    if let Some(open) = configuration.web_access {
        life.change(|state| state.memory.page_open = open);
    }
    if configuration.peer_sharing {
        life.fail("told to fetch firmware from other phones: they have none for a migration".to_owned());
    }
    let running = life.memory(|memory| memory.load.clone());
    let Some(text) = &configuration.load else {
        return attend(life, network, manager).await;
    };
    let Ok(load) = text.parse::<LoadName>() else {
        life.fail(format!("told to run {text:?}, which is no load"));
        return attend(life, network, manager).await;
    };
    if load == running {
        return attend(life, network, manager).await;
    }
    let own = match configuration.load_server.as_ref().map(|server| server.parse::<Ipv4Addr>()) {
        None => None,
        Some(Ok(server)) => Some(FirmwareSource::Servers(vec![server])),
        Some(Err(_)) => {
            life.fail("told to fetch firmware from a load server that is no address".to_owned());
            return attend(life, network, manager).await;
        }
    };
    // A call manager's instruction reaches the phone only if the load's `.loads` file is given to it.
    if !signs(life, source)
        && let Err(rule) = life.judge(&running, &load)
    {
        life.fail(rule);
        return attend(life, network, manager).await;
    }
    match life.fetch_load(network, own.as_ref().unwrap_or(source), &load).await {
        Ok(()) => return Some(RunEnd::Install(load)),
        Err(trouble) => life.stays_without(&load, trouble),
    }
    wait_to_ask_again(life).await;
    Some(RunEnd::Restart)
}

/// A phone with usable configuration reads it again only on an order or after a restart.
async fn attend(life: &Life, network: &VirtualNetwork, manager: Option<&xml::Manager>) -> Option<RunEnd> {
    let Some(manager) = manager.filter(|_| life.spec.quirks.registers != Registers::Never) else {
        return Some(rest(life).await);
    };
    life.doing(Doing::Resting);
    match registration::stay(life, network, manager).await {
        RegistrationOrder::Restart => {
            life.doing(Doing::Asking);
            None
        }
        RegistrationOrder::Reset => Some(RunEnd::Restart),
    }
}

/// A phone with usable configuration reads it again only after a restart.
async fn rest(life: &Life) -> RunEnd {
    life.doing(Doing::Resting);
    life.awake.idle(std::future::pending()).await
}

async fn wait_to_ask_again(life: &Life) {
    life.doing(Doing::Resting);
    match life.spec.quirks.asks_again {
        Some(wait) => life.pause(wait.max(Duration::from_secs(1))).await,
        None => life.awake.idle(std::future::pending()).await,
    }
}
