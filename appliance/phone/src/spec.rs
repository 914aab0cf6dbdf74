//! What a virtual phone is, and which way it takes where the field notes leave more than one open.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use super::FaultInjector;
use crate::shared::Mac;
use crate::shared::{Kind, LoadName, Side};

/// One phone.
#[derive(Debug, Clone)]
pub struct Spec {
    /// Which one of a rehearsal, from 1: gives its DHCP client a loopback address.
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
    /// Which section of a `.loads` file its hardware is: `PLATFORM_1`.
    pub platform: String,
    /// The load it has out of the box.
    pub load: LoadName,
    /// The address it had where it comes from.
    pub production_address: Option<Ipv4Addr>,
    /// Profile parameters it comes with.
    pub parameters: BTreeMap<String, String>,
    /// From power to the first DHCP message.
    pub boot: Duration,
    /// To write a load.
    pub flash: Duration,
    /// What is not known for certain.
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

/// What a transition load calls itself in HTTP (§6.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransitionAgent {
    /// As Multiplatform loads do, with a release of its own.
    ItsRelease,
    /// Something else.
    AnotherForm,
    /// Nothing.
    Absent,
}

/// Option 61.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientId {
    /// Type 1 and the hardware address.
    Mac,
    /// The same on the Enterprise side, type 255 on the other: it changes with the firmware.
    Changes,
    /// None.
    Absent,
}

/// The phone's own page (§9).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageQuirk {
    /// With everything in it.
    Whole,
    /// Without its UDI.
    WithoutUdi,
    /// Nobody listens: switched off by hand.
    Off,
}

/// How an Enterprise phone registers with the call manager that its configuration names (§13).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registers {
    /// By a connection.
    Tcp,
    /// By datagrams.
    Udp,
    /// Not at all.
    Never,
}

/// What differs between phones, or is not known for certain.
#[derive(Debug, Clone)]
pub struct Quirks {
    /// It holds a trust list, and takes signed configuration only (§3.4).
    pub trust_list: bool,
    /// Option 60 on the Multiplatform side.
    pub vendor_class: VendorClass,
    /// The same of a transition load.
    pub transition_class: VendorClass,
    /// An 8821 sends option 60 at all.
    pub stranger_class: bool,
    /// Option 60 ends with a NUL on the Enterprise side.
    pub enterprise_nul: bool,
    /// Option 61.
    pub client_id: ClientId,
    /// It sends `SEP<MAC>` as option 12.
    pub host_name: bool,
    /// Enterprise firmware calls itself something in HTTP.
    pub enterprise_agent: bool,
    /// What a transition load calls itself.
    pub transition_agent: TransitionAgent,
    /// It comes with Enterprise firmware and wants an activation code, though it is given option 150 (§3.3).
    pub wants_code: bool,
    /// It asks for DHCP answers by broadcast.
    pub broadcast: bool,
    /// After how long an Enterprise phone without usable configuration asks again; never, if none (§3.3).
    pub asks_again: Option<Duration>,
    /// It tries HTTP port 6970 before TFTP (§3.1).
    pub http_first: bool,
    /// A "not found" by HTTP makes it try TFTP too.
    pub tftp_after_not_found: bool,
    /// TFTP names begin with a slash on the Enterprise side.
    pub leading_slash: bool,
    /// `blksize` it asks for in TFTP; plain 512 without options, if none.
    pub tftp_block_size: Option<u16>,
    /// It does not fetch components that it has written before.
    pub keeps_components: bool,
    /// Its page.
    pub page: PageQuirk,
    /// Its page says on the Multiplatform side what it runs, in elements of likely names (§9.2).
    pub multiplatform_page: bool,
    /// A transition load has a page.
    pub transition_page: bool,
    /// `Trans_Auth_Rule` works only along with `Trans_Auth_Type` Classic (§6.5).
    pub auth_type_needed: bool,
    /// How it registers.
    pub registers: Registers,
    /// It says `Load=` as older firmware does, and has no part for remote control in what it sends.
    pub old_alarm: bool,
    /// It answers 400 when it is told to restart.
    pub refuses_restart: bool,
    /// When it is told to restart it does not read its configuration, but when it is told to reset.
    pub needs_reset: bool,
    /// What surrounds it.
    pub faults: FaultInjector,
    /// A failed upgrade is tried again after `Upgrade_Error_Retry_Delay`, though its URL is the same (§6.4).
    pub retries_failed_upgrade: bool,
}

impl Default for Quirks {
    /// The likely phone.
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

    /// `Cisco-CP-8851-3PCC/11.2.3 (001234ab45de)`, or what a draw has in place of it (§6.6, §3.1).
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
