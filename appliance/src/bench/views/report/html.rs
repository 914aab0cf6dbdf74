//! The report as a printable page in one file, without scripts or external content.

use jiff::tz::TimeZone;
use maud::{DOCTYPE, Markup, PreEscaped, Render, html};
use transload_provision::text;

use super::words::{Moments, amount, counted, license, moment, moment_in_zone, span};
use super::{HopReport, Left, MigrationReport, PhoneReport, Totals, models};
use crate::bench::views::alike::grouped;
use crate::bench::views::phone::{OtherClient, Stage};

const STYLE: PreEscaped<&str> = PreEscaped(include_str!("style.css"));

/// Text from phones and rosters, without hidden characters, with markup and quotes escaped.
struct Printable<'a>(&'a str);

impl Render for Printable<'_> {
    fn render_to(&self, page: &mut String) {
        page.push_str(&text::line(self.0).render().into_string().replace('\'', "&#39;"));
    }
}

pub(super) fn page(report: &MigrationReport, title: Option<&str>, zone: &TimeZone) -> String {
    let direction = match report.direction.as_str() {
        "m2e" => "Multiplatform to Enterprise firmware",
        _ => "Enterprise to Multiplatform firmware",
    };
    let made = moment_in_zone(report.made, zone);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "Phone migration report" @if let Some(title) = title { " – " (Printable(title)) } }
                style { (STYLE) }
            }
            body {
                header {
                    h1 { "Phone migration report" }
                    @if let Some(title) = title {
                        p.title { (Printable(title)) }
                    }
                    p.sub { (direction) " · " (Printable(&made)) }
                }
                main {
                    (summary(report, zone))
                    (left(report))
                    (phones(report, zone))
                    (forgotten(report, zone))
                    (others(report))
                    @if !report.notes.is_empty() {
                        section {
                            h2 { "What to know" }
                            ul { @for note in &report.notes { li { (Printable(note)) } } }
                        }
                    }
                }
                footer {
                    "Made by " (Printable(&report.program)) " (catalog of " (Printable(&report.catalog)) "), " (Printable(&made))
                    ". Times are local to the bench. Data is firmware that phones fetched, of every attempt."
                }
            }
        }
    };
    page.into_string()
}

fn summary(report: &MigrationReport, zone: &TimeZone) -> Markup {
    let totals = &report.totals;
    html! {
        section.summary {
            dl.figures { (figures(totals)) }
            @if let (Some(began), Some(done)) = (totals.began, totals.done_last) {
                p {
                    "First fetch " (moment(Some(began), zone)) ", last phone done " (moment(Some(done), zone)) ": "
                    (span((done - began).as_secs())) " in all."
                }
            }
            (by_model(&report.phones))
        }
    }
}

fn figures(totals: &Totals) -> Markup {
    let open = totals.phones - totals.done;
    let figure = |class: &str, number: &str, word: &str| {
        html! { div class=(class) { dt { (word) } dd { (number) } } }
    };
    let done = format!("of {} done", counted(totals.phones, "phone", "phones"));
    let loads = if totals.hops == 1 { "load installed" } else { "loads installed" };
    let licenses = if totals.licenses_given == 1 { "license used" } else { "licenses used" };
    html! {
        (figure("done", &totals.done.to_string(), &done))
        @if open > 0 {
            (figure("open", &open.to_string(), "left to do"))
        }
        (figure("", &totals.hops.to_string(), loads))
        (figure("", &totals.licenses_given.to_string(), licenses))
        (figure("", &amount(totals.bytes), "of firmware"))
    }
}

fn by_model(phones: &[PhoneReport]) -> Markup {
    let of_no_model = phones.iter().any(|phone| phone.model.is_none()).then_some(None);
    let row = |model: Option<&str>| {
        let of_it = || phones.iter().filter(|phone| phone.model.as_deref() == model);
        let done = of_it().filter(|phone| phone.stage == Stage::Done).count();
        let running = grouped(of_it().filter_map(|phone| phone.to.as_deref()).map(|load| (load, ())));
        html! {
            tr {
                td { (Printable(model.unwrap_or("not known"))) }
                td { (of_it().count()) }
                td { (done) }
                td { (of_it().count() - done) }
                td {
                    @if running.is_empty() { "–" }
                    @for (index, (load, phones)) in running.iter().enumerate() {
                        @if index > 0 { br; }
                        (phones.len()) " × " (Printable(load))
                    }
                }
            }
        }
    };
    html! {
        table.models {
            thead { tr { th { "Model" } th { "Phones" } th { "Done" } th { "Left" } th { "Now running" } } }
            tbody { @for model in models(phones).into_iter().map(Some).chain(of_no_model) { (row(model)) } }
        }
    }
}

fn left(report: &MigrationReport) -> Markup {
    html! {
        @if !report.left.is_empty() {
            section {
                h2 { "Left to do" }
                @for Left { reason, cause, cure, macs } in &report.left {
                    div.reason {
                        h3 { (Printable(reason)) ": " (counted(macs.len(), "phone", "phones")) }
                        p {
                            strong { "Why:" } " " (Printable(cause.trim_end_matches('.'))) ". "
                            strong { "To do:" } " " (Printable(cure.trim_end_matches('.'))) "."
                        }
                        ul.macs { @for mac in macs { li { (mac.to_string()) } } }
                    }
                }
            }
        }
    }
}

fn phones(report: &MigrationReport, zone: &TimeZone) -> Markup {
    html! {
        section {
            h2 { "Phones" }
            table.phones {
                thead {
                    tr {
                        @for heading in ["Phone", "From, to", "Done", "Time", "Data", "License", "Result"] {
                            th { (heading) }
                        }
                    }
                }
                @for phone in &report.phones { (one(phone, zone)) }
            }
        }
    }
}

fn forgotten(report: &MigrationReport, zone: &TimeZone) -> Markup {
    let mut moments = Moments::new(zone);
    let all: Vec<String> =
        report.forgotten.iter().map(|phone| format!("{} ({})", phone.mac, moments.next(phone.at))).collect();
    html! {
        @if !all.is_empty() {
            section {
                h2 { "Forgotten" }
                p {
                    "The operator took " (counted(all.len(), "phone", "phones")) " off the bench's books. What was known \
                     of them until then is not in this report."
                }
                p { "Forgotten: " (Printable(&all.join(", "))) "." }
            }
        }
    }
}

fn others(report: &MigrationReport) -> Markup {
    let all: Vec<String> = report.others.iter().map(OtherClient::line).collect();
    let are = if all.len() == 1 { "is" } else { "are" };
    html! {
        @if !all.is_empty() {
            section {
                h2 { "Other clients" }
                p {
                    "The bench leased an address to " (counted(all.len(), "client", "clients")) " that " (are)
                    " no phone. They count nowhere above."
                }
                p { (Printable(&all.join("; "))) }
            }
        }
    }
}

fn one(phone: &PhoneReport, zone: &TimeZone) -> Markup {
    let kind =
        [phone.model.as_deref(), phone.vid.as_deref()].into_iter().flatten().collect::<Vec<_>>().join(" ");
    let result = match (&phone.hold, phone.stage) {
        (Some(hold), stage) => format!("{stage}: {}", hold.code),
        (None, stage) => stage.to_string(),
    };
    let lines = more(phone, zone);
    html! {
        tbody class=(phone.stage.as_str()) {
            tr.main {
                td { span.mac { (phone.mac.to_string()) } " " (Printable(&kind)) }
                td {
                    (Printable(phone.from.as_deref().unwrap_or("not told"))) br;
                    "→ " (Printable(phone.to.as_deref().unwrap_or("not known")))
                }
                td { (Printable(&moment(phone.done, zone))) }
                td { (Printable(&phone.seconds.map_or_else(String::new, span))) }
                td { @if phone.bytes > 0 { (amount(phone.bytes)) } }
                td { (license(phone.license.state)) }
                td.result { (Printable(&result)) }
            }
            @if !lines.is_empty() {
                tr.more {
                    td colspan="7" {
                        @for (word, text) in &lines {
                            p { b { (word) @if !word.is_empty() { ": " } } (Printable(text)) }
                        }
                    }
                }
            }
        }
    }
}

/// The fields of a phone's second row, with their headings.
fn more(phone: &PhoneReport, zone: &TimeZone) -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    let own = [("serial", &phone.serial), ("at", &phone.location)];
    let own: Vec<String> =
        own.into_iter().filter_map(|(word, text)| Some(format!("{word} {}", text.as_ref()?))).collect();
    if !own.is_empty() {
        lines.push(("", own.join(", ")));
    }
    if let Some(hold) = &phone.hold {
        lines.push(("Needs", format!("{}: {}", hold.cause, hold.cure)));
    }
    if !phone.hops.is_empty() {
        let mut moments = Moments::new(zone);
        let hops = phone.hops.iter().map(|step| hop(step, &mut moments));
        lines.push(("Loads", hops.collect::<Vec<_>>().join("; ")));
    }
    if let (Some(file), Some(given)) = (&phone.license.file, phone.license.given) {
        let accepted = if phone.license.accepted { ", accepted" } else { "" };
        lines.push(("License", format!("{file}, given {}{accepted}", moment(Some(given), zone))));
    }
    let earlier = phone.earlier_holds.iter();
    let earlier = earlier.map(|sum| format!("{} × {} ({} in all)", sum.times, sum.code, span(sum.seconds)));
    let mut moments = Moments::new(zone);
    let holds = phone.holds.iter().map(|hold| {
        let so_far = if hold.until.is_none() { " so far" } else { "" };
        format!("{} {} for {}{so_far}", moments.next(hold.from), hold.code, span(hold.seconds))
    });
    let holds: Vec<String> = earlier.chain(holds).collect();
    if !holds.is_empty() {
        lines.push(("Holds", holds.join("; ")));
    }
    if !phone.acts.is_empty() {
        let mut moments = Moments::new(zone);
        let acts = phone.acts.iter().map(|act| format!("{} {}", moments.next(act.at), act.act.as_str()));
        lines.push(("Operator", acts.collect::<Vec<_>>().join("; ")));
    }
    lines
}

fn hop(hop: &HopReport, moments: &mut Moments<'_>) -> String {
    let Some(began) = hop.began else {
        return format!("{} (had it)", hop.load);
    };
    let time = hop.seconds.map_or_else(String::new, |seconds| format!(", {}", span(seconds)));
    let again = if hop.attempts > 1 { format!(", {} attempts", hop.attempts) } else { String::new() };
    let end = match (&hop.broken, hop.arrived) {
        (_, true) => String::new(),
        (Some(why), false) => format!(", broken off: {why}"),
        (None, false) => ", not arrived".to_owned(),
    };
    format!("{} ({}{time}, {}{again}{end})", hop.load, moments.next(Some(began)), amount(hop.bytes))
}
