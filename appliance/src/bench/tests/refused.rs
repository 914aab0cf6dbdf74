//! Tests phones that get no DHCP answer, with the real engine and the bench as its policy.

use transload_dhcp::MessageType;
use transload_dhcp::config::{AddressRange, DhcpConfig, DhcpNetwork, LeaseTime, RelayInformation};
use transload_dhcp::engine::{Engine, Ingress};
use transload_dhcp::event::DhcpEvent;
use transload_dhcp::options::code;
use transload_dhcp::packet::{MalformedMessage, Packet};
use transload_provision::options::Gives;

use super::*;
use crate::bench::intake::last_dhcp::STRANGERS_KEPT;
use crate::bench::views::explain::Explanation;
use crate::config::NetworkGives;
use crate::config::values::TextValue;

const SERVER: Ipv4Addr = Ipv4Addr::new(10, 23, 45, 67);
const NOBODY: Ipv4Addr = Ipv4Addr::UNSPECIFIED;
const CLASS: &[u8] = b"Cisco Systems, Inc. IP Phone CP-8851\0";

struct RefusingSegment {
    lab: TestBench,
    engine: Engine,
}

impl RefusingSegment {
    /// One network with a single address, and A in the roster.
    fn new(relay_information: RelayInformation) -> Self {
        let lab = TestBench::new(true);
        let listed = format!("mac,model\n{A},8851\n");
        lab.bench.set_roster(transload_provision::roster::parse(listed.as_bytes()).entries);
        let network = DhcpNetwork {
            name: "bench".into(),
            address: SERVER,
            prefix_len: 24,
            pools: vec![AddressRange { first: AT_A, last: AT_A }],
            exclude: Vec::new(),
            lease: LeaseTime::fixed(3600),
            relay_information,
            options: Vec::new(),
            reservations: Vec::new(),
        };
        let config = DhcpConfig { networks: vec![network], conflict_probe: false, ..DhcpConfig::default() };
        Self { lab, engine: Engine::new(config, Vec::new()).unwrap() }
    }

    fn say(&mut self, packet: &Packet) -> Option<Packet> {
        let ingress = Ingress { local: SERVER, unicast: false, source: NOBODY };
        let bench = &self.lab.bench;
        let decision = self.engine.handle(bench.now().0, packet, ingress, &**bench);
        self.engine.committed(decision.after);
        bench.dhcp_event(&decision.event, std::time::Duration::ZERO);
        decision.reply.map(|reply| reply.packet)
    }

    fn stage(&self, mac: Mac) -> (Stage, Option<HoldCode>) {
        let phone = self.lab.bench.phone(mac).expect("a phone").phone;
        (phone.stage, phone.hold.map(|hold| hold.code))
    }

    /// Cause and cure of the phone's hold, which status and explanation share.
    fn held(&self, mac: Mac) -> (String, String) {
        let phones = self.lab.bench.phones();
        let phone = phones.into_iter().find(|phone| phone.mac == mac).expect("a phone");
        assert_eq!(phone.stage, Stage::Held);
        assert!(phone.last_seen.is_some(), "it was heard");
        let hold = phone.hold.expect("a hold");
        let explained = self.explain(mac);
        assert_eq!((explained.hold.as_ref(), explained.options.len()), (Some(&hold), 0));
        assert_eq!(explained.class.why, hold.cause);
        (hold.cause, hold.cure)
    }

    fn explain(&self, mac: Mac) -> Explanation {
        self.lab.bench.explain(mac)
    }
}

fn discover(mac: Mac) -> Packet {
    let mut packet = Packet::request(MessageType::Discover, 7, mac.0);
    packet.options =
        vec![(code::VENDOR_CLASS, CLASS.to_vec()), (code::REQUEST_LIST, vec![1, 66, 6, 3, 15, 150, 35])];
    packet
}

fn with(mut packet: Packet, code: u8, octets: &[u8]) -> Packet {
    packet.options.push((code, octets.to_vec()));
    Packet::decode(&packet.encode(1500)).unwrap()
}

#[tokio::test]
async fn a_phone_behind_a_snooping_switch_is_answered_or_shown_with_the_command_that_helps() {
    let information = [1, 6, 0, 4, 0, 10, 1, 7, 2, 8, 0, 6, 0, 1, 2, 3, 4, 5];
    let packet = |mac| with(discover(mac), code::RELAY_INFORMATION, &information);
    let mut segment = RefusingSegment::new(RelayInformation::Answer);
    assert!(segment.say(&packet(A)).is_some());
    assert_eq!(segment.stage(A), (Stage::Seen, None));

    let mut segment = RefusingSegment::new(RelayInformation::Drop);
    assert_eq!(segment.stage(A), (Stage::Absent, None));
    // B is not listed, but its DHCP message identifies a phone.
    for mac in [A, B] {
        assert!(segment.say(&packet(mac)).is_none());
        let (cause, cure) = segment.held(mac);
        assert!(cause.contains("was heard") && cause.contains("option 82"), "{cause}");
        assert!(cure.contains("relay-information = \"answer\""), "{cure}");
        assert!(cure.contains("no ip dhcp snooping information option"), "{cure}");
    }
    assert!(
        segment.explain(A).last_dhcp.unwrap().contains("no answer: its message has relay agent information")
    );
    // After an answer the hold is gone.
    assert!(segment.say(&discover(A)).is_some());
    assert_eq!(segment.stage(A), (Stage::Seen, None));
}

#[tokio::test]
async fn whatever_keeps_a_listed_phone_from_an_answer_is_told() {
    let relayed = Packet { giaddr: Ipv4Addr::new(172, 16, 0, 1), ..discover(A) };
    let subnet = with(discover(A), code::SUBNET_SELECTION, &[172, 16, 5, 0]);
    let mut odd = Packet::request(MessageType::Request, 7, A.0);
    odd.options = vec![(code::SERVER_ID, vec![10, 23, 45]), (code::REQUESTED_ADDRESS, vec![10, 23, 45, 101])];
    let odd = Packet::decode(&odd.encode(576)).unwrap();
    let mut elsewhere = Packet::request(MessageType::Request, 7, A.0);
    elsewhere.options = vec![(code::SERVER_ID, vec![10, 23, 45, 66])];
    let waits = HoldCode::WaitingOutside;
    for (packet, code, cause, cure) in [
        (&relayed, waits, "through the relay 172.16.0.1", "[[dhcp.network]]"),
        (&subnet, waits, "no configured network contains 172.16.5.0", "[[dhcp.network]]"),
        (&odd, waits, "option 54 has 3 octets", "restart the phone"),
        (&elsewhere, HoldCode::ForeignDhcp, "another DHCP server, 10.23.45.66", "off the segment"),
    ] {
        let mut segment = RefusingSegment::new(RelayInformation::Answer);
        assert!(segment.say(packet).is_none());
        let told = segment.held(A);
        assert_eq!(segment.stage(A), (Stage::Held, Some(code)));
        assert!(told.0.contains(cause) && told.1.contains(cure), "{told:?}");
    }
    // A phone is not absent either if it comes while our server is silent or the pool is empty.
    let mut segment = RefusingSegment::new(RelayInformation::Answer);
    segment.engine.set_silent(SERVER, true);
    assert!(segment.say(&discover(A)).is_none());
    assert_eq!(segment.stage(A), (Stage::Held, Some(HoldCode::ForeignDhcp)));
    segment.engine.set_silent(SERVER, false);
    segment.lab.lease(B, AT_B);
    let mut reserved = segment.engine.config().clone();
    reserved.networks[0].reservations.push(transload_dhcp::config::HostReservation {
        client: transload_dhcp::lease::ClientKey::Mac(B.0),
        address: AT_A,
        options: Vec::new(),
    });
    segment.engine.reconfigure(reserved).unwrap();
    assert!(segment.say(&discover(A)).is_none());
    let told = segment.held(A);
    assert!(told.0.contains("no address is left") && told.1.contains("pool"), "{told:?}");
}

#[tokio::test]
async fn a_message_that_cannot_be_read_is_told_of_the_phone_that_sent_it() {
    for (flaw, cause, cure) in [
        (MalformedMessage::Cookie, "BOOTP", "set the phone to DHCP"),
        (MalformedMessage::NoMessageType, "option 53", "restart"),
        (MalformedMessage::Hardware { htype: 1, hlen: 20 }, "20 octets", "restart"),
    ] {
        let segment = RefusingSegment::new(RelayInformation::Answer);
        let tell = |mac: Mac| {
            let decision = segment.lab.bench.now().0;
            let event = DhcpEvent::unread(decision, mac.0, flaw);
            segment.lab.bench.dhcp_event(&event, std::time::Duration::ZERO);
        };
        tell(A);
        let told = segment.held(A);
        assert!(told.0.contains(cause) && told.1.contains(cure), "{told:?}");
        // For a client without any sign of a phone, only the explanation tells the reason.
        tell(B);
        assert!(segment.lab.bench.phone(B).is_none());
        let shown = segment.explain(B);
        assert!(shown.last_dhcp.unwrap().starts_with("a message 0 s ago: no answer"));
    }
}

#[tokio::test]
async fn options_that_are_read_as_absent_and_the_way_of_an_answer_are_told() {
    let mut segment = RefusingSegment::new(RelayInformation::Answer);
    let mut odd = Packet { ciaddr: AT_B, ..discover(A) };
    odd.options.push((code::MAX_MESSAGE_SIZE, vec![0, 0, 5, 220]));
    assert!(segment.say(&with(odd, code::CLIENT_ID, &[])).is_some());
    let told = segment.explain(A).last_dhcp.unwrap();
    let way = format!("{AT_A} was offered, sent to its Ethernet address {}", A.colons());
    assert!(told.contains(&way), "{told}");
    assert!(told.ends_with("read as absent: option 57 has 4 octets, option 61 has 0 octets"), "{told}");
    for _ in 0..3 {
        segment.say(&discover(A)).unwrap();
    }
    let told = segment.explain(A).last_dhcp.unwrap();
    assert!(told.contains("none of the last 4 offers") && told.contains("ip dhcp snooping trust"), "{told}");
}

#[tokio::test]
async fn made_up_phones_that_are_refused_take_little_room_and_no_phones_place() {
    let mut segment = RefusingSegment::new(RelayInformation::Drop);
    let packet = |mac| with(discover(mac), code::RELAY_INFORMATION, &[1, 1, 7]);
    assert!(segment.say(&packet(A)).is_none());
    assert!(segment.say(&discover(B)).is_some());
    for number in 0..5000_u32 {
        let [_, _, high, low] = number.to_be_bytes();
        assert!(segment.say(&packet(Mac([0, 0x12, 0x34, 1, high, low]))).is_none());
    }
    let shown = segment.lab.bench.phones();
    assert!(shown.len() <= 2 + 256, "{} phones", shown.len());
    assert_eq!(segment.stage(A).0, Stage::Held);
    assert_eq!(segment.stage(B).1, Some(HoldCode::NoLicense));
    assert!(segment.explain(A).last_dhcp.is_some());
    let state = segment.lab.bench.state();
    assert!(state.strangers.len() <= STRANGERS_KEPT && state.listed_dhcp.len() == 1);
    assert_eq!((state.phones.len(), state.newcomers.len()), (1, 1));
}

#[tokio::test]
async fn those_who_watch_see_a_refusal_at_once_and_its_end() {
    let mut segment = RefusingSegment::new(RelayInformation::Drop);
    let mut seen = SurveyCursor::default();
    segment.lab.bench.survey(&mut seen);
    segment.say(&with(discover(A), code::RELAY_INFORMATION, &[1, 1, 7]));
    let survey = segment.lab.bench.survey(&mut seen);
    assert_eq!(
        survey.phones.iter().map(|phone| (phone.mac, phone.stage)).collect::<Vec<_>>(),
        [(A, Stage::Held)]
    );
    segment.say(&discover(A));
    let survey = segment.lab.bench.survey(&mut seen);
    assert_eq!(
        survey.phones.iter().map(|phone| (phone.mac, phone.stage)).collect::<Vec<_>>(),
        [(A, Stage::Seen)]
    );
}

#[tokio::test]
async fn the_explanation_has_the_times_of_a_lease_and_nothing_that_gives_way_to_classless_routes() {
    let mut segment = RefusingSegment::new(RelayInformation::Answer);
    let options = vec![(code::ROUTER, vec![10, 23, 45, 1]), (code::CLASSLESS_ROUTES, vec![0, 10, 23, 45, 1])];
    let network = NetworkGives {
        prefix: "10.23.45.0/24".into(),
        addresses: TextValue::read("10.23.45.67/24").unwrap(),
        server: SERVER,
        lease: 3600,
        timers: Some((600, 1200)),
        own: Gives { options, ..Gives::default() },
        inherited: Gives::default(),
    };
    let networks = HashMap::from([("bench".to_owned(), network)]);
    segment.lab.bench.set_given(DhcpValues { networks, ..DhcpValues::default() });
    let codes = |segment: &RefusingSegment| {
        let explained = segment.explain(A).options;
        explained
            .iter()
            .filter_map(|given| given.code)
            .filter(|code| [3, 58, 59, 121].contains(code))
            .collect::<Vec<_>>()
    };
    for (wanted, shown) in
        [(&[1, 3, 66, 150][..], vec![58, 59, 3, 121]), (&[1, 3, 66, 121, 150], vec![58, 59, 121])]
    {
        let mut packet = discover(A);
        packet.options[1].1 = wanted.to_vec();
        assert!(segment.say(&packet).is_some());
        assert_eq!(codes(&segment), shown, "{wanted:?}");
    }
}
