//! What is kept for the report.

use super::*;

fn on_the_way(bench: &Bench) -> (Vec<Passage>, Option<LoadName>) {
    let journey = bench.journey.as_ref().unwrap();
    let told = bench.entry.as_ref().and_then(|entry| entry.load.as_ref());
    let belief = believe(journey, &bench.library, &bench.settings.timing, told, bench.now);
    let passages = passages(journey, &belief);
    let from = origin(journey, &belief, &passages).cloned();
    (passages, from)
}

#[test]
fn each_load_has_its_bytes_its_time_and_its_attempts() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.boot(ENTERPRISE_CLASS);
    bench.reads(Side::Enterprise);
    // The first attempt breaks half way, and the phone starts over.
    bench.see(Fact::LoadsGiven { load: load(FLOOR) });
    let name = "rootfs88xx.12-5-1SR1-4.sbn".to_owned();
    bench.see(Fact::Fetched { name: name.clone(), from: 0, to: 400, size: 1000, asked: None });
    bench.see(Fact::Broken { name, cause: "the plug was pulled".into() });
    bench.boot(ENTERPRISE_CLASS);
    assert!(!on_the_way(&bench).0[0].arrived);
    bench.reads(Side::Enterprise);
    bench.fetches(FLOOR);
    bench.pass(300);
    bench.boot(ENTERPRISE_CLASS);
    bench.page_names(FLOOR);
    let (passages, from) = on_the_way(&bench);
    assert_eq!(from, None, "nothing told what it came with");
    let [only] = passages.as_slice() else { panic!("{passages:?}") };
    assert_eq!((only.bytes, only.attempts, only.arrived), (2400, 2, true));
    assert!(only.took() > Some(Duration::from_secs(300)), "{only:?}");

    let report = Report { active: Some(load(FLOOR)), inactive: Some(load(OLD)), ..Report::default() };
    bench.see(Fact::Registered { report });
    assert_eq!(on_the_way(&bench).1, Some(load(OLD)), "what it holds in reserve tells");
    bench.reads(Side::Enterprise);
    bench.fetches(E2M);
    let (passages, _) = on_the_way(&bench);
    assert_eq!(
        passages.iter().map(|it| (it.arrived, it.took().is_some())).collect::<Vec<_>>(),
        [(true, true), (false, false)],
        "the second is under way"
    );
}

#[test]
fn a_load_that_the_phone_held_in_reserve_took_no_bytes() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR, E2M, MPP]);
    bench.boot(ENTERPRISE_CLASS);
    for active in [OLD, FLOOR] {
        let report = Report { active: Some(load(active)), ..Report::default() };
        bench.see(Fact::Registered { report });
    }
    bench.reads(Side::Enterprise);
    bench.fetches(E2M);
    bench.boot(MPP_CLASS);
    let (passages, from) = on_the_way(&bench);
    assert_eq!(from, Some(load(OLD)));
    let told: Vec<_> = passages.iter().map(|it| (it.load.clone(), it.bytes, it.attempts)).collect();
    assert_eq!(told, [(load(FLOOR), 0, 0), (load(E2M), 2000, 1)]);
}

#[test]
fn a_phone_that_is_held_again_and_again_takes_no_room_and_no_hold_is_forgotten() {
    let mut bench = Bench::new(Direction::E2m, &[FLOOR]);
    bench.boot(ENTERPRISE_CLASS);
    let seen = bench.journey.as_ref().unwrap().last_seen;
    let rounds = 5000;
    for _ in 0..rounds {
        let code = Some(HoldCode::NoLicense);
        bench.see(Fact::Stood { stage: Stage::Held, code, cause: Some("x".repeat(10_000)) });
        bench.pass(59);
        bench.see(Fact::Stood { stage: Stage::Seen, code: None, cause: None });
        bench.see(Fact::Operator { act: Act::Release });
        let hook = Fact::HookRan { stage: Stage::Seen, output: "x".repeat(300), failed: false };
        bench.see(hook);
    }
    let journey = bench.journey.as_ref().unwrap();
    let size = serde_json::to_string(&journey.history).unwrap().len();
    assert!(size < 16_000, "{size} bytes");
    let kept = journey.history.holds();
    let earlier = journey.history.earlier[&HoldCode::NoLicense];
    assert_eq!(kept.len() + earlier.times as usize, rounds);
    assert_eq!(earlier.ms, u64::from(earlier.times) * 60_000);
    assert!(kept.iter().all(|hold| hold.until == Some(hold.from + Duration::from_secs(60))));
    let back: Journey = serde_json::from_str(&serde_json::to_string(journey).unwrap()).unwrap();
    assert_eq!(&back, journey);
    let mut idle = Bench::new(Direction::E2m, &[FLOOR]);
    idle.boot(ENTERPRISE_CLASS);
    idle.see(Fact::Stood { stage: Stage::Seen, code: None, cause: None });
    assert_eq!(idle.journey.unwrap().last_seen, seen, "nobody heard of the phone");
}
