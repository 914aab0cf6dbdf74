//! What the phone's own page settles, and when it is read.

use super::*;
use crate::catalog::Vid;
use crate::page::Page;

fn page(load: &str) -> Page {
    Page { load: load.parse().ok(), vid: Some(Vid(5)), ..Page::default() }
}

impl Bench {
    /// From when on the page is worth reading, in seconds from now.
    fn due(&self) -> Option<u64> {
        let journey = self.journey.as_ref().unwrap();
        page_due(journey, &self.context()).map(|at| (at - self.now).as_secs())
    }

    fn load(&self) -> Option<String> {
        self.verdict().load.map(|load| load.to_string())
    }
}

#[test]
fn a_phone_that_is_on_the_load_already_is_known_by_its_page_and_not_by_waiting() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.boot(ENTERPRISE_CLASS);
    assert_eq!(bench.due(), None, "it has not asked for anything yet");
    assert_eq!(names(&bench.reads(Side::Enterprise)), Some(FLOOR));
    assert_eq!(bench.due(), Some(3), "five seconds after it asked");
    bench.pass(5);
    bench.see(Fact::Probed(page(FLOOR)));
    assert_eq!(bench.load().as_deref(), Some(FLOOR));
    assert!(bench.verdict().evidence.contains("page"));
    assert_eq!(bench.hold(), (Stage::Held, Some(HoldCode::NeedsRestart)), "at once, not after two minutes");
    assert!(bench.due() > Some(20 * 60), "read once after each boot, and then only to meet it again");
    bench.boot(ENTERPRISE_CLASS);
    assert_eq!(names(&bench.reads(Side::Enterprise)), Some(E2M));
    bench.pass(30);
    assert_eq!(bench.due(), None, "its load and its VID are known");
}

#[test]
fn a_page_weighs_more_than_what_was_concluded() {
    let mut bench = Bench::new(Direction::E2m, &[OLD, FLOOR, E2M, MPP]);
    bench.boot(ENTERPRISE_CLASS);
    bench.see(Fact::Probed(page(OLD)));
    bench.reads(Side::Enterprise);
    bench.fetches(FLOOR);
    bench.boot(ENTERPRISE_CLASS);
    assert_eq!(bench.load().as_deref(), Some(OLD), "nothing has told that it runs what it fetched");
    bench.page_names(FLOOR);
    assert_eq!(bench.load().as_deref(), Some(FLOOR), "its page tells");
    bench.see(Fact::Probed(page(OLD)));
    assert_eq!(bench.load().as_deref(), Some(OLD), "it says that it did not take it");
    assert_eq!(bench.verdict().route.first().map(LoadName::as_str), Some(OLD), "and never left it");
    assert_eq!(names(&bench.reads(Side::Enterprise)), Some(FLOOR));
    bench.fetches(FLOOR);
    bench.boot(ENTERPRISE_CLASS);
    bench.page_names(FLOOR);
    assert_eq!(bench.load().as_deref(), Some(FLOOR), "its page tells again");
}

#[test]
fn silence_tells_nothing_where_the_page_was_read_since() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.boot(ENTERPRISE_CLASS);
    bench.reads(Side::Enterprise);
    bench.see(Fact::Probed(page(OLD)));
    bench.pass(600);
    assert_eq!(bench.load().as_deref(), Some(OLD));
    assert_eq!(bench.hold(), (Stage::Stuck, Some(HoldCode::Failed)), "told, and does not ask");
}

#[test]
fn a_roster_that_is_wrong_about_the_load_is_overruled() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    let roster = crate::roster::parse(format!("{MAC},8851,V16,,{FLOOR}\n").as_bytes());
    bench.entry = roster.entries.into_iter().next();
    bench.boot(ENTERPRISE_CLASS);
    bench.see(Fact::Probed(page(OLD)));
    let verdict = bench.verdict();
    assert_eq!(verdict.route.first().map(LoadName::as_str), Some(OLD));
    let journey = bench.journey.as_ref().unwrap();
    assert_eq!(journey.vid(bench.entry.as_ref()), Some(Vid(5)), "the phone knows its hardware best");
}

#[test]
fn an_unknown_vid_is_asked_of_the_page_before_a_technician_has_to_look() {
    let mut bench = Bench::new(Direction::E2m, &[E2M, MPP]);
    bench.catalog = Catalog::current();
    let roster = crate::roster::parse(format!("{MAC},8851,,,{FLOOR}\n").as_bytes());
    bench.entry = roster.entries.into_iter().next();
    bench.boot(ENTERPRISE_CLASS);
    assert_eq!(
        bench.reads(Side::Enterprise),
        Next::Nothing,
        "its page may be open, and it asks again by itself"
    );
    assert_eq!(bench.hold().1, Some(HoldCode::UnknownVid));
    bench.pass(45);
    assert_eq!(bench.reads(Side::Enterprise), Next::Introduction, "only a document can open its page");
    bench.see(Fact::Probed(page(FLOOR)));
    assert_eq!(names(&bench.reads(Side::Enterprise)), Some(E2M));
    bench.see(Fact::Probed(Page { vid: Some(Vid(15)), ..page(FLOOR) }));
    assert_eq!(bench.hold().1, Some(HoldCode::NoRoute), "V15 does not take 11.2(3)");

    bench.journey = None;
    bench.settings.probe = false;
    bench.boot(ENTERPRISE_CLASS);
    bench.reads(Side::Enterprise);
    bench.pass(45);
    assert_eq!(bench.reads(Side::Enterprise), Next::Nothing, "nobody would read the page");
}

#[test]
fn a_phone_that_may_be_writing_flash_is_left_alone() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.boot(ENTERPRISE_CLASS);
    bench.reads(Side::Enterprise);
    bench.fetches(FLOOR);
    bench.pass(600);
    assert_eq!(bench.due(), None);
    bench.pass(900);
    assert_eq!(bench.due(), Some(0), "it should have started again long ago");
}

#[test]
fn a_phone_that_asks_all_the_time_is_read_all_the_same() {
    let mut bench = Bench::new(Direction::E2m, &[]);
    bench.boot(ENTERPRISE_CLASS);
    for _ in 0..10 {
        bench.reads(Side::Enterprise);
        bench.pass(2);
    }
    assert_eq!(bench.due(), Some(0));
}

#[test]
fn hardware_is_remembered_and_the_finer_name_kept() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR]);
    bench.boot(ENTERPRISE_CLASS);
    let told = |model: &str, load| Page { model: Some(model.into()), vid: None, serial: None, ..page(load) };
    let fact = Fact::Probed(Page { vid: Some(Vid(7)), serial: Some("FCH1".into()), ..told("8851NR", FLOOR) });
    let recorded = serde_json::to_string(&Observation::new(bench.now, fact)).unwrap();
    bench.see(serde_json::from_str::<Observation>(&recorded).unwrap().fact);
    for load in [MPP, MPP, MPP, FLOOR] {
        bench.see(Fact::Probed(told("8851", load)));
    }
    let journey = bench.journey.as_ref().unwrap();
    assert_eq!((journey.model().as_deref(), journey.page.vid), (Some("8851NR"), Some(Vid(7))));
    assert_eq!(journey.page.serial.as_deref(), Some("FCH1"));
    let kept = serde_json::to_string(journey).unwrap();
    assert_eq!(serde_json::from_str::<Journey>(&kept).unwrap(), *journey);
    assert_eq!(journey.page.loads.len(), 4, "first and last of a row: {:?}", journey.page.loads);
}

#[test]
fn what_a_page_contradicts_is_said() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    let roster = crate::roster::parse(format!("{MAC},8851,V04,,{OLD}\n").as_bytes());
    bench.entry = roster.entries.into_iter().next();
    bench.boot(ENTERPRISE_CLASS);
    let said = |page: &Page| {
        let journey = bench.journey.as_ref().unwrap();
        disagreements(page, journey, &bench.verdict(), bench.entry.as_ref()).join("; ")
    };
    assert_eq!(said(&Page { model: Some("8851NR".into()), vid: Some(Vid(4)), ..page(OLD) }), "");
    let all = said(&Page { model: Some("8841".into()), ..page(FLOOR) });
    for word in ["8841", "V05", "V04", FLOOR, OLD, "roster"] {
        assert!(all.contains(word), "{word} in {all}");
    }
}

#[test]
fn a_page_of_another_model_that_does_not_say_whose_it_is_is_not_the_phones() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR]);
    bench.boot(ENTERPRISE_CLASS);
    let of = |model: &str, mac| Page { model: Some(model.into()), mac, ..page(FLOOR) };
    let anothers = |page: &Page| is_of_another(page, &bench.verdict());
    assert!(anothers(&of("7811", None)));
    assert!(!anothers(&of("8851NR", None)) && !anothers(&of("7811", Some(MAC))));
}
