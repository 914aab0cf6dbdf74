//! A fetch whose end nobody saw, where somebody else steers: what settles whether the phone runs it.

use super::outside::{listed, waiting, with_call_manager, with_cda};
use super::*;

fn renews() -> Fact {
    Fact::Dhcp {
        boot: false,
        vendor_class: Some(ENTERPRISE_CLASS.to_owned()),
        request_list: vec![1, 66, 150],
    }
}

#[test]
fn a_doubtful_fetch_is_settled_by_what_the_phone_does_next() {
    let doubtful = || {
        let mut bench = with_call_manager(&[OLD, FLOOR, E2M, MPP]);
        bench.entry = listed("8851,V05,,");
        bench.boot(ENTERPRISE_CLASS);
        bench.see(Fact::LoadsGiven { load: load(FLOOR) });
        // The boot component, the last of the list, it has already; or the fetch was cut off before it.
        let name = format!("rootfs88xx.{}.sbn", FLOOR.split_once('.').unwrap().1);
        bench.see(Fact::Fetched { name, from: 0, to: 1000, size: 1000, asked: None });
        bench.pass(60);
        bench.boot(ENTERPRISE_CLASS);
        bench
    };
    // It asks for nothing more.
    let mut bench = doubtful();
    bench.pass(100);
    assert!(!bench.permits(E2M));
    bench.pass(100);
    assert!(!bench.permits(E2M), "its plug may have been pulled when it had its address");
    let mut twice = Bench { journey: bench.journey.clone(), now: bench.now, ..doubtful() };
    for bench in [&mut bench, &mut twice] {
        bench.flash_is_over();
    }
    bench.see(Fact::Probed(Page::default()));
    assert_eq!(bench.verdict().load, Some(load(FLOOR)));
    assert!(bench.permits(E2M));
    twice.see(renews());
    twice.boot(ENTERPRISE_CLASS);
    twice.pass(200);
    assert!(!twice.permits(E2M), "anybody can say so much in its name");
    // It asks once more.
    let mut bench = doubtful();
    bench.see(Fact::LoadsGiven { load: load(FLOOR) });
    bench.pass(400);
    assert!(!bench.permits(E2M));
    // Nobody would have seen it ask.
    let mut bench = doubtful();
    let since = bench.now;
    assert!(bench.journey.as_ref().unwrap().awaits_answer());
    bench.pass(30);
    bench.see(Fact::Unwatched { since });
    bench.pass(400);
    assert!(!bench.permits(E2M));
}

#[test]
fn a_phone_that_comes_up_on_the_side_of_what_it_fetched_last_is_there() {
    for class in [Some(MPP_CLASS), None] {
        let mut bench = with_cda(Direction::E2m, &[OLD, FLOOR, E2M, MPP]);
        bench.entry = listed(&format!("8851,V05,{FLOOR},yes"));
        bench.boot(ENTERPRISE_CLASS);
        bench.reads(Side::Enterprise);
        bench.see(Fact::LoadsGiven { load: load(E2M) });
        let name = format!("rootfs88xx.{}.sbn", E2M.split_once('.').unwrap().1);
        bench.see(Fact::Fetched { name, from: 0, to: 1000, size: 1000, asked: None });
        bench.pass(60);
        let vendor_class = class.map(str::to_owned);
        bench.see(Fact::Dhcp { boot: true, vendor_class, request_list: vec![1, 66, 150, 159, 160] });
        assert_eq!(bench.verdict().steered_as, Persona::Transition, "{class:?}");
        // CDA sends it for its license and its load, of which it has a component already.
        bench.see(Fact::LicenseGiven { direction: Direction::E2m });
        assert_eq!(bench.verdict().load, Some(load(E2M)), "{class:?}");
        bench.see(Fact::LoadsGiven { load: load(MPP) });
        let name = format!("rootfs88xx.{}.sbn", MPP.split_once('.').unwrap().1);
        bench.see(Fact::Fetched { name, from: 0, to: 1000, size: 1000, asked: None });
        bench.pass(60);
        let vendor_class = class.map(str::to_owned);
        bench.see(Fact::Dhcp { boot: true, vendor_class, request_list: vec![1, 66, 150, 159, 160] });
        bench.see(Fact::Leased { address: Ipv4Addr::new(10, 23, 45, 101) });
        bench.flash_is_over();
        bench.see(Fact::Probed(Page::default()));
        let verdict = bench.verdict();
        assert_eq!(
            (verdict.stage, verdict.license),
            (Stage::Done, LicenseState::Accepted),
            "{class:?} {verdict:?}"
        );
    }
}

#[test]
fn one_that_takes_another_servers_address_after_its_plug_was_pulled_is_not_settled_by_its_silence() {
    let mut bench = with_call_manager(&[OLD, FLOOR, E2M, MPP]);
    bench.entry = listed("8851,V05,,");
    bench.boot(ENTERPRISE_CLASS);
    bench.fetches(FLOOR);
    bench.pass(30);
    let class = || Some(ENTERPRISE_CLASS.to_owned());
    let starts = || Fact::Dhcp { boot: true, vendor_class: class(), request_list: vec![1, 66, 150] };
    let leases = || Fact::Leased { address: Ipv4Addr::new(10, 23, 45, 101) };
    // It was writing. It has an address for a moment, and starts once more, next to somebody else's server.
    bench.see(starts());
    bench.see(leases());
    bench.pass(3);
    bench.see(starts());
    bench.pass(1000);
    assert!(!bench.permits(E2M), "{:?}", bench.verdict());
    assert!(waiting(&bench).cause().contains(FLOOR));
    // The other server is gone.
    bench.see(starts());
    bench.see(leases());
    bench.pass(100);
    assert!(!bench.permits(E2M));
    bench.pass(100);
    bench.see(Fact::Probed(Page::default()));
    assert!(bench.permits(E2M), "{:?}", bench.verdict());
}

#[test]
fn one_whose_page_says_that_it_does_not_run_what_it_fetched_is_not_settled_by_its_silence() {
    let mut bench = with_call_manager(&[OLD, FLOOR, E2M, MPP]);
    bench.entry = listed("8851,V05,,");
    bench.boot(ENTERPRISE_CLASS);
    bench.fetches(FLOOR);
    bench.boot(ENTERPRISE_CLASS);
    bench.see(Fact::Probed(Page { load: Some(load(OLD)), ..Page::default() }));
    bench.pass(400);
    assert!(!bench.permits(E2M) && bench.permits(FLOOR), "{:?}", bench.verdict());
}
