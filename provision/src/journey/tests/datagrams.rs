//! Phones that ask by TFTP alone, and whose requests nobody acknowledges while they are answered with "not found".

use super::*;
use crate::settings::Timing;

impl Bench {
    /// The phone asks for its configuration by datagram.
    pub(super) fn asks_by_datagram(&mut self) -> Next {
        let at = self.now;
        let asked =
            Fact::ConfigAsked { side: Side::Enterprise, signed: false, model: None, user_agent: None };
        let observation = Observation { heard: Heard::OneWay, ..Observation::new(at, asked) };
        self.journey.as_mut().unwrap().observe(&observation);
        let request = Request::Datagram(at);
        let verdict = assess_request(self.journey.as_ref(), request, MAC, &self.context());
        self.now = self.now + Duration::from_millis(10);
        verdict.next
    }
}

#[test]
fn its_default_file_is_not_found_as_its_own_file_is_while_its_page_is_waited_for() {
    let mut bench = fetched_and_started();
    assert_eq!(bench.asks_by_datagram(), Next::Later, "its own file");
    assert_eq!(bench.asks_by_datagram(), Next::Later, "the file for all phones");
    bench.pass(45);
    assert_eq!(names(&bench.asks_by_datagram()), Some(FLOOR), "its page stays closed");
}

#[test]
fn its_page_is_read_although_nothing_that_it_asks_for_is_there() {
    let mut bench = fetched_and_started();
    bench.asks_by_datagram();
    let due = page_due(bench.journey.as_ref().unwrap(), &bench.context());
    assert!(due.is_some_and(|due| due <= bench.now + Timing::default().quiet), "due at {due:?}");
}

#[test]
fn a_held_phone_that_nobody_has_met_gets_a_document_because_not_found_proves_nothing() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.library.licenses.clear();
    bench.settings.registrar = None;
    bench.boot(ENTERPRISE_CLASS);
    assert_eq!(bench.asks_by_datagram(), Next::Introduction);
    let asked = Time(bench.now.0 - 10);
    bench.see(Fact::Acknowledged { asked });
    assert_eq!(bench.hold(), (Stage::Held, Some(HoldCode::NoLicense)));
    assert_eq!(bench.asks_by_datagram(), Next::Nothing, "it has shown itself since it started");
}
