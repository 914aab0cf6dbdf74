//! The properties of a virtual phone, including those that the field notes leave open.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use super::FaultInjector;
use crate::shared::Mac;
use crate::shared::{Kind, LoadName, Side};

/// One phone.
#[derive(Debug, Clone)]
pub struct Spec {
    /// Its number in a rehearsal, from 1; gives its DHCP client a loopback address.
    pub index: u32,
    /// Its hardware address.
    pub mac: Mac,
    /// `8851`.
    pub model: String,
    /// The id in `loadInformation684`.
    pub id: u32,
    /// `$PN`: `CP-8851-3PCC`.
    pub pn: String,
    /// `$PSN`: `8851-3PCC`.
    pub psn: String,
    /// 5 of V05.
    pub vid: u8,
    /// Serial number.
    pub serial: String,
    /// The section of a `.loads` file for its hardware: `PLATFORM_1`.
    pub platform: String,
    /// Its first load.
    pub load: LoadName,
    /// Its address at the former site.
    pub production_address: Option<Ipv4Addr>,
    /// Its first profile parameters.
    pub parameters: BTreeMap<String, String>,
    /// From power-on to the first DHCP message.
    pub boot: Duration,
    /// Time to write a load.
    pub flash: Duration,
    /// Properties that are uncertain.
    pub quirks: Quirks,
}

/// Option 60 of Multiplatform and transition firmware (§1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VendorClass {
    /// `CP-8851-3PCC` and a NUL.
    Bare,
    /// `Cisco Systems, Inc. IP Phone CP-8851-3PCC` and a NUL.
    Long,
    /// `dslforum.org`: TR-069 is on.
    Tr069,
    /// As on the Enterprise side: `Cisco Systems, Inc. IP Phone CP-8851`.
    Enterprise,
    /// None.
    Absent,
}

/// The User-Agent of a transition load (§6.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransitionAgent {
    /// The form of Multiplatform loads, with its own release.
    ItsRelease,
    /// Another form.
    AnotherForm,
    /// None.
    Absent,
}

/// Option 61.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientId {
    /// Type 1 and the hardware address.
    Mac,
    /// Type 1 with the hardware address on the Enterprise side, type 255 on the other: it changes with the firmware.
    Changes,
    /// None.
    Absent,
}

/// The phone's web page (§9).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageQuirk {
    /// Complete.
    Whole,
    /// Without its UDI.
    WithoutUdi,
    /// Switched off by hand.
    Off,
}

/// How an Enterprise phone registers with the call manager that its configuration names (§13).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registers {
    /// Over TCP.
    Tcp,
    /// Over UDP.
    Udp,
    /// Not at all.
    Never,
}

/// Properties that differ between phones or are uncertain.
#[derive(Debug, Clone)]
pub struct Quirks {
    /// The phone has a trust list and accepts only signed configuration (§3.4).
    pub trust_list: bool,
    /// Option 60 on the Multiplatform side.
    pub vendor_class: VendorClass,
    /// Option 60 of a transition load.
    pub transition_class: VendorClass,
    /// An 8821 sends option 60.
    pub stranger_class: bool,
    /// Option 60 ends with a NUL on the Enterprise side.
    pub enterprise_nul: bool,
    /// Option 61.
    pub client_id: ClientId,
    /// The phone sends `SEP<MAC>` as option 12.
    pub host_name: bool,
    /// Enterprise firmware sends a User-Agent in HTTP.
    pub enterprise_agent: bool,
    /// The User-Agent of a transition load.
    pub transition_agent: TransitionAgent,
    /// The phone comes with Enterprise firmware and wants an activation code, in spite of option 150 (§3.3).
    pub wants_code: bool,
    /// The phone asks for DHCP answers by broadcast.
    pub broadcast: bool,
    /// Wait after which an Enterprise phone without usable configuration asks again; `None`: never (§3.3).
    pub asks_again: Option<Duration>,
    /// The phone tries HTTP port 6970 before TFTP (§3.1).
    pub http_first: bool,
    /// After "not found" by HTTP the phone tries TFTP too.
    pub tftp_after_not_found: bool,
    /// TFTP names begin with a slash on the Enterprise side.
    pub leading_slash: bool,
    /// The `blksize` asked for in TFTP; `None`: 512 without options.
    pub tftp_block_size: Option<u16>,
    /// The phone does not fetch components that it has written before.
    pub keeps_components: bool,
    /// The web page.
    pub page: PageQuirk,
    /// The page on the Multiplatform side shows the load, in elements of likely names (§9.2).
    pub multiplatform_page: bool,
    /// A transition load has a page.
    pub transition_page: bool,
    /// `Trans_Auth_Rule` works only along with `Trans_Auth_Type` Classic (§6.5).
    pub auth_type_needed: bool,
    /// How the phone registers.
    pub registers: Registers,
    /// The phone sends `Load=` as older firmware does, and no part for remote control.
    pub old_alarm: bool,
    /// The phone answers 400 to an order to restart.
    pub refuses_restart: bool,
    /// The phone reads its configuration on an order to reset, not on one to restart.
    pub needs_reset: bool,
    /// The faults around the phone.
    pub faults: FaultInjector,
    /// A failed upgrade is tried again after `Upgrade_Error_Retry_Delay`, with the same URL (§6.4).
    pub retries_failed_upgrade: bool,
}

impl Default for Quirks {
    /// The most likely phone.
    fn default() -> Self {
        Self {
            trust_list: false,
            vendor_class: VendorClass::Bare,
            transition_class: VendorClass::Bare,
            stranger_class: true,
            enterprise_nul: false,
            client_id: ClientId::Mac,
            host_name: true,
            enterprise_agent: false,
            transition_agent: TransitionAgent::ItsRelease,
            wants_code: false,
            broadcast: false,
            asks_again: Some(Duration::from_secs(45)),
            http_first: true,
            tftp_after_not_found: false,
            leading_slash: false,
            tftp_block_size: None,
            keeps_components: false,
            page: PageQuirk::Whole,
            multiplatform_page: true,
            transition_page: true,
            auth_type_needed: true,
            registers: Registers::Tcp,
            old_alarm: false,
            refuses_restart: false,
            needs_reset: false,
            faults: FaultInjector::default(),
            retries_failed_upgrade: false,
        }
    }
}

impl Spec {
    pub(super) fn vendor_class(&self, kind: Kind) -> Option<Vec<u8>> {
        const LONG: &str = "Cisco Systems, Inc. IP Phone";
        let (model, pn, quirks) = (&self.model, &self.pn, &self.quirks);
        let nul = if quirks.enterprise_nul { "\0" } else { "" };
        let class = match kind {
            Kind::Enterprise if model == "8821" && !quirks.stranger_class => VendorClass::Absent,
            Kind::Enterprise => VendorClass::Enterprise,
            Kind::Transition(_) => quirks.transition_class,
            Kind::Multiplatform => quirks.vendor_class,
        };
        let text = match class {
            VendorClass::Enterprise => format!("{LONG} CP-{model}{nul}"),
            VendorClass::Bare => format!("{pn}\0"),
            VendorClass::Long => format!("{LONG} {pn}\0"),
            VendorClass::Tr069 => "dslforum.org".to_owned(),
            VendorClass::Absent => return None,
        };
        Some(text.into_bytes())
    }

    pub(super) fn client_id(&self, side: Side) -> Option<Vec<u8>> {
        match (self.quirks.client_id, side) {
            (ClientId::Absent, _) => None,
            (ClientId::Changes, Side::Multiplatform) => {
                Some([&[255, 0, 0, 0, 1, 0, 3, 0, 1][..], &self.mac.0].concat())
            }
            _ => Some([&[1][..], &self.mac.0].concat()),
        }
    }

    /// `Cisco-CP-8851-3PCC/11.2.3 (001234ab45de)`, or the form of a draw (§6.6, §3.1).
    pub(super) fn user_agent(&self, load: &LoadName) -> Option<String> {
        let version = load.version();
        let number = format!("{}.{}.{}", version.major, version.minor, version.micro);
        let multiplatform = || format!("Cisco-{}/{number} ({})", self.pn, self.mac.lower());
        match (load.kind(), self.quirks.transition_agent) {
            (Kind::Enterprise, _) => {
                self.quirks.enterprise_agent.then(|| format!("Cisco-CP{}/{number}", self.model))
            }
            (Kind::Transition(_), TransitionAgent::Absent) => None,
            (Kind::Transition(_), TransitionAgent::AnotherForm) => Some("Cisco-MIGRATION/1.0".to_owned()),
            (Kind::Transition(_) | Kind::Multiplatform, _) => Some(multiplatform()),
        }
    }
}

/// Option 55 as captured from 8841 and 8851 (§1.2).
pub(super) fn request_list(side: Side) -> Vec<u8> {
    match side {
        Side::Enterprise => vec![1, 42, 66, 6, 3, 15, 150, 35],
        Side::Multiplatform => vec![1, 3, 6, 15, 35, 66, 150, 2, 7, 42, 43, 58, 59, 159, 160],
    }
}
