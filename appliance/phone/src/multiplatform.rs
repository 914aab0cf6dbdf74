//! Multiplatform and transition firmware: provisioning, license and upgrade (§6).

use std::time::Duration;

use super::dhcp::Lease;
use super::firmware::{FirmwareSource, hold};
use super::journal::{FetchOutcome, PhoneEvent};
use super::network::{Url, VirtualNetwork};
use super::{Doing, Life, RunEnd, rules, truth, xml};
use crate::lookalike;
use crate::shared::{Direction, LoadName, Side};

const PROFILE_RULE: &str = "/$PSN.xml";
/// Seconds to wait after the first, second, … failed resync.
const RESYNC_ERROR_RETRY_DELAY: &str = "60,120,240,480,960,1920,3840,7680,15360,30720,61440,86400";

/// Resyncs, fetches its license and upgrades until the run ends.
pub(super) async fn run(life: &Life, network: &VirtualNetwork, lease: &Lease) -> RunEnd {
    power_up_delay(life).await;
    let mut failed = 0;
    let pace = &life.wiring.pace;
    let mut next_resync = pace.elapsed();
    let mut next_license = None;
    let mut next_upgrade = None;
    loop {
        let now = pace.elapsed();
        life.doing(Doing::Asking);
        let resync_due = now >= next_resync;
        if resync_due {
            let wait = if resync(life, network, lease).await {
                failed = 0;
                number(life, "Resync_Periodic", 3600)
            } else {
                failed += 1;
                back_off(life, failed)
            };
            next_resync = due(life, wait);
        }
        if resync_due || next_license.is_some_and(|due| now >= due) {
            let retry = number(life, "Transition_Authorization_Error_Retry_Delay", 1800);
            next_license = (!license(life, network).await).then(|| due(life, retry));
        }
        if next_upgrade.is_some_and(|due| now >= due) {
            life.change(|state| state.memory.failed_upgrade = None);
        }
        match upgrade(life, network).await {
            Upgraded::Yes(load) => return RunEnd::Install(load),
            Upgraded::No => next_upgrade = None,
            Upgraded::Failed => {
                next_upgrade = life
                    .spec
                    .quirks
                    .retries_failed_upgrade
                    .then(|| due(life, number(life, "Upgrade_Error_Retry_Delay", 3600)));
                // Resync_After_Upgrade_Attempt is on: the phone soon looks for a profile with another URL.
                next_resync = next_resync.min(due(life, 30));
            }
        }
        life.doing(Doing::Resting);
        let wakes = [Some(next_resync), next_license, next_upgrade];
        life.awake.pause_until(wakes.into_iter().flatten().min().unwrap_or(next_resync)).await;
    }
}

/// `Resync_Random_Delay` counts units of 20 s; here the phone's address is the random number.
async fn power_up_delay(life: &Life) {
    let [.., low] = life.spec.mac.0;
    let most = number(life, "Resync_Random_Delay", 2) * 20;
    life.pause(Duration::from_secs(most * u64::from(low) / 256)).await;
}

fn due(life: &Life, seconds: u64) -> Duration {
    life.wiring.pace.elapsed() + Duration::from_secs(seconds.max(1))
}

fn back_off(life: &Life, failed: usize) -> u64 {
    let text =
        parameter(life, "Resync_Error_Retry_Delay").unwrap_or_else(|| RESYNC_ERROR_RETRY_DELAY.to_owned());
    let delays: Vec<u64> = text.split(',').filter_map(|delay| delay.trim().parse().ok()).collect();
    delays.get(failed - 1).or(delays.last()).copied().unwrap_or(60)
}

fn parameter(life: &Life, name: &str) -> Option<String> {
    life.memory(|memory| memory.parameters.get(name).map(|value| value.trim().replace(['\r', '\n'], " ")))
        .filter(|value| !value.is_empty())
}

fn number(life: &Life, name: &str, default: u64) -> u64 {
    parameter(life, name).and_then(|value| value.parse().ok()).unwrap_or(default)
}

fn expand(life: &Life, network: &VirtualNetwork, text: &str) -> String {
    let spec = &life.spec;
    rules::expand(text, |name| {
        Some(match name {
            "MA" => spec.mac.lower(),
            "MAU" => spec.mac.to_string(),
            "MAC" => spec.mac.colons(),
            "PN" => spec.pn.clone(),
            "PSN" => spec.psn.clone(),
            "SN" => spec.serial.clone(),
            "IP" => network.address.to_string(),
            "SWVER" => life.memory(|memory| memory.load.to_string()),
            "A" | "B" | "C" | "D" => parameter(life, &format!("GPP_{name}")).unwrap_or_default(),
            _ => return None,
        })
    })
}

/// Looks for a profile and applies the first one found.
async fn resync(life: &Life, network: &VirtualNetwork, lease: &Lease) -> bool {
    let rule = parameter(life, "Profile_Rule").unwrap_or_else(|| PROFILE_RULE.to_owned());
    let rule = expand(life, network, &rule);
    let candidates = if rule.starts_with('/') {
        candidates(life, network, lease, &rule)
    } else {
        // An absolute rule overrides DHCP (§6.3).
        rules::choose(&rule).and_then(|url| Url::parse(&url)).into_iter().collect()
    };
    if candidates.is_empty() {
        return redirected(life, network).await;
    }
    for url in candidates {
        let mut document = Vec::new();
        if let FetchOutcome::Got(_) = life.ask_url(network, &url, &mut |part| hold(&mut document, part)).await
        {
            match xml::profile(&document) {
                Ok(parameters) => {
                    let parameters = parameters.into_iter().filter(|(_, value)| !value.trim().is_empty());
                    life.change(|state| state.memory.parameters.extend(parameters));
                    return true;
                }
                Err(error) => life.note(format!("{url}: refused: {error}")),
            }
        }
    }
    parameter(life, "Resync_Fails_On_FNF").is_some_and(|value| value == "No")
}

/// If DHCP names no profile, a phone asks Cisco's redirection service until it gets one, and then not again before a
/// reset (§8). The service expands macros once before the phone does (§6.1).
async fn redirected(life: &Life, network: &VirtualNetwork) -> bool {
    if life.memory(|memory| memory.redirected) {
        return true;
    }
    let mut document = Vec::new();
    life.awake.work();
    let answer = match network.wiring.cda {
        Some(port) => {
            network
                .fetch_outside(port, &life.spec.mac.to_string(), &mut |part| hold(&mut document, part))
                .await
        }
        None => FetchOutcome::Unreachable,
    };
    life.journal
        .add(PhoneEvent::Asked { url: "Cisco's redirection service".to_owned(), answer: answer.clone() });
    let FetchOutcome::Got(_) = answer else { return false };
    match xml::profile(&document) {
        Ok(parameters) => {
            life.change(|state| {
                state.memory.parameters.extend(parameters);
                state.memory.redirected = true;
            });
            true
        }
        Err(error) => {
            life.note(format!("the profile of the redirection service: refused: {error}"));
            false
        }
    }
}

/// The places named by DHCP's options, in the order they are tried: 66, 160, 159, 150.
fn candidates(life: &Life, network: &VirtualNetwork, lease: &Lease, rule: &str) -> Vec<Url> {
    let tails = [rule.to_owned(), expand(life, network, "Cisco/$PN/$MA.cfg")];
    let mut urls = Vec::new();
    for value in [66, 160, 159, 150].into_iter().filter_map(|code| lease.options.get(&code)) {
        for place in places(value) {
            let place = expand(life, network, &place);
            if place.contains("://") {
                let Some(base) = Url::parse(&place) else { continue };
                urls.push(base.clone());
                urls.extend(tails.iter().map(|tail| base.below(tail)));
            } else {
                for scheme in ["tftp", "http", "https"] {
                    let Some(base) = Url::parse(&format!("{scheme}://{place}")) else {
                        continue;
                    };
                    urls.extend(tails.iter().map(|tail| base.below(tail)));
                }
            }
        }
    }
    urls
}

/// The value of an option as text, of one or more places joined by `;`, or as addresses.
fn places(value: &[u8]) -> Vec<String> {
    let text = value.strip_suffix(b"\0").unwrap_or(value);
    if text.iter().all(u8::is_ascii_graphic) {
        let text = String::from_utf8_lossy(text);
        return text.split(';').filter(|place| !place.is_empty()).map(str::to_owned).collect();
    }
    value.as_chunks::<4>().0.iter().map(|octets| std::net::Ipv4Addr::from(*octets).to_string()).collect()
}

/// Fetches the license if a rule asks for it and it is needed; returns false if it has to be tried again.
async fn license(life: &Life, network: &VirtualNetwork) -> bool {
    let (load, crossed, fetched) =
        life.memory(|memory| (memory.load.clone(), memory.license_due, memory.licensed_from.clone()));
    let Some(rule) = parameter(life, "Trans_Auth_Rule") else {
        return true;
    };
    if life.spec.quirks.auth_type_needed
        && parameter(life, "Trans_Auth_Type").is_none_or(|kind| !kind.eq_ignore_ascii_case("Classic"))
    {
        life.note("Trans_Auth_Rule without Trans_Auth_Type Classic: no license is fetched".to_owned());
        return true;
    }
    let Some(url) = rules::choose(&expand(life, network, &rule)).and_then(|url| Url::parse(&url)) else {
        life.note(format!("Trans_Auth_Rule is no URL: {rule}"));
        return false;
    };
    let from = Some(url.to_string());
    if fetched == from {
        return true;
    }
    let wanted = truth::license_direction(load.kind(), crossed);
    let mut file = Vec::new();
    if !matches!(life.ask_url(network, &url, &mut |part| hold(&mut file, part)).await, FetchOutcome::Got(1..))
    {
        return false;
    }
    match lookalike::read_license(&file) {
        Some((_, mac)) if mac != life.spec.mac => {
            life.fail(format!("given the license of {mac}"));
            false
        }
        Some((direction, _)) if direction != wanted => {
            life.note(format!("its license is for {direction:?}, not for {wanted:?}"));
            life.change(|state| state.memory.licensed_from = from);
            true
        }
        _ => {
            life.journal.add(PhoneEvent::Licensed(wanted));
            life.change(|state| {
                state.memory.authorized = Some(wanted);
                state.memory.licensed_from = from;
                state.memory.license_due &= wanted != Direction::E2m;
            });
            true
        }
    }
}

enum Upgraded {
    Yes(LoadName),
    No,
    Failed,
}

/// Follows `Upgrade_Rule`, unless the same URL failed before.
async fn upgrade(life: &Life, network: &VirtualNetwork) -> Upgraded {
    let Some(rule) = parameter(life, "Upgrade_Rule") else {
        return Upgraded::No;
    };
    if parameter(life, "Upgrade_Enable").is_some_and(|value| value == "No") {
        return Upgraded::No;
    }
    let Some(text) = rules::choose(&expand(life, network, &rule)) else {
        return Upgraded::No;
    };
    let Some(url) = text.contains("://").then(|| Url::parse(&text)).flatten() else {
        life.fail(format!("Upgrade_Rule without a server: {text}"));
        return Upgraded::No;
    };
    let Ok(load) = url.file_name().parse::<LoadName>() else {
        life.fail(format!("Upgrade_Rule names no load: {text}"));
        return Upgraded::No;
    };
    let (running, inactive, authorized, failed) = life.memory(|memory| {
        (memory.load.clone(), memory.inactive.clone(), memory.authorized, memory.failed_upgrade.clone())
    });
    if load == running {
        life.change(|state| state.memory.failed_upgrade = None);
        return Upgraded::No;
    }
    let tried = url.to_string();
    if failed.as_ref() == Some(&tried) {
        return Upgraded::No;
    }
    let give_up = || {
        life.change(|state| state.memory.failed_upgrade = Some(tried.clone()));
        Upgraded::Failed
    };
    let kept = inactive.as_ref() == Some(&load);
    // CDA's instruction reaches the phone only if the load's `.loads` file is given to it.
    let in_its_hands = kept || !life.memory(|memory| memory.redirected);
    if in_its_hands && let Err(rule) = life.judge(&running, &load) {
        life.fail(rule);
        return give_up();
    }
    let direction = if load.kind().side() == Side::Enterprise { Direction::M2e } else { Direction::E2m };
    if truth::needs_license(&running, &load) && authorized != Some(direction) {
        life.note(format!("{load} waits for its license"));
        return Upgraded::No;
    }
    if kept {
        life.note(format!("{load} is in the other partition: started without a download"));
        return Upgraded::Yes(load);
    }
    match life.fetch_load(network, &FirmwareSource::Beside(url), &load).await {
        Ok(()) => return Upgraded::Yes(load),
        Err(trouble) => life.stays_without(&load, trouble),
    }
    give_up()
}
