//! A boot that is seen before the end of the fetch it followed, because the bench was busy.

use super::*;

fn rootfs(load: &str) -> String {
    format!("rootfs88xx.{}.sbn", load.split_once('.').unwrap().1)
}

/// The end of a file that was asked for so many seconds ago.
fn arrived(bench: &Bench, name: String, ago: u64) -> Fact {
    Fact::Fetched { name, from: 0, to: 1000, size: 1000, asked: Some(Time(bench.now.0 - ago * 1000)) }
}

#[test]
fn a_load_whose_last_bytes_are_seen_after_the_boot_is_whole() {
    for asks_first in [false, true] {
        for (hop, class) in [(FLOOR, ENTERPRISE_CLASS), (E2M, MPP_CLASS)] {
            let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
            bench.boot(ENTERPRISE_CLASS);
            bench.reads(Side::Enterprise);
            if hop == E2M {
                bench.fetches(FLOOR);
                bench.boot(ENTERPRISE_CLASS);
                bench.reads(Side::Enterprise);
            }
            bench.see(Fact::LoadsGiven { load: load(hop) });
            bench.see(arrived(&bench, rootfs(hop), 0));
            bench.pass(10);
            bench.boot(class);
            let side = if class == MPP_CLASS { Side::Multiplatform } else { Side::Enterprise };
            if asks_first {
                bench.reads(side);
            }
            bench.see(arrived(&bench, "sb288xx.BE-01-020.sbn".into(), 8));
            bench.reads(side);
            let verdict = bench.verdict();
            let seen = (verdict.load.as_ref().map(LoadName::as_str), verdict.writing);
            assert_eq!(seen, (Some(hop), false), "asks first: {asks_first}; {}", verdict.evidence);
        }
    }
}

#[test]
fn a_phone_that_only_lost_its_link_within_its_last_file_is_marked_while_it_writes() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.boot(MPP_CLASS);
    bench.reads(Side::Multiplatform);
    bench.see(Fact::LoadsGiven { load: load(MPP) });
    bench.see(arrived(&bench, rootfs(MPP), 0));
    bench.boot(MPP_CLASS);
    bench.see(arrived(&bench, "sb288xx.BE-01-020.sbn".into(), 5));
    bench.pass(300);
    assert!(bench.verdict().writing, "do not unplug");
}
