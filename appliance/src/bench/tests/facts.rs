//! Tests that facts are kept and worlds are derived from them.

use transload_provision::client::Persona;
use transload_provision::journey::{Act, Answer, KnownBefore};
use transload_provision::load::{LoadName, Side};
use transload_provision::roster;
use transload_provision::worlds::{Mode, World, Worlds};

use super::*;
use crate::state::ledger;

fn load(name: &str) -> LoadName {
    name.parse().unwrap()
}

/// The phone as read from the ledger.
fn reread(lab: &TestBench) -> Worlds {
    let mut known = ReplayedPhones::default();
    ledger::read(&lab.state.path().join("ledger.db"), &mut known).unwrap();
    let library = LibrarySnapshot::scan(lab.state.path(), Direction::E2m).unwrap();
    let state = BenchState::new(rules(true), Catalog::seed_2019(), Vec::new(), library, known);
    (*state.phones[&A].worlds).clone()
}

fn worlds(lab: &TestBench) -> Worlds {
    (*lab.bench.state().phones[&A].worlds).clone()
}

async fn fold(lab: &TestBench) {
    lab.bench.append_snapshots(&[A]).await.unwrap();
}

fn rewrite(lab: &TestBench, sql: &str) {
    let ledger = rusqlite::Connection::open(lab.state.path().join("ledger.db")).unwrap();
    assert!(ledger.execute(sql, []).unwrap() > 0);
}

/// A phone that was told its next load and fetched it, with a snapshot in between.
async fn on_its_way() -> TestBench {
    let lab = TestBench::new(true);
    lab.lease(A, AT_A);
    lab.text(AT_A, "8851-3PCC.xml", None).await;
    fold(&lab).await;
    lab.text(AT_A, &format!("/{A}/1/{MPP}.loads"), None).await;
    fold(&lab).await;
    let (_, tracker) = lab.fetch(AT_A, &format!("/{A}/1/rootfs88xx.11-2-3MPP-398.sbn"), None).await;
    tracker.advance(0, ROOTFS);
    tracker.finish();
    lab.bench.ledger.append(Vec::new()).await.unwrap();
    lab
}

#[tokio::test]
async fn a_phone_may_be_doing_the_same_after_a_restart() {
    let lab = on_its_way().await;
    assert_eq!(reread(&lab), worlds(&lab));
    assert!(worlds(&lab).all().iter().all(|world| !world.is(&load(MPP))), "it has not started with it");
}

#[tokio::test]
async fn another_version_of_the_model_reads_the_facts_anew() {
    let lab = on_its_way().await;
    rewrite(&lab, "UPDATE snapshot SET json = replace(json, '\"model\":1', '\"model\":0')");
    let anew = reread(&lab);
    assert_eq!(anew.misfits(), 0);
    let fetches = |world: &World| matches!(&world.mode, Mode::Fetching(of) if of.load == load(MPP));
    assert!(anew.all().iter().any(fetches), "{:?}", anew.all());
    assert_ne!(anew, worlds(&lab), "what was seen before the earlier snapshot is known by its record alone");
}

#[tokio::test]
async fn what_an_older_release_folded_becomes_one_fact() {
    let lab = TestBench::new(true);
    lab.lease(A, AT_A);
    let page = Page { load: Some(load(FLOOR)), ..Page::default() };
    let ticket = lab.bench.observe(&mut lab.bench.state(), A, Fact::Probed(page)).unwrap();
    ticket.await.unwrap();
    let given = Fact::LoadsGiven { load: load(E2M) };
    let ticket = lab.bench.observe(&mut lab.bench.state(), A, given).unwrap();
    ticket.await.unwrap();
    fold(&lab).await;
    rewrite(&lab, "DELETE FROM observation");
    rewrite(&lab, "UPDATE snapshot SET json = json_extract(json, '$.journey'), through = 0");
    let known: KnownBefore = lab.bench.state().phones[&A].journey.known_before();
    assert_eq!((known.named, known.fetched), (Some(load(FLOOR)), vec![load(E2M)]));
    let runs: Vec<String> = reread(&lab).all().iter().map(|world| world.runs.to_string()).collect();
    assert_eq!(runs, [E2M, FLOOR], "it may have started with what it fetched");
}

#[tokio::test]
async fn what_a_reading_is_answered_with_is_a_fact_where_it_changes() {
    let lab = TestBench::new(true);
    lab.lease(A, AT_A);
    lab.text(AT_A, "8851-3PCC.xml", None).await;
    let answer = || worlds(&lab).observed().answer(Side::Multiplatform).cloned();
    let Some(Answer::Document { load: Some(named), license }) = answer() else { panic!("{:?}", answer()) };
    assert_eq!((named.load, named.attempt, license), (load(MPP), 1, Some(1)));
    let facts = || lab.bench.state().phones[&A].facts;
    lab.text(AT_A, "8851-3PCC.xml", None).await;
    let before = facts();
    lab.text(AT_A, "8851-3PCC.xml", None).await;
    assert_eq!(facts() - before, 1, "it read its configuration, and nothing more");
    lab.bench.observe(&mut lab.bench.state(), A, Fact::Operator { act: Act::Hold });
    lab.text(AT_A, "8851-3PCC.xml", None).await;
    assert!(matches!(answer(), Some(Answer::Document { load: None, .. })), "{:?}", answer());
}

#[tokio::test]
async fn the_options_of_a_lease_and_the_rosters_word_are_facts() {
    let lab = TestBench::new(true);
    let class = Some("Cisco Systems, Inc. IP Phone CP-8851".to_owned());
    let (bench, now) = (&lab.bench, lab.bench.now());
    bench.note(&mut bench.state(), A, now, true, class, Vec::new());
    bench.note_lease(&mut bench.state(), A, AT_A);
    assert_eq!(worlds(&lab).observed().options, Some(Persona::Enterprise));
    let listed = roster::parse(format!("mac,load\n{A},{FLOOR}\n").as_bytes()).entries;
    bench.set_roster(listed.clone());
    assert_eq!(worlds(&lab).observed().listed, Some(load(FLOOR)));
    let facts = bench.state().phones[&A].facts;
    bench.set_roster(listed);
    assert_eq!(bench.state().phones[&A].facts, facts, "the same again is no fact");
    bench.set_roster(Vec::new());
    assert_eq!(worlds(&lab).observed().listed, None);
}
