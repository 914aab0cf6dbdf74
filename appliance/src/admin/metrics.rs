//! Serves figures for Prometheus.

#![allow(clippy::cast_precision_loss, reason = "no figure is that large")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
use transload_provision::hold::HoldCode;
use transload_provision::journey::Stage;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::ApiState;
use super::problem::ProblemDetails;
use crate::bench::views::health;
use crate::system::space;

/// The format with separate types for counters.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// The format for all other clients.
const PLAIN: &str = "text/plain; version=0.0.4; charset=utf-8";

type LevelGauge = Gauge<f64, AtomicU64>;

type MetricLabel = [(&'static str, String); 1];

pub(super) fn routes() -> OpenApiRouter<Arc<ApiState>> {
    OpenApiRouter::new().routes(routes!(metrics))
}

/// Figures for Prometheus, in the format that it asks for.
#[utoipa::path(get, path = "/metrics", tag = "bench", responses((status = 200, content(
    (String = "application/openmetrics-text"), (String = "text/plain")))))]
async fn metrics(State(api): State<Arc<ApiState>>, headers: HeaderMap) -> Result<Response, ProblemDetails> {
    let mut figures = String::new();
    text::encode(&mut figures, &collect(&api))
        .map_err(|error| ProblemDetails::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
    let accepts = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    Ok(if accepts.contains("application/openmetrics-text") {
        ([(header::CONTENT_TYPE, OPEN_METRICS)], figures).into_response()
    } else {
        ([(header::CONTENT_TYPE, PLAIN)], plain(&figures)).into_response()
    })
}

/// All figures, as they are now.
fn collect(api: &ApiState) -> Registry {
    let ApiState { bench, serving, state, .. } = api;
    let mut registry = Registry::with_prefix("transload");
    bench.metrics().register(&mut registry);

    let commits = bench.ledger();
    let help = "From the beginning of a commit of the ledger until it is on disk";
    registry.register_with_unit("ledger_commit_duration", help, Unit::Seconds, commits.took.clone());
    let help = "Commits of the ledger that failed; nothing that depended on them was answered";
    registry.register("ledger_commit_failures", help, commits.failed.clone());

    let phones = bench.phones();
    let mut stages: BTreeMap<&str, f64> = Stage::ALL.map(|stage| (stage.as_str(), 0.0)).into();
    let mut holds: BTreeMap<&str, f64> = HoldCode::ALL.map(|code| (code.as_str(), 0.0)).into();
    for phone in &phones {
        *stages.entry(phone.stage.as_str()).or_default() += 1.0;
        if let Some(hold) = &phone.hold {
            *holds.entry(hold.code.as_str()).or_default() += 1.0;
        }
    }
    levels(&mut registry, "phones", "Phones by stage", "stage", stages);
    levels(&mut registry, "phones_held", "Phones held or stuck, by reason", "code", holds);
    let writing = phones.iter().filter(|phone| phone.writing).count();
    level(&mut registry, "phones_writing", "Phones that write flash: not to be unplugged", writing as f64);

    let help = "Clients with a lease that are no phones";
    level(&mut registry, "other_clients", help, bench.others().len() as f64);

    let (strange, shed) = bench.unobserved();
    let dropped = Family::<MetricLabel, Counter>::default();
    for (reason, count) in [("malformed", strange), ("overload", shed)] {
        dropped.get_or_create(&[("reason", reason.to_owned())]).inc_by(count);
    }
    let help = "Datagrams to the DHCP server that were not handled";
    registry.register("dhcp_datagrams_dropped", help, dropped);
    if let Some(aside) = bench.set_aside() {
        let help = "Addresses that are set aside, because somebody else seems to use them";
        level(&mut registry, "dhcp_set_aside_addresses", help, aside.addresses as f64);
        let help =
            "Addresses set aside that gave way, because there were too many or no other address was left";
        count(&mut registry, "dhcp_set_aside_given_way", help, aside.given_way);
        let help = "DECLINEs and RELEASEs not believed, because the client or nobody else uses the address";
        count(&mut registry, "dhcp_disbelieved", help, aside.disbelieved);
    }
    levels(&mut registry, "leases", "Addresses by the state of their lease", "state", bench.leases());

    let tftp = serving.tftp_reached();
    let help = "TFTP requests of strangers without an answer, because too many strangers had not answered";
    count(&mut registry, "tftp_ignored", help, tftp.ignored());
    let help = "TFTP transfers whose client had not answered and that gave way to others";
    count(&mut registry, "tftp_given_way", help, tftp.given_way());
    let help = "TFTP requests that were refused, because too many transfers were under way";
    count(&mut registry, "tftp_refused", help, tftp.refused());

    let troubles = health::troubles(bench, &**serving, state);
    let help = "What keeps phones from being served, as /healthz tells; 0 if all is well";
    level(&mut registry, "problems", help, troubles.len() as f64);
    if let Ok(free) = space::free(state) {
        level(&mut registry, "state_free_bytes", "Room for the ledger and the library", free as f64);
    }
    let version = [(env!("CARGO_PKG_VERSION"), 1.0)].into();
    levels(&mut registry, "build_info", "The program", "version", version);
    process(&mut registry);
    registry
}

/// Figures of the process, from /proc.
fn process(registry: &mut Registry) {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name in parentheses may hold any character. Later fields are numbered from 3 (proc(5)).
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let field =
        |number: usize| fields.get(number - 3).and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0);
    let seconds = |ticks: f64| ticks / ticks_per_second();
    let cpu = Counter::<f64, AtomicU64>::default();
    cpu.inc_by(seconds(field(14) + field(15)));
    registry.register_with_unit("process_cpu", "Time on processors", Unit::Seconds, cpu);
    let page = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE).ok().flatten().unwrap_or(4096);
    level(registry, "process_resident_memory_bytes", "Memory in use", field(24) * page as f64);
    level(registry, "process_threads", "Threads", field(20));
    let open = std::fs::read_dir("/proc/self/fd").map_or(0, |listed| listed.count().saturating_sub(1));
    level(registry, "process_open_fds", "Open files and sockets", open as f64);
    let booted = std::fs::read_to_string("/proc/stat").unwrap_or_default();
    let booted = booted.lines().find_map(|line| line.strip_prefix("btime ")?.parse::<f64>().ok());
    if let Some(booted) = booted {
        let help = "When the program started, in seconds since 1970";
        level(registry, "process_start_time_seconds", help, booted + seconds(field(22)));
    }
}

fn ticks_per_second() -> f64 {
    nix::unistd::sysconf(nix::unistd::SysconfVar::CLK_TCK).ok().flatten().unwrap_or(100) as f64
}

fn count(registry: &mut Registry, name: &str, help: &str, value: u64) {
    let counter = Counter::<u64>::default();
    counter.inc_by(value);
    registry.register(name, help, counter);
}

fn level(registry: &mut Registry, name: &str, help: &str, value: f64) {
    let level = LevelGauge::default();
    level.set(value);
    registry.register(name, help, level);
}

fn levels(registry: &mut Registry, name: &str, help: &str, label: &'static str, values: BTreeMap<&str, f64>) {
    let family = Family::<MetricLabel, LevelGauge>::default();
    for (value, level) in values {
        family.get_or_create(&[(label, value.to_owned())]).set(level);
    }
    registry.register(name, help, family);
}

/// Converts to the older format: counters are described by their sample names, units have no line, and no end is
/// marked.
fn plain(figures: &str) -> String {
    let counters: BTreeSet<&str> =
        figures.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.strip_suffix(" counter")).collect();
    let mut plain = String::with_capacity(figures.len());
    for line in figures.lines().filter(|line| !line.starts_with("# UNIT ") && *line != "# EOF") {
        let described =
            ["# HELP ", "# TYPE "].into_iter().find_map(|word| Some((word, line.strip_prefix(word)?)));
        match described.and_then(|(word, rest)| Some((word, rest.split_once(' ')?))) {
            Some((word, (name, rest))) if counters.contains(name) => {
                plain.extend([word, name, "_total ", rest]);
            }
            _ => plain.push_str(line),
        }
        plain.push('\n');
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_formats_say_the_same() {
        let mut registry = Registry::with_prefix("transload");
        let counter = Counter::<u64>::default();
        counter.inc_by(7);
        registry.register("file_requests", "Requests", counter);
        let took = crate::system::latencies::seconds();
        took.observe(0.002);
        registry.register_with_unit("reply", "Replies", Unit::Seconds, took);
        level(&mut registry, "problems", "Problems", 2.0);
        let mut open = String::new();
        text::encode(&mut open, &registry).unwrap();
        assert!(
            open.ends_with("# EOF\n") && open.contains("# TYPE transload_file_requests counter\n"),
            "{open}"
        );
        let plain = plain(&open);
        for line in [
            "# HELP transload_file_requests_total Requests.",
            "# TYPE transload_file_requests_total counter",
            "transload_file_requests_total 7",
            "# TYPE transload_reply_seconds histogram",
            "transload_reply_seconds_bucket{le=\"0.001\"} 0",
            "transload_reply_seconds_bucket{le=\"0.0025\"} 1",
            "transload_reply_seconds_count 1",
            "# TYPE transload_problems gauge",
            "transload_problems 2.0",
        ] {
            assert!(plain.lines().any(|said| said == line), "{line}: {plain}");
        }
        assert!(!plain.contains("# UNIT") && !plain.contains("# EOF"), "{plain}");
    }
}
