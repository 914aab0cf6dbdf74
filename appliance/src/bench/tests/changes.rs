//! Tests the record of stage changes and the hook.

use super::*;

/// The phone's stages in its history.
fn stood(bench: &Bench, mac: Mac) -> Vec<(Stage, Option<HoldCode>)> {
    let history = bench.state().phones[&mac].journey.history.clone();
    history.stands.into_iter().map(|stand| (stand.stage, stand.code)).collect()
}

#[tokio::test]
async fn where_a_phone_stood_is_on_record_and_is_told_to_the_hook_once_each() {
    let lab = TestBench::new(true);
    let command = ["/hook", "{mac}", "{was}>{stage}", "{model}/{hold}/{address}/{load}"].map(str::to_owned);
    lab.bench.state().rules.stage_hook = command.to_vec();
    lab.lease(B, AT_B);
    lab.text(AT_B, "8851-3PCC.xml", None).await;
    lab.bench.pending_restarts().await;
    let held = (Stage::Held, Some(HoldCode::NoLicense));
    assert_eq!(stood(&lab.bench, B), [held]);
    let change = lab.bench.next_change(|_| true).unwrap();
    assert_eq!(change.command, ["/hook", &B.to_string(), "absent>held", "8851/no-license/10.23.45.102/"]);

    // Without a new fact nothing is told again, not even after a power cut.
    lab.bench.pending_restarts().await;
    lab.bench.housekeeping().await.unwrap();
    let lab = lab.power_cut(true);
    lab.bench.state().rules.stage_hook = command.to_vec();
    lab.lease(B, AT_B);
    lab.bench.pending_restarts().await;
    assert_eq!((stood(&lab.bench, B), lab.bench.next_change(|_| true)), (vec![held], None));

    // A foreign server on the segment gives the hold another code; the phone reports nothing new.
    lab.bench.set_foreign_dhcp(Ipv4Addr::new(10, 23, 45, 67), Some("10.9.9.9".into()));
    lab.bench.pending_restarts().await;
    assert_eq!(stood(&lab.bench, B)[1..], [(Stage::Held, Some(HoldCode::ForeignDhcp))]);
}

#[tokio::test]
async fn changes_that_wait_for_the_hook_are_bounded_and_what_is_not_told_is_on_record() {
    let lab = TestBench::new(true);
    lab.bench.state().rules.stage_hook = vec!["/hook".to_owned()];
    let mac = |number: u16| {
        let [high, low] = number.to_be_bytes();
        Mac([0, 0x12, 0x34, 0xab, high, low])
    };
    for number in 0..1030 {
        lab.bench.operate(mac(number), transload_provision::journey::Act::Hold).await.unwrap_err();
        let mut state = lab.bench.state();
        lab.bench.observe(&mut state, mac(number), Fact::Missing { name: "x".into() });
    }
    lab.bench.pending_restarts().await;
    let told = std::iter::from_fn(|| lab.bench.next_change(|_| true)).count();
    let untold = |number: &u16| {
        let history = lab.bench.state().phones[&mac(*number)].journey.history.clone();
        history.hooks.iter().any(|run| run.failed && run.output.contains("not run"))
    };
    assert_eq!((told, (0..1030).filter(untold).count()), (1024, 6));
}
