//! The report as a page fit to print: one file, nothing from elsewhere, no scripts.

use std::fmt::{self, Display, Write};

use jiff::tz::TimeZone;
use transload_provision::text;

use super::words::{Moments, amount, counted, license, moment, moment_in_zone, span};
use super::{HopReport, Left, PhoneReport, Report, models};
use crate::bench::views::alike::grouped;
use crate::bench::views::phone::{OtherClient, Stage};

const STYLE: &str = include_str!("style.css");

/// Text in a page: what would be markup is shown as it is, and hidden characters are left out.
struct Shown<'a>(&'a str);

impl Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        text::line(self.0).chars().try_for_each(|letter| match letter {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            '\'' => f.write_str("&#39;"),
            letter => f.write_char(letter),
        })
    }
}

pub(super) fn page(report: &Report, title: Option<&str>, zone: &TimeZone) -> String {
    let mut page = String::new();
    // Writing to memory cannot fail.
    let _ = write_page(&mut page, report, title, zone);
    page
}

fn write_page(out: &mut String, report: &Report, title: Option<&str>, zone: &TimeZone) -> fmt::Result {
    let direction = match report.direction.as_str() {
        "m2e" => "Multiplatform to Enterprise firmware",
        _ => "Enterprise to Multiplatform firmware",
    };
    let made = moment_in_zone(report.made, zone);
    write!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>Phone migration report{}{}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <header>\n<h1>Phone migration report</h1>\n",
        if title.is_some() { " – " } else { "" },
        Shown(title.unwrap_or_default()),
    )?;
    if let Some(title) = title {
        writeln!(out, "<p class=\"title\">{}</p>", Shown(title))?;
    }
    writeln!(out, "<p class=\"sub\">{direction} · {}</p>\n</header>\n<main>", Shown(&made))?;
    summary(out, report, zone)?;
    left(out, report)?;
    phones(out, report, zone)?;
    forgotten(out, report, zone)?;
    others(out, report)?;
    if !report.notes.is_empty() {
        writeln!(out, "<section>\n<h2>What to know</h2>\n<ul>")?;
        for note in &report.notes {
            writeln!(out, "<li>{}</li>", Shown(note))?;
        }
        writeln!(out, "</ul>\n</section>")?;
    }
    writeln!(
        out,
        "</main>\n<footer>Made by {} (catalog of {}), {}. Times are local to the bench. Data is firmware that phones fetched, of every attempt.</footer>\n</body>\n</html>",
        Shown(&report.program),
        Shown(&report.catalog),
        Shown(&made)
    )
}

fn summary(out: &mut String, report: &Report, zone: &TimeZone) -> fmt::Result {
    let totals = &report.totals;
    let open = totals.phones - totals.done;
    writeln!(out, "<section class=\"summary\">\n<dl class=\"figures\">")?;
    let mut figure = |class: &str, number: String, word: &str| {
        writeln!(out, "<div class=\"{class}\"><dt>{}</dt><dd>{}</dd></div>", Shown(word), Shown(&number))
    };
    let of = if totals.phones == 1 {
        "of 1 phone done".to_owned()
    } else {
        format!("of {} phones done", totals.phones)
    };
    figure("done", totals.done.to_string(), &of)?;
    if open > 0 {
        figure("open", open.to_string(), "left to do")?;
    }
    figure("", totals.hops.to_string(), if totals.hops == 1 { "load installed" } else { "loads installed" })?;
    figure(
        "",
        totals.licenses_given.to_string(),
        if totals.licenses_given == 1 { "license used" } else { "licenses used" },
    )?;
    figure("", amount(totals.bytes), "of firmware")?;
    writeln!(out, "</dl>")?;
    if let (Some(began), Some(done)) = (totals.began, totals.done_last) {
        writeln!(
            out,
            "<p>First fetch {}, last phone done {}: {} in all.</p>",
            moment(Some(began), zone),
            moment(Some(done), zone),
            span((done - began).as_secs())
        )?;
    }
    writeln!(
        out,
        "<table class=\"models\">\n<thead><tr><th>Model</th><th>Phones</th><th>Done</th><th>Left</th><th>Now running</th></tr></thead>\n<tbody>"
    )?;
    let of_no_model = report.phones.iter().any(|phone| phone.model.is_none()).then_some(None);
    for model in models(&report.phones).into_iter().map(Some).chain(of_no_model) {
        let of_it = || report.phones.iter().filter(|phone| phone.model.as_deref() == model);
        let done = of_it().filter(|phone| phone.stage == Stage::Done).count();
        let running = grouped(of_it().filter_map(|phone| phone.to.as_deref()).map(|load| (load, ())));
        let running: Vec<String> =
            running.iter().map(|(load, phones)| format!("{} × {}", phones.len(), Shown(load))).collect();
        writeln!(
            out,
            "<tr><td>{}</td><td>{}</td><td>{done}</td><td>{}</td><td>{}</td></tr>",
            Shown(model.unwrap_or("not known")),
            of_it().count(),
            of_it().count() - done,
            if running.is_empty() { "–".to_owned() } else { running.join("<br>") }
        )?;
    }
    writeln!(out, "</tbody>\n</table>\n</section>")
}

fn left(out: &mut String, report: &Report) -> fmt::Result {
    if report.left.is_empty() {
        return Ok(());
    }
    writeln!(out, "<section>\n<h2>Left to do</h2>")?;
    for Left { reason, cause, cure, macs } in &report.left {
        writeln!(
            out,
            "<div class=\"reason\">\n<h3>{}: {}</h3>\n<p><strong>Why:</strong> {}. <strong>To do:</strong> {}.</p>\n<ul class=\"macs\">",
            Shown(reason),
            counted(macs.len(), "phone", "phones"),
            Shown(cause.trim_end_matches('.')),
            Shown(cure.trim_end_matches('.'))
        )?;
        for mac in macs {
            write!(out, "<li>{mac}</li>")?;
        }
        writeln!(out, "\n</ul>\n</div>")?;
    }
    writeln!(out, "</section>")
}

fn phones(out: &mut String, report: &Report, zone: &TimeZone) -> fmt::Result {
    writeln!(
        out,
        "<section>\n<h2>Phones</h2>\n<table class=\"phones\">\n<thead><tr><th>Phone</th><th>From, to</th>\
         <th>Done</th><th>Time</th><th>Data</th><th>License</th><th>Result</th></tr></thead>"
    )?;
    for phone in &report.phones {
        one(out, phone, zone)?;
    }
    writeln!(out, "</table>\n</section>")
}

fn forgotten(out: &mut String, report: &Report, zone: &TimeZone) -> fmt::Result {
    if report.forgotten.is_empty() {
        return Ok(());
    }
    let mut moments = Moments::new(zone);
    let all: Vec<String> =
        report.forgotten.iter().map(|phone| format!("{} ({})", phone.mac, moments.next(phone.at))).collect();
    writeln!(
        out,
        "<section>\n<h2>Forgotten</h2>\n<p>The operator took {} off the bench's books. What was known of them until then is \
         not in this report.</p>\n<p>Forgotten: {}.</p>\n</section>",
        counted(all.len(), "phone", "phones"),
        Shown(&all.join(", "))
    )
}

fn others(out: &mut String, report: &Report) -> fmt::Result {
    if report.others.is_empty() {
        return Ok(());
    }
    let all: Vec<String> = report.others.iter().map(OtherClient::line).collect();
    writeln!(
        out,
        "<section>\n<h2>Other clients</h2>\n<p>The bench leased an address to {} that {} no phone. They count nowhere \
         above.</p>\n<p>{}</p>\n</section>",
        counted(all.len(), "client", "clients"),
        if all.len() == 1 { "is" } else { "are" },
        Shown(&all.join("; "))
    )
}

fn one(out: &mut String, phone: &PhoneReport, zone: &TimeZone) -> fmt::Result {
    let kind =
        [phone.model.as_deref(), phone.vid.as_deref()].into_iter().flatten().collect::<Vec<_>>().join(" ");
    let result = match (&phone.hold, phone.stage) {
        (Some(hold), stage) => format!("{stage}: {}", hold.code),
        (None, stage) => stage.to_string(),
    };
    write!(
        out,
        "<tbody class=\"{}\">\n<tr class=\"main\"><td><span class=\"mac\">{}</span> {}</td><td>{}<br>→ {}</td>",
        phone.stage,
        phone.mac,
        Shown(&kind),
        Shown(phone.from.as_deref().unwrap_or("not told")),
        Shown(phone.to.as_deref().unwrap_or("not known"))
    )?;
    writeln!(
        out,
        "<td>{}</td><td>{}</td><td>{}</td><td>{}</td><td class=\"result\">{}</td></tr>",
        Shown(&moment(phone.done, zone)),
        Shown(&phone.seconds.map_or_else(String::new, span)),
        if phone.bytes > 0 { amount(phone.bytes) } else { String::new() },
        license(phone.license.state),
        Shown(&result)
    )?;
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
    if !lines.is_empty() {
        write!(out, "<tr class=\"more\"><td colspan=\"7\">")?;
        for (word, text) in lines {
            let colon = if word.is_empty() { "" } else { ": " };
            write!(out, "<p><b>{word}{colon}</b>{}</p>", Shown(&text))?;
        }
        writeln!(out, "</td></tr>")?;
    }
    writeln!(out, "</tbody>")
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
