//! Counters of the running bench. Each count is one atomic addition.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use transload_dhcp::MessageType;
use transload_dhcp::event::{DhcpEvent, DhcpOutcome};

use crate::listeners::bounds::Bounds;
use crate::listeners::{FileAnswer, FileProtocol};
use crate::system::latencies;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DhcpLabels {
    r#type: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ProtocolLabel {
    door: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ComeOf {
    door: &'static str,
    outcome: &'static str,
}

/// The counters of one bench.
#[derive(Debug)]
pub struct Metrics {
    messages: Family<DhcpLabels, Counter>,
    replies: Histogram,
    requests: Family<ComeOf, Counter>,
    transfers: Family<ComeOf, Counter>,
    under_way: Family<ProtocolLabel, Gauge>,
    bytes: Family<ProtocolLabel, Counter>,
    /// Bounds that were reached.
    pub bounds: Bounds,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            messages: Family::default(),
            replies: latencies::seconds(),
            requests: Family::default(),
            transfers: Family::default(),
            under_way: Family::default(),
            bytes: Family::default(),
            bounds: Bounds::default(),
        }
    }
}

impl Metrics {
    /// Registers the counters.
    pub fn register(&self, registry: &mut Registry) {
        let Self { messages, replies, requests, transfers, under_way, bytes, bounds } = self;
        bounds.register(registry);
        registry.register("dhcp_messages", "DHCP messages by type and what came of them", messages.clone());
        registry.register_with_unit(
            "dhcp_reply_duration",
            "From a DHCP message's receipt to its reply, the commit of its lease included",
            Unit::Seconds,
            replies.clone(),
        );
        registry.register("file_requests", "Requests for files and what was answered", requests.clone());
        registry.register(
            "file_transfers",
            "Transfers of firmware and licenses that have ended",
            transfers.clone(),
        );
        registry.register(
            "file_transfers_in_progress",
            "Transfers of firmware and licenses",
            under_way.clone(),
        );
        registry.register_with_unit(
            "file_transfer",
            "Bytes of firmware and licenses that phones took",
            Unit::Bytes,
            bytes.clone(),
        );
    }

    /// Counts a DHCP message and the time of its answer.
    pub fn dhcp(&self, event: &DhcpEvent, took: Duration) {
        let outcome = match &event.outcome {
            DhcpOutcome::Offered => "offered",
            DhcpOutcome::Acknowledged => "acknowledged",
            DhcpOutcome::Informed => "informed",
            DhcpOutcome::Refused(_) => "refused",
            DhcpOutcome::Released => "released",
            DhcpOutcome::Declined => "declined",
            DhcpOutcome::Conflict(_) => "conflict",
            DhcpOutcome::ChoseOther(_) => "chose-other",
            DhcpOutcome::Ignored(_) => "ignored",
            DhcpOutcome::Unserved(_) => "unserved",
            DhcpOutcome::NotSaved(_) => "not-saved",
        };
        let r#type = match event.kind {
            MessageType::Discover => "discover",
            MessageType::Request => "request",
            MessageType::Decline => "decline",
            MessageType::Release => "release",
            MessageType::Inform => "inform",
            _ => "other",
        };
        self.messages.get_or_create(&DhcpLabels { r#type, outcome }).inc();
        if matches!(outcome, "offered" | "acknowledged" | "informed" | "refused") {
            self.replies.observe(took.as_secs_f64());
        }
    }

    /// Counts a request for a file.
    pub fn request(&self, protocol: FileProtocol, served: &FileAnswer) {
        let outcome = match served {
            FileAnswer::Document { .. } => "document",
            FileAnswer::File(_) => "file",
            FileAnswer::NotFound => "not-found",
            FileAnswer::Busy => "busy",
        };
        self.requests.get_or_create(&ComeOf { door: protocol.as_str(), outcome }).inc();
    }

    /// Bytes acknowledged by phones.
    pub fn sent(&self) -> u64 {
        let of = |protocol: FileProtocol| {
            self.bytes.get(&ProtocolLabel { door: protocol.as_str() }).map_or(0, |bytes| bytes.get())
        };
        of(FileProtocol::Tftp) + of(FileProtocol::Http)
    }

    /// Starts to count a transfer.
    pub fn transfer(&self, protocol: FileProtocol) -> TransferCounters {
        let door = protocol.as_str();
        let under_way = self.under_way.get_or_create_owned(&ProtocolLabel { door });
        under_way.inc();
        let of = |outcome| self.transfers.get_or_create_owned(&ComeOf { door, outcome });
        TransferCounters {
            bytes: self.bytes.get_or_create_owned(&ProtocolLabel { door }),
            under_way,
            complete: of("complete"),
            broken: of("broken"),
        }
    }
}

/// The counters of one transfer.
#[derive(Debug)]
pub struct TransferCounters {
    bytes: Counter,
    under_way: Gauge,
    complete: Counter,
    broken: Counter,
}

impl TransferCounters {
    /// Counts acknowledged bytes.
    pub fn took(&self, bytes: u64) {
        self.bytes.inc_by(bytes);
    }

    /// Counts the end of the transfer.
    pub fn ended(self, complete: bool) {
        self.under_way.dec();
        if complete {
            self.complete.inc()
        } else {
            self.broken.inc()
        };
    }
}
