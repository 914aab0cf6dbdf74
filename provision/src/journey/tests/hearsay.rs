//! Words in a phone's name that anybody can say: what they may change of what is shown, and what not.

use super::outside::{listed, with_cda};
use super::*;

const DIRECT: &str = "sip88xx.14-4-1-0301-6";
const FAR: &str = "sip88xx.12-0-7MPP0201-66";

impl Bench {
    pub(super) fn hears(&mut self, heard: Heard, fact: Fact) {
        let observation = Observation { heard, ..Observation::new(self.now, fact) };
        self.journey.get_or_insert_with(|| Journey::new(MAC, observation.at)).observe(&observation);
        self.pass(1);
    }

    pub(super) fn starts_as(&mut self, class: Option<&str>) {
        let vendor_class = class.map(str::to_owned);
        let request_list = vec![1, 66, 150];
        self.hears(Heard::Broadcast, Fact::Dhcp { boot: true, vendor_class, request_list });
    }
}

#[test]
fn forged_words_do_not_keep_a_registered_phone_from_its_restart() {
    let mut bench = with_cda(Direction::E2m, &[DIRECT, FAR]);
    bench.catalog = Catalog::current();
    bench.library.licenses.clear();
    bench.entry = listed("8851,V05,,yes");
    bench.boot(ENTERPRISE_CLASS);
    bench.reads(Side::Enterprise);
    let report = |load: &str| Report { active: Some(load.parse().unwrap()), ..Report::default() };
    bench.see(Fact::Registered { report: report(DIRECT) });
    bench.library.licenses.insert((Direction::E2m, MAC));
    let order = bench.verdict().restart;
    assert!(order.is_some(), "{:?}", bench.verdict());
    bench.hears(Heard::OneWay, Fact::Registered { report: report(OLD) });
    bench.hears(Heard::OneWay, Fact::LoadsRefused { name: FAR.to_owned() });
    bench.hears(Heard::OneWay, Fact::LicenseGiven { direction: Direction::E2m });
    bench.flash_is_over();
    assert_eq!(bench.verdict().restart, order, "{:?}", bench.verdict());
}

#[test]
fn a_variant_that_a_broadcast_named_stays_when_others_contradict_its_side() {
    let mut bench = Bench::new(Direction::M2e, &[FLOOR, M2E]);
    for class in [Some("dslforum.org"), None, Some("Cisco Systems, Inc. IP Phone CP-8851NR")] {
        bench.starts_as(class);
    }
    let model = Some("8851".to_owned());
    bench.see(Fact::ConfigAsked { side: Side::Multiplatform, signed: false, model, user_agent: None });
    assert_eq!(bench.verdict().model.as_deref(), Some("8851NR"));
    bench.starts_as(Some("Cisco Systems, Inc. IP Phone CP-7841"));
    bench.reads(Side::Multiplatform);
    assert_eq!(bench.verdict().model.as_deref(), Some("8851NR"), "one of another model is no variant");
}

#[test]
fn a_damaged_load_that_it_asks_for_by_datagram_is_shown() {
    let mut bench = Bench::new(Direction::M2e, &[FLOOR, M2E]);
    bench.boot(MPP_CLASS);
    bench.reads(Side::Multiplatform);
    bench.fetches(M2E);
    bench.boot(MPP_CLASS);
    bench.reads(Side::Multiplatform);
    let damaged = bench.library.loads.get_mut(&load(M2E)).unwrap();
    damaged.damaged.push(("rootfs88xx.TLexM2E-11-2-3C-4.sbn".to_owned(), "it ends early".to_owned()));
    assert_eq!(bench.verdict().hold, None, "it is taken to run it");
    bench.hears(Heard::OneWay, Fact::LoadsRefused { name: M2E.to_owned() });
    assert_eq!(bench.hold().1, Some(HoldCode::FirmwareDamaged));
}

#[test]
fn a_license_that_is_fetched_for_half_an_hour_is_not_accepted_although_nothing_else_tells_its_side() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.settings.cda = true;
    bench.boot(ENTERPRISE_CLASS);
    bench.reads(Side::Enterprise);
    bench.see(Fact::LoadsGiven { load: load(MPP) });
    bench.see(Fact::Dhcp { boot: true, vendor_class: None, request_list: vec![] });
    for _ in 0..60 {
        bench.see(Fact::LicenseGiven { direction: Direction::E2m });
        bench.pass(60);
    }
    let hold = bench.verdict().hold.expect("a hold");
    assert!(hold.cause().contains("does not accept it"), "{hold:?}");
}

#[test]
fn the_roster_names_a_phone_of_which_broadcasts_name_now_one_model_now_another() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.entry = listed("8831,V05,,");
    bench.starts_as(None);
    bench.reads(Side::Enterprise);
    bench.starts_as(Some("Cisco Systems, Inc. IP Phone CP-7841"));
    bench.reads(Side::Enterprise);
    assert_eq!(bench.verdict().model.as_deref(), Some("8831"));
}

#[test]
fn broadcasts_that_name_different_models_name_none() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.starts_as(Some(ENTERPRISE_CLASS));
    assert_eq!(bench.verdict().model.as_deref(), Some("8851"));
    bench.starts_as(Some("Cisco Systems, Inc. IP Phone CP-7841"));
    assert_eq!(bench.verdict().model, None);
}
