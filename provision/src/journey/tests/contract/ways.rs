//! The holds, one row for each way into one.

use super::*;
use crate::catalog::Vid;
use crate::page::Page;
use crate::roster;

pub(super) const WAYS: &[Way] = &[
    Way {
        code: "not-eligible",
        comes: || arrives("Cisco Systems, Inc. IP Phone CP-8851NR", seed()),
        cause: &["8851NR", "2019"],
        cure: &["take it off the bench"],
        goes: |bench| {
            bench.catalog = Catalog::current();
            bench.entry = listed("8851NR,V05,");
        },
        by_itself: true,
    },
    Way {
        code: "not-eligible",
        comes: || {
            let mut bench = arrives("Cisco Systems, Inc. IP Phone CP-7841", loads_of("sip78xx"));
            bench.entry = listed("7841,V01,");
            bench
        },
        cause: &["7841", "V01"],
        cure: &["take it off the bench"],
        // The roster was wrong, and the phone's own page knows better.
        goes: |bench| bench.see(Fact::Probed(Page { vid: Some(Vid(5)), ..Page::default() })),
        by_itself: true,
    },
    Way {
        code: "unknown-vid",
        comes: || of_unknown_vid(),
        cause: &["8851", "VID", E2M],
        cure: &["label", "roster"],
        goes: |bench| bench.entry = listed(&format!("8851,V05,{FLOOR}")),
        by_itself: true,
    },
    Way {
        code: "unknown-vid",
        comes: || of_unknown_vid(),
        cause: &["VID"],
        cure: &["UDI"],
        goes: |bench| {
            let page = Page { vid: Some(Vid(5)), load: Some(load(FLOOR)), ..Page::default() };
            bench.see(Fact::Probed(page));
        },
        by_itself: true,
    },
    Way {
        code: "no-license",
        comes: || {
            let mut bench = seed();
            bench.library.licenses.clear();
            arrives(ENTERPRISE_CLASS, bench)
        },
        cause: &["e2m license", "001234AB45DE"],
        cure: &["import it", "licenses/e2m/001234AB45DE.lic"],
        goes: |bench| _ = bench.library.licenses.insert((Direction::E2m, MAC)),
        by_itself: true,
    },
    Way {
        code: "no-license",
        comes: || {
            let mut bench = Bench::new(Direction::M2e, &[M2E, FLOOR]);
            bench.library.licenses = BTreeSet::from([(Direction::E2m, MAC)]);
            arrives(MPP_CLASS, bench)
        },
        cause: &["m2e license"],
        cure: &["licenses/m2e/"],
        goes: |bench| _ = bench.library.licenses.insert((Direction::M2e, MAC)),
        by_itself: true,
    },
    Way {
        code: "firmware-missing",
        comes: || {
            let mut bench = seed();
            bench.library.loads.get_mut(&load(MPP)).unwrap().missing.push("kern88xx.x.sbn".into());
            arrives(ENTERPRISE_CLASS, bench)
        },
        cause: &["kern88xx.x.sbn"],
        cure: &["import"],
        goes: |bench| bench.library.loads.get_mut(&load(MPP)).unwrap().missing.clear(),
        by_itself: true,
    },
    Way {
        code: "firmware-damaged",
        comes: || {
            let mut bench = seed();
            let damaged = ("rootfs88xx.11-2-3MPP-398.sbn".into(), "it is 3 bytes long".into());
            bench.library.loads.get_mut(&load(MPP)).unwrap().damaged.push(damaged);
            arrives(ENTERPRISE_CLASS, bench)
        },
        cause: &["rootfs88xx.11-2-3MPP-398.sbn", "3 bytes"],
        cure: &["import"],
        goes: |bench| bench.library.loads.get_mut(&load(MPP)).unwrap().damaged.clear(),
        by_itself: true,
    },
    Way {
        code: "no-route",
        comes: || arrives(ENTERPRISE_CLASS, Bench::new(Direction::E2m, &[FLOOR, MPP])),
        cause: &["no way leads from", "Multiplatform"],
        cure: &["TLexE2M"],
        goes: |bench| bench.library = seed().library,
        by_itself: true,
    },
    Way {
        code: "no-route",
        comes: || {
            let mut bench = Bench::new(Direction::M2e, &[M2E, FLOOR]);
            bench.boot("dslforum.org");
            bench.pass(200);
            bench
        },
        cause: &["model"],
        cure: &["roster"],
        goes: |bench| {
            let (side, model) = (Side::Multiplatform, Some("8851".into()));
            bench.see(Fact::ConfigAsked { side, signed: false, model, user_agent: None });
        },
        by_itself: true,
    },
    Way {
        code: "trust-list",
        comes: || {
            let mut bench = seed();
            bench.boot(ENTERPRISE_CLASS);
            for _ in 0..3 {
                bench.see(signed());
                bench.pass(45);
            }
            bench
        },
        cause: &["signed", "trust list"],
        cure: &["ITL File", "**#", "1 2 3 4 5 6 7 8 9 * 0 #"],
        goes: |bench| {
            bench.boot(ENTERPRISE_CLASS);
            bench.reads(Side::Enterprise);
        },
        by_itself: true,
    },
    Way {
        code: "not-listed",
        comes: || {
            let mut bench = seed();
            bench.settings.admit = Admit::Listed;
            arrives(ENTERPRISE_CLASS, bench)
        },
        cause: &["roster"],
        cure: &["roster", "admit = \"eligible\""],
        goes: |bench| bench.entry = listed("8851,,"),
        by_itself: true,
    },
    Way {
        code: "needs-restart",
        comes: || {
            let mut bench = arrives(ENTERPRISE_CLASS, seed());
            bench.pass(125);
            bench
        },
        cause: &[FLOOR, "only when it starts"],
        cure: &["unplug it"],
        goes: |bench| {
            bench.boot(ENTERPRISE_CLASS);
            bench.reads(Side::Enterprise);
        },
        by_itself: true,
    },
    Way {
        code: "needs-restart",
        comes: || {
            let mut bench = arrives(ENTERPRISE_CLASS, seed());
            let report = Report { active: Some(load(FLOOR)), ..Report::default() };
            bench.see(Fact::Registered { report });
            for _ in 0..bench.settings.timing.restarts {
                let order = bench.verdict().restart.expect("told to restart by itself");
                bench.see(Fact::RestartTold { how: order.how, by: order.by, operator: false });
                bench.see(Fact::RestartAnswered { answer: "400 Bad Request".into(), refused: true });
                bench.pass(300);
            }
            bench
        },
        cause: &["told to restart 3 times", "400 Bad Request"],
        cure: &["unplug it"],
        goes: |bench| bench.see(Fact::Operator { act: Act::Retry }),
        by_itself: false,
    },
    Way {
        code: "not-asking",
        comes: || {
            let mut bench = seed();
            bench.boot(ENTERPRISE_CLASS);
            bench.pass(185);
            bench
        },
        cause: &["has an address", "asks for no file"],
        cure: &["activation code", "Cancel", "Alternate TFTP"],
        goes: |bench| _ = bench.reads(Side::Enterprise),
        by_itself: true,
    },
    Way {
        code: "not-asking",
        comes: || {
            let mut bench = seed();
            bench.boot(MPP_CLASS);
            bench.pass(185);
            bench
        },
        cause: &["Profile_Rule", "absolute URL"],
        cure: &["factory-reset", "/$PSN.xml"],
        goes: |bench| {
            bench.boot(MPP_CLASS);
            bench.reads(Side::Multiplatform);
        },
        by_itself: true,
    },
    Way {
        code: "not-asking",
        comes: || {
            let mut bench = seed();
            for _ in 0..15 {
                bench.boot(ENTERPRISE_CLASS);
                bench.pass(60);
            }
            bench
        },
        cause: &["starts over and over", "asks for no file"],
        cure: &["power"],
        goes: |bench| {
            bench.boot(ENTERPRISE_CLASS);
            bench.reads(Side::Enterprise);
        },
        by_itself: true,
    },
    Way {
        code: "waiting-outside",
        comes: || {
            let mut bench = seed();
            bench.settings.call_managers = Some(vec![Ipv4Addr::new(192, 0, 2, 10)]);
            bench.boot(ENTERPRISE_CLASS);
            bench.pass(200);
            bench
        },
        cause: &["call manager", FLOOR, "10.23.45.67"],
        cure: &["export call-manager", "reset it"],
        goes: |bench| {
            bench.boot(ENTERPRISE_CLASS);
            bench.fetches(FLOOR);
        },
        by_itself: true,
    },
    Way {
        code: "waiting-outside",
        comes: || {
            let mut bench = seed();
            bench.settings.cda = true;
            bench.entry = listed(&format!("8851,V05,{FLOOR}"));
            arrives(ENTERPRISE_CLASS, bench)
        },
        cause: &["nobody has said that CDA has it"],
        cure: &["export cda", "cda column"],
        goes: |bench| bench.entry = listed(&format!("8851,V05,{FLOOR},yes")),
        by_itself: true,
    },
    Way {
        code: "waiting-outside",
        comes: || {
            let mut bench = Bench::new(Direction::M2e, &[M2E, FLOOR]);
            bench.settings.cda = true;
            bench.boot(MPP_CLASS);
            bench.pass(200);
            bench
        },
        cause: &["CDA has not sent it here", M2E],
        cure: &["assigned", "factory-reset"],
        goes: |bench| bench.see(Fact::LicenseGiven { direction: Direction::M2e }),
        by_itself: true,
    },
    Way {
        code: "operator",
        comes: || {
            let mut bench = arrives(ENTERPRISE_CLASS, seed());
            bench.see(Fact::Operator { act: Act::Hold });
            bench
        },
        cause: &["operator"],
        cure: &["release"],
        goes: |bench| bench.see(Fact::Operator { act: Act::Release }),
        by_itself: false,
    },
    Way {
        code: "failed",
        comes: || {
            let mut bench = seed();
            for _ in 0..bench.settings.timing.attempts {
                breaks_off(&mut bench);
            }
            bench.boot(ENTERPRISE_CLASS);
            bench.reads(Side::Enterprise);
            bench
        },
        cause: &["5 attempts", FLOOR, "the cable was pulled"],
        cure: &["cable and power", "retry"],
        goes: |bench| {
            bench.see(Fact::Operator { act: Act::Retry });
            assert_eq!(names(&bench.reads(Side::Enterprise)), Some(FLOOR));
        },
        by_itself: false,
    },
    Way {
        code: "failed",
        comes: || {
            let mut bench = seed();
            breaks_off(&mut bench);
            bench.pass(120);
            bench
        },
        cause: &["fetch of", FLOOR, "stopped", "the cable was pulled"],
        cure: &["plug it in again"],
        goes: |bench| {
            bench.boot(ENTERPRISE_CLASS);
            assert_eq!(names(&bench.reads(Side::Enterprise)), Some(FLOOR));
        },
        by_itself: true,
    },
    Way {
        code: "failed",
        comes: || {
            let mut bench = arrives(ENTERPRISE_CLASS, seed());
            bench.fetches(FLOOR);
            bench.pass(15 * 60);
            bench
        },
        cause: &["whole", "has not started again", "flash"],
        cure: &["once its screen is still"],
        goes: |bench| {
            bench.boot(ENTERPRISE_CLASS);
            bench.page_names(FLOOR);
            bench.reads(Side::Enterprise);
        },
        by_itself: true,
    },
];

fn seed() -> Bench {
    Bench::new(Direction::E2m, &[FLOOR, E2M, MPP])
}

fn loads_of(family: &str) -> Bench {
    let name = |name: &str| name.replace("sip88xx", family);
    let loads = [FLOOR, E2M, MPP].map(name);
    Bench::new(Direction::E2m, &loads.each_ref().map(String::as_str))
}

fn listed(cells: &str) -> Option<Entry> {
    roster::parse(format!("mac,model,vid,load,cda\n{MAC},{cells}\n").as_bytes()).entries.pop()
}

/// The phone starts and asks for its configuration.
fn arrives(class: &str, mut bench: Bench) -> Bench {
    bench.boot(class);
    bench.reads(if class.ends_with("3PCC") { Side::Multiplatform } else { Side::Enterprise });
    bench
}

fn of_unknown_vid() -> Bench {
    let mut bench = seed();
    bench.catalog = Catalog::current();
    bench.entry = listed(&format!("8851,,{FLOOR}"));
    arrives(ENTERPRISE_CLASS, bench)
}

pub(in super::super) fn signed() -> Fact {
    Fact::ConfigAsked { side: Side::Enterprise, signed: true, model: None, user_agent: None }
}

/// It starts, is told, and its fetch breaks off.
pub(in super::super) fn breaks_off(bench: &mut Bench) {
    bench.boot(ENTERPRISE_CLASS);
    assert_eq!(names(&bench.reads(Side::Enterprise)), Some(FLOOR));
    bench.see(Fact::LoadsGiven { load: load(FLOOR) });
    let name = format!("rootfs88xx.{}.sbn", FLOOR.split_once('.').unwrap().1);
    bench.see(Fact::Fetched { name: name.clone(), from: 0, to: 400, size: 1000, asked: None });
    bench.see(Fact::Broken { name, cause: "the cable was pulled".into() });
}
