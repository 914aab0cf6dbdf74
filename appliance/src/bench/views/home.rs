//! Notes for the report: settings that finished phones lack to find their new server.

use std::collections::BTreeMap;

use transload_provision::load::Direction;
use transload_provision::mac::Mac;

use crate::bench::BenchState;
use crate::bench::views::phone::Stage;
use crate::bench::views::report::PhoneReport;

/// Notes for the next administrator of the phones.
pub(in crate::bench) fn notes(state: &BenchState, phones: &[PhoneReport]) -> Vec<String> {
    let settings = &state.rules.settings;
    let finished: Vec<&PhoneReport> = phones.iter().filter(|phone| phone.stage == Stage::Done).collect();
    let whom = |macs: &[Mac]| match macs.len() {
        all if all == finished.len() => "every finished phone".to_owned(),
        _ => macs.iter().map(Mac::to_string).collect::<Vec<_>>().join(", "),
    };
    let mut notes = Vec::new();
    if settings.direction == Direction::M2e {
        let lost = |phone: &&&PhoneReport| {
            settings.after.call_managers(phone.mac, phone.model.as_deref()).is_empty()
        };
        let lost: Vec<Mac> = finished.iter().filter(lost).map(|phone| phone.mac).collect();
        if !lost.is_empty() {
            notes.push(format!(
                "Told no call manager by [after]: {}. Such a phone finds one only if DHCP at its new place names it \
                 (option 150 or 66).",
                whom(&lost)
            ));
        }
        return notes;
    }
    // CDA tells its phones by itself.
    if settings.cda {
        return notes;
    }
    let (mut lost, mut left_out) = (Vec::new(), BTreeMap::<(String, String), Vec<Mac>>::new());
    for phone in &finished {
        let entry = state.roster.get(&phone.mac);
        let told = settings.after.parameters(phone.mac, phone.model.as_deref(), entry);
        if !told.name_a_server() {
            lost.push(phone.mac);
        }
        for (name, columns) in told.unfilled {
            left_out.entry((name, columns.join(", "))).or_default().push(phone.mac);
        }
    }
    if !lost.is_empty() {
        notes.push(format!(
            "Told no Profile_Rule by [after]: {}. Such a phone finds its provisioning server only if DHCP at its new place \
             names it (option 66, 160, 159 or 150), and does not ask Cisco's redirection service (CDA) by itself: set \
             Profile_Rule under [after] and let it come for its profile once more, or factory-reset it there.",
            whom(&lost)
        ));
    }
    notes.extend(left_out.into_iter().map(|((name, columns), macs)| {
        let why = match columns.as_str() {
            "" => "the roster's text fits into no profile".to_owned(),
            columns => format!("the roster has nothing in column {columns}"),
        };
        format!("Not told {name} of [after], because {why}: {}.", whom(&macs))
    }));
    notes
}
