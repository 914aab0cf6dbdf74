//! What DHCP tells of phones, and what phones are told by DHCP.

use transload_dhcp::event::{Event, Outcome};
use transload_dhcp::journal::{Commit, CommitFailed, Journal};
use transload_dhcp::lease::LeaseRecord;
use transload_dhcp::policy::{Client, Grant, Policy, Verdict};
use transload_provision::client;
use transload_provision::documents::FileServer;
use transload_provision::journey::{Assessment, Fact, Next};
use transload_provision::mac::Mac;
use transload_provision::options::{ClassRule, Layer, Origin, Steering, find_class, phone_options, resolve};

use super::{Bench, State};
use crate::ledger::Record;

impl Policy for Bench {
    fn decide(&self, client: &Client<'_>) -> Verdict {
        let mac = Mac(client.mac);
        let mut state = self.state();
        let class = find_class(&state.rules.classes, client.vendor_class, mac.oui()).cloned();
        if !is_phone(&state, client, mac) {
            return stranger(&state, client, class.as_ref());
        }
        self.note(&mut state, client, mac);
        let verdict = self.assess(&state, mac);
        Verdict::Grant(grant(&state, &verdict, class.as_ref()))
    }
}

/// A phone says so by its vendor class, was seen before, or is in the roster. A Cisco address that asks for
/// what phones ask for counts too: some send no vendor class.
fn is_phone(state: &State, client: &Client<'_>, mac: Mac) -> bool {
    state.phones.contains_key(&mac)
        || state.roster.contains_key(&mac)
        || client::dhcp(client.vendor_class, client.request_list, mac).is_some()
        || (client.vendor_class.is_none()
            && client::is_cisco_oui(mac.oui())
            && client::request_list(client.request_list).is_some())
}

fn stranger(state: &State, client: &Client<'_>, class: Option<&ClassRule>) -> Verdict {
    match class {
        Some(class) => Verdict::Grant(Grant {
            class: class.name.clone(),
            next_server: class.next_server,
            options: class.options.clone(),
            ..Grant::default()
        }),
        None if state.rules.admit_all => {
            Verdict::Grant(Grant { class: "no phone".into(), ..Grant::default() })
        }
        None => {
            let said = client.vendor_class.map_or("nothing".into(), |class| {
                class
                    .iter()
                    .take(60)
                    .map(|byte| char::from(*byte))
                    .filter(char::is_ascii_graphic)
                    .collect::<String>()
            });
            Verdict::Ignore {
                reason: format!("no phone (its vendor class: {said}); set dhcp.admit = \"all\" to serve it"),
            }
        }
    }
}

fn grant(state: &State, verdict: &Assessment, class: Option<&ClassRule>) -> Grant {
    let settings = &state.rules.settings;
    let this = [settings.server];
    let home = &settings.after.call_manager;
    let enterprise = if verdict.next == Next::Final && !home.is_empty() { home.as_slice() } else { &this };
    let server = FileServer { address: settings.server, port: settings.http_port };
    let built_in = phone_options(verdict.steered_as, &Steering { server, enterprise, cda: false });
    let mut layers = vec![Layer {
        origin: Origin::BuiltIn(built_in.class),
        next_server: built_in.next_server,
        options: &built_in.options,
    }];
    if let Some(class) = class {
        layers.push(Layer {
            origin: Origin::Class(&class.name),
            next_server: class.next_server,
            options: &class.options,
        });
    }
    let resolved = resolve(&layers);
    Grant {
        class: resolved.class.unwrap_or_default().to_owned(),
        next_server: resolved.next_server.map(|(address, _)| address),
        server_name: None,
        boot_file: None,
        options: resolved.options.into_iter().map(|option| (option.code, option.value)).collect(),
    }
}

impl Bench {
    fn note(&self, state: &mut State, client: &Client<'_>, mac: Mac) {
        let vendor_class = client.vendor_class.map(|class| String::from_utf8_lossy(class).into_owned());
        let request_list = client.request_list.to_vec();
        let known = state.phones.get(&mac).map(|phone| &phone.journey);
        let news = known.is_none_or(|journey| {
            let said = journey.vendor_class != vendor_class || journey.request_list != request_list;
            // A DISCOVER repeated before the phone asked for anything is the same boot.
            let again = client.boots
                && journey.booted.is_none_or(|booted| journey.asked.is_some_and(|asked| asked >= booted));
            said || again
        });
        if news {
            self.observe(state, mac, Fact::Dhcp { boot: client.boots, vendor_class, request_list });
        }
    }

    /// Takes in what came of a DHCP message.
    pub fn dhcp_event(&self, event: &Event) {
        let (mac, address) = (Mac(event.mac), event.address);
        match (&event.outcome, address) {
            (Outcome::Acknowledged, Some(address)) => {
                let mut state = self.state();
                state.addresses.lease(address, mac);
                let news = state.phones.get(&mac).is_some_and(|phone| phone.journey.address != Some(address));
                if news {
                    self.observe(&mut state, mac, Fact::Leased { address });
                }
            }
            (Outcome::Released, Some(address)) => self.state().addresses.free(address),
            (Outcome::Declined, Some(address)) => {
                self.state().addresses.free(address);
                // RFC 2131 §4.3.3: somebody should know.
                tracing::warn!(%mac, %address, "declined by this phone: another machine uses this address");
            }
            (Outcome::Conflict(user), Some(address)) => {
                tracing::warn!(%mac, %address, user = %Mac(*user), "not offered: another machine uses this address");
            }
            (Outcome::Ignored(reason), _) => tracing::debug!(%mac, %reason, "DHCP message not answered"),
            (Outcome::Refused(reason), _) => tracing::info!(%mac, %reason, "DHCP request refused"),
            (Outcome::NotSaved(reason), _) => {
                tracing::error!(%mac, %reason, "no lease: it could not be saved");
            }
            _ => {}
        }
    }

    /// Leases that outlived a restart tell who asks from where.
    pub fn restore_leases(&self, leases: &[LeaseRecord]) {
        let now = self.now().0;
        let mut state = self.state();
        for lease in leases.iter().filter(|lease| lease.is_bound(now)) {
            state.addresses.lease(lease.address, Mac(lease.mac));
        }
    }
}

impl Journal for Bench {
    fn commit(&self, records: Vec<LeaseRecord>) -> Commit {
        let mut rows = Vec::with_capacity(records.len());
        for record in &records {
            match serde_json::to_string(record) {
                Ok(json) => rows.push(Record::Lease { client: record.address.octets().to_vec(), json }),
                Err(error) => return Box::pin(std::future::ready(Err(CommitFailed(error.to_string())))),
            }
        }
        let ticket = self.ledger.append(rows);
        Box::pin(async move { ticket.await.map_err(|error| CommitFailed(error.to_string())) })
    }
}
