//! Formats an explanation for people.

use std::fmt::Write;

use jiff::Timestamp;
use transload_provision::time::Time;

use crate::bench::views::explain::{Explanation, GivenOption};
use crate::terminal::table;

/// Formats the hold first, then class, lease, belief, the next step, and the options with their origin.
pub(super) fn text(it: &Explanation, note: Option<&str>, width: Option<usize>) -> String {
    let mut lines: Vec<String> = note.into_iter().map(str::to_owned).collect();
    lines.push(head(it));
    if let Some(hold) = &it.hold {
        lines.push(format!("  cause:   {}", hold.cause));
        lines.push(format!("  cure:    {}", hold.cure));
    }
    lines.push(format!("  class:   {}: {}", it.class.name.as_deref().unwrap_or("none"), it.class.why));
    if let Some(said) = &it.vendor_class {
        lines.push(format!("  says:    {said} (option 60)"));
    }
    if let Some(network) = &it.network {
        lines.push(format!("  network: {}, where this server is {}", network.subnet, network.server));
    }
    lines.push(format!("  lease:   {}", lease(it)));
    if let Some(last) = &it.last_dhcp {
        lines.push(format!("  DHCP:    {last}"));
    }
    lines.push(format!(
        "  runs:    {}: {}",
        it.belief.load.as_deref().unwrap_or("not known"),
        it.belief.evidence
    ));
    lines.extend(
        it.contradictions.iter().map(|doubt| format!("  doubt:   {}{}", doubt.what, moment(doubt.at))),
    );
    if let Some(license) = &it.license_given {
        lines.push(format!("  license: given to it{}", moment(license.latest)));
    }
    lines.push(format!("  next:    {}", it.next.summary));
    if !it.timeline.is_empty() {
        lines.push("  history:".to_owned());
        lines.extend(it.timeline.iter().map(|moment| {
            let at = moment.at.and_then(stamp);
            let at = at.map_or_else(String::new, |at| at.strftime("%Y-%m-%d %H:%M:%S").to_string());
            format!("    {at}  {}", moment.what)
        }));
    }
    let mut text: String = lines.iter().map(|line| table::wrapped(line, width)).collect();
    if !it.options.is_empty() {
        let rows: Vec<_> = it.options.iter().map(row).collect();
        let _ = write!(text, "\n{}", table::render(&["OPTION", "NAME", "VALUE", "FROM"], &rows, width));
    }
    text
}

fn moment(at: Option<Time>) -> String {
    at.and_then(stamp)
        .map_or_else(String::new, |stamp| format!(" ({})", stamp.strftime("%Y-%m-%d %H:%M UTC")))
}

fn stamp(at: Time) -> Option<Timestamp> {
    Timestamp::from_millisecond(i64::try_from(at.0).ok()?).ok()
}

fn head(it: &Explanation) -> String {
    let Some(phone) = &it.phone else {
        let seen = if it.last_dhcp.is_some() { "heard by DHCP alone" } else { "never seen" };
        return format!("{}: {seen} since the program started, and not in the roster", it.mac);
    };
    let model = phone.model.as_deref().unwrap_or("of unknown model");
    let vid = phone.vid.as_ref().map_or_else(String::new, |vid| format!(" {vid}"));
    let place = phone.location.as_ref().map_or_else(String::new, |place| format!(" at {place}"));
    let code = it.hold.as_ref().map_or_else(String::new, |hold| format!(" ({})", hold.code));
    format!("{} {model}{vid}{place}: {}{code}", it.mac, phone.stage)
}

fn lease(it: &Explanation) -> String {
    let kept = it
        .reservation
        .as_ref()
        .map_or_else(String::new, |place| format!("; its address is kept for it ({place})"));
    match &it.lease {
        Some(lease) if lease.state == "bound" => {
            format!("{}, for {} s more{kept}", lease.address, lease.seconds_left)
        }
        Some(lease) => format!("{}, {}{kept}", lease.address, lease.state),
        None => format!("none{kept}"),
    }
}

fn row(given: &GivenOption) -> Vec<String> {
    let code = given.code.map_or_else(|| "-".to_owned(), |code| code.to_string());
    vec![code, given.name.clone(), given.value.clone(), given.origin.clone()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stops_a_phone_comes_first_and_each_option_has_its_origin() {
        let phone = r#"{"mac":"001234AB45DE","model":"8851","vid":"V05","serial":null,"location":"desk 4",
            "address":null,"persona":"enterprise","load":null,"load_evidence":null,"route":[],"target":null,"hop":0,
            "hops":0,"stage":"held","writing":false,"progress":0.0,"attempts":0,"license":"absent",
            "hold":{"code":"no-license","cause":"no license","cure":"get one"},"first_seen":null,"last_seen":null}"#;
        let json = format!(
            r#"{{"mac":"001234AB45DE","phone":{phone},"listed":true,
            "class":{{"name":"enterprise","why":"built-in"}},"vendor_class":"CP-8851",
            "network":{{"subnet":"10.23.45.0/24","server":"10.23.45.67"}},
            "lease":{{"address":"10.23.45.101","state":"bound","seconds_left":60,"client_id":null}},
            "reservation":"roster.csv:2","belief":{{"load":null,"evidence":"nothing tells yet"}},
            "options":[{{"code":66,"name":"tftp","value":"10.23.45.67","origin":"built-in class enterprise"}}],
            "hold":{{"code":"no-license","cause":"no license","cure":"get one"}},
            "license_given":{{"first":"2026-01-31T09:30:00Z","latest":"2026-01-31T09:30:00Z"}},
            "contradictions":[{{"at":"2026-01-31T09:30:00Z","what":"it registered as a 7841, and is an 8851"}}],
            "next":{{"what":"nothing","load":null,"summary":"no load"}},"last_dhcp":null,
            "timeline":[{{"at":"2026-01-31T09:30:00Z","what":"operator: release"}}]}}"#
        );
        let text = text(&serde_json::from_str(&json).unwrap(), None, None);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "001234AB45DE 8851 V05 at desk 4: held (no-license)");
        assert_eq!(lines[1..3], ["  cause:   no license", "  cure:    get one"]);
        assert!(
            text.contains("10.23.45.101, for 60 s more; its address is kept for it (roster.csv:2)"),
            "{text}"
        );
        assert!(
            text.contains("doubt:   it registered as a 7841, and is an 8851 (2026-01-31 09:30 UTC)"),
            "{text}"
        );
        assert!(text.contains("license: given to it (2026-01-31 09:30 UTC)"), "{text}");
        assert!(text.contains("\n    2026-01-31 09:30:00  operator: release\n"), "{text}");
        assert!(
            lines.iter().any(|line| line.starts_with("66 ") && line.ends_with("built-in class enterprise"))
        );
    }
}
