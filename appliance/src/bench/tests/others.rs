//! Tests clients that are no phones.

use transload_dhcp::MessageType;
use transload_dhcp::event::{DhcpEvent, DhcpOutcome};

use super::*;
use crate::bench::intake::last_dhcp::STRANGERS_KEPT;

/// An address registered to Cisco, which may be a phone's or a server's.
const CISCO: Mac = Mac([0x00, 0x56, 0x2b, 0x04, 0x36, 0x15]);
const PC: Mac = Mac([0x52, 0x54, 0x00, 0x01, 0x02, 0x03]);

fn acknowledged(mac: Mac, address: Ipv4Addr, vendor_class: Option<&str>) -> DhcpEvent {
    DhcpEvent {
        at: 1_000,
        mac: mac.0,
        kind: MessageType::Request,
        outcome: DhcpOutcome::Acknowledged,
        address: Some(address),
        lease_ends: Some(u64::MAX),
        network: None,
        class: None,
        vendor_class: vendor_class.map(|class| class.as_bytes().to_vec()),
        request_list: vec![1, 3, 6, 43, 60, 66, 67],
        client_id: None,
        host_name: None,
        relay: None,
        left_out: Vec::new(),
        ignored: Vec::new(),
        sent_to: None,
    }
}

impl TestBench {
    fn with_other(mac: Mac, vendor_class: Option<&str>) -> Self {
        let lab = Self::new(true);
        lab.bench.dhcp_event(&acknowledged(mac, AT_A, vendor_class), std::time::Duration::ZERO);
        lab
    }

    fn apart(&self) -> Vec<Mac> {
        self.bench.others().iter().map(|other| other.mac).collect()
    }
}

#[tokio::test]
async fn a_pc_that_boots_from_here_gets_its_files_and_is_no_phone() {
    let class = "PXEClient:Arch:00007:UNDI:003016";
    let lab = TestBench::with_other(PC, Some(class));
    let extra = lab.state.path().join("extra/pxelinux.cfg");
    std::fs::create_dir_all(&extra).unwrap();
    std::fs::write(extra.join("default"), "x").unwrap();
    std::fs::write(lab.state.path().join("extra/boot.ipxe"), "#!ipxe").unwrap();
    std::fs::write(lab.state.path().join("extra/525400010203.cfg"), "printer").unwrap();
    lab.bench.set_library(lab.bench.library().rescan().unwrap().unwrap());
    for path in ["boot.ipxe", "pxelinux.cfg/default", "/525400010203.cfg"] {
        assert_eq!(lab.text(AT_A, path, Some("iPXE/1.21.1".into())).await, "a file", "{path}");
    }
    for path in ["/", "absent.efi", "pxelinux.cfg/01-52-54-00-01-02-03", "SEP00562B043615.cnf.xml"] {
        assert_eq!(lab.text(AT_A, path, None).await, "", "{path}");
    }
    assert!(lab.bench.phones().is_empty(), "{:?}", lab.bench.phones());
    let others = lab.bench.others();
    let [other] = others.as_slice() else { panic!("{others:?}") };
    assert_eq!((other.mac, other.address), (PC, Some(AT_A)));
    assert_eq!(other.vendor_class.as_deref(), Some(class));
    assert!(other.last_seen > Some(Time(1_000)), "its requests for files count");
    assert_eq!(lab.bench.explain(PC).hold, None);
    let report = lab.bench.report();
    assert_eq!((report.phones.len(), report.totals.phones, report.others.len()), (0, 0, 1));
    assert!(
        report
            .written(crate::bench::views::report::Format::Html, None, &jiff::tz::TimeZone::UTC)
            .contains("Other clients")
    );
}

#[tokio::test]
async fn a_client_that_asks_for_a_phones_files_is_a_phone_from_then_on() {
    for path in [
        "SEP525400010203.cnf.xml.sgn",
        "CTLSEP525400010203.tlv",
        "XMLDefault.cnf.xml",
        "8851-3PCC.xml",
        "/Cisco/CP-8851-3PCC/525400010203.cfg",
        "525400010203.lic",
        "sip88xx.12-5-1SR1-4.loads",
        "rootfs88xx.12-5-1SR1-4.sbn",
    ] {
        let lab = TestBench::with_other(PC, Some("something new"));
        assert_eq!(lab.apart(), [PC]);
        drop(lab.text(AT_A, path, None).await);
        assert_eq!(lab.apart(), [], "{path}");
        assert_eq!(lab.bench.phones().len(), 1, "{path}");
    }
    let lab = TestBench::with_other(PC, None);
    drop(lab.text(AT_A, "/", Some(agent(PC))).await);
    assert_eq!((lab.apart().len(), lab.bench.phones().len()), (0, 1), "it says so in its User-Agent");
}

#[tokio::test]
async fn a_phone_that_dhcp_cannot_classify_is_a_phone() {
    let lab = TestBench::with_other(CISCO, None);
    assert_eq!(lab.apart(), [CISCO], "it has asked for nothing yet");
    drop(lab.text(AT_A, "g3-tones.xml", None).await);
    assert_eq!((lab.apart().len(), lab.bench.phones().len()), (0, 1));
    // A Cisco server sends a vendor class.
    let lab = TestBench::with_other(CISCO, Some("PXEClient:Arch:00000:UNDI:002001"));
    drop(lab.text(AT_A, "pxelinux.0", None).await);
    assert_eq!((lab.apart().len(), lab.bench.phones().len()), (1, 0));
}

#[tokio::test]
async fn another_client_turns_out_to_be_a_phone_by_its_class_or_by_the_roster() {
    let lab = TestBench::with_other(PC, None);
    drop(lab.text(AT_A, "boot.ipxe", None).await);
    assert_eq!(lab.apart(), [PC]);
    let mut state = lab.bench.state();
    let class = Some("Cisco Systems, Inc. IP Phone CP-8851".to_owned());
    lab.bench.note(&mut state, PC, Time(2_000), true, class, vec![1, 150]);
    drop(state);
    lab.bench.dhcp_event(&acknowledged(PC, AT_A, None), std::time::Duration::ZERO);
    assert_eq!((lab.apart().len(), lab.bench.phones().len()), (0, 1));
    assert_eq!(lab.bench.phones()[0].address, Some(AT_A));

    let lab = TestBench::with_other(PC, None);
    let roster = format!("mac,model\n{PC},8851\n");
    lab.bench.set_roster(transload_provision::roster::parse(roster.as_bytes()).entries);
    assert_eq!((lab.apart().len(), lab.bench.phones().len()), (0, 1));
}

#[tokio::test]
async fn others_are_known_again_after_a_start_and_bounded() {
    let lab = TestBench::with_other(PC, Some("MSFT 5.0"));
    let lab = lab.power_cut(true);
    lab.lease(PC, AT_A);
    assert_eq!(lab.apart(), [PC]);
    assert_eq!(lab.bench.others()[0].vendor_class, None);
    for number in 0..STRANGERS_KEPT as u32 + 100 {
        let [_, second, third, fourth] = number.to_be_bytes();
        let mac = Mac([0x52, 0x54, 1, second, third, fourth]);
        let event = DhcpEvent {
            outcome: DhcpOutcome::Offered,
            ..acknowledged(mac, Ipv4Addr::from(0x0a63_0000 + number), None)
        };
        lab.bench.dhcp_event(&event, std::time::Duration::ZERO);
    }
    assert!(lab.bench.state().strangers.len() <= STRANGERS_KEPT);
    assert_eq!(lab.apart(), [PC], "whoever was only offered an address has none");
}

#[tokio::test]
async fn a_vendor_class_is_kept_while_strangers_without_a_lease_come_and_go() {
    let lab = TestBench::with_other(PC, Some("MSFT 5.0"));
    for number in 0..3 * STRANGERS_KEPT as u32 {
        let [_, second, third, fourth] = number.to_be_bytes();
        let mac = Mac([0x52, 0x54, 1, second, third, fourth]);
        let event = DhcpEvent {
            outcome: DhcpOutcome::Ignored("no phone".into()),
            address: None,
            ..acknowledged(mac, AT_B, None)
        };
        lab.bench.dhcp_event(&event, std::time::Duration::ZERO);
    }
    assert_eq!(lab.bench.others()[0].vendor_class.as_deref(), Some("MSFT 5.0"));
}
