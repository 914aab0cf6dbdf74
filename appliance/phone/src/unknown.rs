//! Applies the answers of a draw to a virtual phone.

use std::time::Duration;

use super::spec::{ClientId, Quirks, Registers, TransitionAgent, VendorClass};
use crate::shared::Draw;

impl Quirks {
    /// Takes the answers that virtual phones can follow.
    pub fn take(&mut self, draw: &Draw) {
        let class = |key| match draw.way(key) {
            "long" => VendorClass::Long,
            "tr069" => VendorClass::Tr069,
            "enterprise" => VendorClass::Enterprise,
            "none" => VendorClass::Absent,
            _ => VendorClass::Bare,
        };
        self.vendor_class = class("multiplatform-class");
        self.transition_class = class("transition-class");
        self.stranger_class = draw.is("stranger-class", "named");
        self.enterprise_nul = draw.is("enterprise-nul", "nul");
        self.host_name = draw.is("host-name", "mac");
        self.client_id = match draw.way("client-id") {
            "changes" => ClientId::Changes,
            "none" => ClientId::Absent,
            _ => ClientId::Mac,
        };
        self.enterprise_agent = draw.is("enterprise-agent", "named");
        self.transition_agent = match draw.way("transition-agent") {
            "none" => TransitionAgent::Absent,
            "another-form" => TransitionAgent::AnotherForm,
            _ => TransitionAgent::ItsRelease,
        };
        self.tftp_block_size = draw.is("tftp-options", "blksize").then_some(1428);
        self.tftp_after_not_found = draw.is("after-not-found", "tftp");
        self.wants_code = draw.is("activation-code", "waits-for-a-hand");
        self.asks_again = match draw.way("asks-again") {
            "never" => None,
            "15" => Some(Duration::from_secs(15)),
            _ => Some(Duration::from_secs(45)),
        };
        self.keeps_components = draw.is("components", "missing-ones");
        self.retries_failed_upgrade = draw.is("failed-upgrade", "after-a-while");
        self.multiplatform_page = draw.is("multiplatform-page", "likely-names");
        self.transition_page = draw.is("transition-page", "there");
        self.registers = match draw.way("registers") {
            "udp" => Registers::Udp,
            "never" => Registers::Never,
            _ => Registers::Tcp,
        };
        self.refuses_restart = draw.is("restart-enough", "refused");
        self.needs_reset = draw.is("restart-enough", "reset");
    }
}
