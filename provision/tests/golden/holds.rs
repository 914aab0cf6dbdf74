//! Every reason for a hold, with the sentences that people read and the actions that programs match. The lists below name
//! each variant once, so that a new one does not compile before it stands here.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::net::Ipv4Addr;

use transload_provision::catalog::{Catalog, Question};
use transload_provision::hold::{
    ActionKind, Additions, Barrier, FailedHop, FirmwareLack, Hold, HoldAction, HoldCode, HoldCondition,
    HoldReason, LastFailure, NoAnswer, NoWay, NotAdmitted, NotServed, PinFault, SilentPhone, StartPoint,
    StopReason, WaitsOutside, WantedLoad,
};
use transload_provision::load::{Direction, Kind, LoadName, Side};
use transload_provision::mac::Mac;

use crate::load;

const MAC: Mac = Mac([0, 0x12, 0x34, 0xAB, 0x45, 0xDE]);
const SERVER: Ipv4Addr = Ipv4Addr::new(10, 23, 45, 67);
const OTHER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

/// Examples of each variant. The match makes it complete; an example of another variant fails.
macro_rules! examples {
    ($name:ident: $kind:ty { $($pattern:pat => [$($example:expr),+ $(,)?],)+ }) => {
        fn $name() -> Vec<$kind> {
            let _complete = |reason: &$kind| match reason { $($pattern => (),)+ };
            let mut all = Vec::new();
            $($(
                let example: $kind = $example;
                assert!(matches!(&example, $pattern), "{example:?} is not {}", stringify!($pattern));
                all.push(example);
            )+)+
            all
        }
    };
}

/// What a cure says of each variant. The second function lists the variants that are of none of these.
macro_rules! said {
    ($name:ident, $missing:ident: $kind:ident { $($pattern:pat => $words:literal,)+ }) => {
        fn $name(kind: &$kind) -> &'static str {
            match kind { $($pattern => $words,)+ }
        }

        fn $missing<'a>(all: impl Iterator<Item = &'a $kind> + Clone) -> Vec<&'static str> {
            let mut missing = Vec::new();
            $(if !all.clone().any(|kind| matches!(kind, $pattern)) {
                missing.push(stringify!($pattern));
            })+
            missing
        }
    };
}

fn floor() -> LoadName {
    load("sip88xx.12-5-1SR1-4")
}

fn e2m() -> LoadName {
    load("sip88xx.TLexE2M-11-2-3C-4")
}

fn mpp() -> LoadName {
    load("sip88xx.11-2-3MPP-398")
}

fn text(text: &str) -> String {
    text.to_owned()
}

examples! { questions: Question {
    Question::Accessory { .. } => [
        Question::Accessory { text: text("8851-BEKEM"), model: Some(text("8851")) },
        Question::Accessory { text: text("CP-PWR-CUBE-4"), model: None },
    ],
    Question::NotDescribed { .. } => [
        Question::NotDescribed { text: text("8815"), nearest: Some(text("8811")) },
        Question::NotDescribed { text: text("SPA504G"), nearest: None },
    ],
    Question::NoModel { .. } => [Question::NoModel { text: text("phone") }],
}}

examples! { not_admitted: NotAdmitted {
    NotAdmitted::ByOperator => [NotAdmitted::ByOperator],
    NotAdmitted::NotListed => [NotAdmitted::NotListed],
    NotAdmitted::NoModel => [NotAdmitted::NoModel],
    NotAdmitted::UnclearModel(_) => [NotAdmitted::UnclearModel(Question::NoModel { text: text("phone") })],
    NotAdmitted::NotInCatalog { .. } => [NotAdmitted::NotInCatalog { model: text("9841") }],
    NotAdmitted::NotEligible { .. } => [NotAdmitted::NotEligible {
        cause: text("the 8821 cannot be migrated: Cisco lists no firmware for it"),
        source: text("Cisco, guide"),
        date: text("2024-05"),
    }],
    NotAdmitted::NoFamily { .. } => [NotAdmitted::NoFamily { model: text("7811X") }],
    NotAdmitted::UnknownVid { .. } => [
        NotAdmitted::UnknownVid { model: text("8851"), load: mpp(), probed: true },
        NotAdmitted::UnknownVid { model: text("8851"), load: mpp(), probed: false },
    ],
    NotAdmitted::NoLicense { .. } => [NotAdmitted::NoLicense { mac: MAC, direction: Direction::E2m }],
}}

examples! { firmware: FirmwareLack {
    FirmwareLack::NoTarget { .. } => [FirmwareLack::NoTarget {
        family: text("sip88xx"),
        wanted: Box::new(WantedLoad { kind: Kind::Multiplatform, ..wanted("11.3(3)") }),
    }],
    FirmwareLack::Missing { .. } => [
        FirmwareLack::Missing {
            files: vec![text("kern88xx.11-2-3C-4.sbn")],
            loads: vec![e2m()],
            packages: vec![text("cmterm-88xx.zip")],
        },
        FirmwareLack::Missing {
            files: vec![e2m().loads_file(), mpp().loads_file()],
            loads: vec![e2m(), mpp()],
            packages: vec![text("a.zip"), text("b.zip")],
        },
    ],
    FirmwareLack::Damaged { .. } => [FirmwareLack::Damaged {
        load: mpp(),
        files: vec![(text("rootfs88xx.11-2-3MPP-398.sbn"), text("it ends early"))],
        packages: vec![text("cmterm-88xx.zip")],
    }],
    FirmwareLack::NotWhole { .. } => [FirmwareLack::NotWhole { load: floor() }],
}}

fn wanted(from: &str) -> WantedLoad {
    WantedLoad { kind: Kind::Transition(Direction::E2m), from: from.parse().ok(), below: None, such_as: None }
}

fn barriers() -> [Box<Barrier>; 2] {
    let floors = Catalog::current().floors;
    let floor = |leaving| floors.iter().find(|floor| floor.leaving == leaving).unwrap().clone();
    [
        Box::new(Barrier::TooOld { load: mpp(), phone: text("8851 V15"), floor: Box::new(floor(false)) }),
        Box::new(Barrier::CannotLeave { phone: text("7821 V20"), floor: Box::new(floor(true)) }),
    ]
}

fn ways() -> Vec<NoWay> {
    let no_rule = |from, barrier, help| NoWay::NoRule { from, to: Kind::Multiplatform, barrier, help };
    let pin = |fault| NoWay::BadPin { family: text("sip88xx"), fault: Box::new(fault) };
    let release = "12.0(7)".parse().unwrap();
    let between = WantedLoad {
        kind: Kind::Enterprise,
        from: "12.5(1)".parse().ok(),
        below: "14.1(0)".parse().ok(),
        such_as: Some(floor()),
    };
    let [too_old, cannot_leave] = barriers();
    let rules: Vec<_> = Catalog::current().hops.into_iter().take(2).collect();
    vec![
        no_rule(StartPoint::Load(floor()), None, Additions::None),
        no_rule(StartPoint::Release(release), None, Additions::None),
        no_rule(StartPoint::Unknown(Side::Enterprise), None, Additions::None),
        no_rule(StartPoint::Load(floor()), None, Additions::AnyOf(vec![wanted(""), wanted("14.1(1)")])),
        no_rule(
            StartPoint::Load(floor()),
            Some(too_old.clone()),
            Additions::Both(Box::new([between, wanted("")])),
        ),
        no_rule(StartPoint::Load(floor()), Some(cannot_leave), Additions::None),
        pin(PinFault::End(Kind::Multiplatform)),
        pin(PinFault::Stranger { load: load("sip78xx.12-5-1SR1-4"), model: text("8851") }),
        pin(PinFault::Barrier(*too_old)),
        pin(PinFault::NoRule { from: StartPoint::Load(floor()), to: mpp(), rules }),
        pin(PinFault::NoRule {
            from: StartPoint::Unknown(Side::Multiplatform),
            to: mpp(),
            rules: Vec::new(),
        }),
    ]
}

examples! { failed: FailedHop {
    FailedHop::Attempts { .. } => [
        attempts(LastFailure::Broken(text("rootfs88xx.sbn: the cable was pulled")), false),
        attempts(LastFailure::StoodStill, false),
        attempts(LastFailure::StartedWithout, true),
        attempts(LastFailure::NotAskedFor, false),
        attempts(LastFailure::NotAskedFor, true),
    ],
    FailedHop::LicenseNotAccepted => [FailedHop::LicenseNotAccepted],
    FailedHop::LicenseNotFetched { .. } => [
        FailedHop::LicenseNotFetched { load: Some(mpp()) },
        FailedHop::LicenseNotFetched { load: None },
    ],
    FailedHop::ThrownAway { .. } => [FailedHop::ThrownAway { load: floor(), times: 6 }],
    FailedHop::WentNoFurther { .. } => [FailedHop::WentNoFurther { load: floor() }],
    FailedHop::NotAskedFor { .. } => [
        FailedHop::NotAskedFor { load: floor(), registered: false },
        FailedHop::NotAskedFor { load: floor(), registered: true },
    ],
    FailedHop::NotSeenToAsk { .. } => [FailedHop::NotSeenToAsk { load: floor() }],
    FailedHop::NotStarted { .. } => [FailedHop::NotStarted { load: floor() }],
    FailedHop::FetchStopped { .. } => [
        stopped(StopReason::Broken(text("rootfs88xx.sbn: the cable was pulled"))),
        stopped(StopReason::Missing(text("kern88xx.sbn"))),
        stopped(StopReason::Unknown),
    ],
    FailedHop::AsksInVain { .. } => [FailedHop::AsksInVain { load: floor(), times: 12 }],
    FailedHop::StartsWhenTold { .. } => [FailedHop::StartsWhenTold { load: floor(), times: 5 }],
    FailedHop::AsksForAnother { .. } => [FailedHop::AsksForAnother { load: floor(), other: text("SIP70.9-4-2SR3-1S") }],
    FailedHop::ReadsInVain { .. } => [FailedHop::ReadsInVain { load: floor() }],
}}

fn attempts(last: LastFailure, license_refused: bool) -> FailedHop {
    FailedHop::Attempts { attempts: 5, load: mpp(), last, license_refused }
}

fn stopped(why: StopReason) -> FailedHop {
    FailedHop::FetchStopped { load: floor(), why }
}

examples! { silent: SilentPhone {
    SilentPhone::SignedOnly => [SilentPhone::SignedOnly],
    SilentPhone::ReadsAtStart { .. } => [
        SilentPhone::ReadsAtStart { load: Some(floor()) },
        SilentPhone::ReadsAtStart { load: None },
    ],
    SilentPhone::TellsAtStart { .. } => [SilentPhone::TellsAtStart { load: floor() }],
    SilentPhone::NoFile => [SilentPhone::NoFile],
    SilentPhone::NoProfile => [SilentPhone::NoProfile],
    SilentPhone::StartsInVain => [SilentPhone::StartsInVain],
    SilentPhone::ProfileStopped { .. } => [
        SilentPhone::ProfileStopped { before: true },
        SilentPhone::ProfileStopped { before: false },
    ],
}}

examples! { outside: WaitsOutside {
    WaitsOutside::CallManager { .. } => [
        call_manager(None, true),
        call_manager(None, false),
        call_manager(Some(e2m()), false),
        call_manager(Some(floor()), true),
    ],
    WaitsOutside::Cda { .. } => [WaitsOutside::Cda { next: mpp() }],
    WaitsOutside::CdaTold { .. } => [
        WaitsOutside::CdaTold { other: mpp().to_string(), next: floor(), runs: Some(e2m()) },
        WaitsOutside::CdaTold { other: mpp().to_string(), next: floor(), runs: None },
    ],
    WaitsOutside::NotAssigned => [WaitsOutside::NotAssigned],
    WaitsOutside::CdaLicense { .. } => [
        WaitsOutside::CdaLicense { load: Some(mpp()) },
        WaitsOutside::CdaLicense { load: None },
    ],
    WaitsOutside::NotConfirmed { .. } => [WaitsOutside::NotConfirmed { load: mpp() }],
    WaitsOutside::LicenseNotConfirmed { .. } => [WaitsOutside::LicenseNotConfirmed { load: mpp() }],
}}

fn call_manager(refused: Option<LoadName>, certain: bool) -> WaitsOutside {
    let refused = refused.map(|load| load.to_string());
    WaitsOutside::CallManager { refused, next: floor(), server: SERVER, certain }
}

examples! { no_answers: NoAnswer {
    NoAnswer::RelayInformation => [NoAnswer::RelayInformation],
    NoAnswer::Relay(_) => [NoAnswer::Relay(OTHER)],
    NoAnswer::Network(_) => [NoAnswer::Network(OTHER)],
    NoAnswer::PoolEmpty => [NoAnswer::PoolEmpty],
    NoAnswer::Silent => [NoAnswer::Silent],
    NoAnswer::Bootp => [NoAnswer::Bootp],
    NoAnswer::Unsound => [NoAnswer::Unsound],
}}

examples! { not_served: NotServed {
    NotServed::ForeignDhcp { .. } => [NotServed::ForeignDhcp { server: OTHER.to_string() }],
    NotServed::TakesOther { .. } => [NotServed::TakesOther { server: OTHER }],
    NotServed::NoAnswer { .. } => [NotServed::NoAnswer { why: NoAnswer::Silent, said: text("the DHCP server's words") }],
    NotServed::NoFeed { .. } => [NotServed::NoFeed { address: OTHER }],
}}

examples! { reasons: HoldReason {
    HoldReason::NotAdmitted(_) => [NotAdmitted::ByOperator.into()],
    HoldReason::Firmware(_) => [FirmwareLack::NotWhole { load: floor() }.into()],
    HoldReason::NoWay(_) => [ways().remove(0).into()],
    HoldReason::IfItRuns { .. } => [HoldReason::IfItRuns {
        reason: Box::new(ways().remove(0)),
        load: floor(),
        evidence: text("it fetched it and started"),
    }],
    HoldReason::Failed(_) => [FailedHop::LicenseNotAccepted.into()],
    HoldReason::Silent(_) => [SilentPhone::NoFile.into()],
    HoldReason::RestartInVain { .. } => [
        HoldReason::RestartInVain {
            reason: Box::new(SilentPhone::ReadsAtStart { load: Some(floor()) }.into()),
            times: 3,
            answer: Some(text("400 Bad Request")),
        },
        HoldReason::RestartInVain {
            reason: Box::new(SilentPhone::ReadsAtStart { load: Some(floor()) }.into()),
            times: 3,
            answer: None,
        },
    ],
    HoldReason::Outside(_) => [WaitsOutside::NotAssigned.into()],
    HoldReason::NotServed(_) => [NotServed::TakesOther { server: OTHER }.into()],
}}

/// Every example, each once.
fn all() -> Vec<Hold> {
    let unclear = questions().into_iter().map(NotAdmitted::UnclearModel);
    let unanswered =
        no_answers().into_iter().map(|why| NotServed::NoAnswer { why, said: format!("{why:?}") });
    let holds = (not_admitted().into_iter().chain(unclear).map(Hold::from))
        .chain(firmware().into_iter().map(Hold::from))
        .chain(ways().into_iter().map(Hold::from))
        .chain(failed().into_iter().map(Hold::from))
        .chain(silent().into_iter().map(Hold::from))
        .chain(outside().into_iter().map(Hold::from))
        .chain(not_served().into_iter().chain(unanswered).map(Hold::from))
        .chain(reasons().into_iter().map(Hold::from));
    let mut all: Vec<Hold> = Vec::new();
    for hold in holds {
        if !all.contains(&hold) {
            all.push(hold);
        }
    }
    all
}

// What the cure says of an action.
said! { words, without_action: ActionKind {
    ActionKind::Release => "release it",
    ActionKind::Retry => "retry it",
    ActionKind::TakeOffBench => "take it off the bench",
    ActionKind::LeaveAlone => "leave it as it is",
    ActionKind::Unplug => "unplug it and plug it in again",
    ActionKind::Restart => "restart",
    ActionKind::FactoryReset => "factory-reset",
    ActionKind::EraseTrustList => "erase its trust list",
    ActionKind::PressCancel => "press Cancel",
    ActionKind::SwitchOffAlternateTftp => "switch off Alternate TFTP",
    ActionKind::ResetProfileRule => "set its Profile_Rule back",
    ActionKind::SetToDhcp => "set the phone to DHCP",
    ActionKind::CheckPower => "power",
    ActionKind::CheckCable => "cable",
    ActionKind::ReadLicenseState => "Authorization Succeeded",
    ActionKind::AddToRoster => "the roster",
    ActionKind::WriteVid => "put it in the roster",
    ActionKind::RemoveFromRoster => "out",
    ActionKind::WriteModel { .. } => "model",
    ActionKind::WriteLoad { .. } => "roster",
    ActionKind::WriteCda => "cda column",
    ActionKind::ImportCdaAssigned => "import the cda-assigned.csv",
    ActionKind::ImportLicense { .. } => "get its license and import it",
    ActionKind::CheckLicense => "see that the license is this phone's",
    ActionKind::OrderLicense => "order another",
    ActionKind::ImportFirmware { again: false, .. } => "import ",
    ActionKind::ImportFirmware { again: true, .. } => " again",
    ActionKind::AddFirmware(_) => " to the library",
    ActionKind::CorrectRoute { .. } => "correct the route of sip88xx",
    ActionKind::RemoveRoute { .. } => "remove it",
    ActionKind::DescribeModel => "describe the model in catalog.toml",
    ActionKind::AddCatalogRows => "[[eligibility]]",
    ActionKind::AddHopRow => "[[hop]]",
    ActionKind::SetKey { .. } => " = ",
    ActionKind::EnterInCallManager { .. } => "in the call manager, as `transload export call-manager` writes it",
    ActionKind::ResetInCallManager => "reset it",
    ActionKind::AssignInCda => "CDA",
    ActionKind::ReplaceCdaProfile => "in the place of the one in CDA",
    ActionKind::CheckInternet => "reaches the internet",
    ActionKind::RemoveDhcpServer { .. } => "off the segment",
    ActionKind::UseOtherDhcpServer => "let it give the leases",
    ActionKind::FeedLeases => "let the DHCP server tell its leases",
    ActionKind::GiveLeases => "let Transload give the leases",
    ActionKind::TurnOffRelayInformation => "no ip dhcp snooping information option",
    ActionKind::DescribeNetwork { .. } => "[[dhcp.network]]",
    ActionKind::RemoveHelperAddress { .. } => "ip helper-address",
    ActionKind::EnlargePool => "make the pool larger",
    ActionKind::ShortenLease => "the lease shorter",
    ActionKind::CheckRelays => "a relay or a switch",
}}

// What the cure says of a condition.
said! { condition_words, without_condition: HoldCondition {
    HoldCondition::ScreenIsStill => "once its screen is still",
    HoldCondition::ScreenAsksForCode => "if its screen asks for an activation code",
    HoldCondition::ScreenAsksForLicense => "if its screen asks for a license",
    HoldCondition::LicenseAccepted => "if it does, ",
    HoldCondition::LicenseNotAccepted => "if not, ",
    HoldCondition::LicenseIsRight => "if it is",
    HoldCondition::Runs(_) => "if it runs that load already",
    HoldCondition::RunsNot(_) => "if it does not run",
    HoldCondition::IsOfModel => "if it is one",
    HoldCondition::NoHelp => "if that does not help",
    HoldCondition::AsksForNothing => "if it asks for nothing",
    HoldCondition::AsksAgain => "if it asks so again",
    HoldCondition::StartsOver => "if it starts over",
    HoldCondition::CiscoAllows => "if Cisco ",
}}

#[test]
fn the_sentences_and_actions_of_every_hold() {
    let mut document = String::new();
    for hold in all() {
        writeln!(document, "{}\n  {}\n  {}", hold.code, hold.cause(), hold.cure()).unwrap();
        for action in hold.actions() {
            writeln!(document, "  {}", serde_json::to_string(&action).unwrap()).unwrap();
        }
    }
    crate::golden("holds.txt", document.into_bytes());
}

#[test]
fn the_cure_says_what_the_actions_are() {
    for hold in all() {
        let cure = hold.cure();
        assert!(!hold.actions().is_empty(), "{hold}");
        assert!(!hold.actions()[0].instead, "{hold}");
        for action in hold.actions() {
            let condition = action.only_if.as_ref().map_or("", condition_words);
            for words in [words(&action.kind), condition] {
                assert!(cure.contains(words), "{words:?} is not in {cure:?}");
            }
            let alternative = [", or ", "; or, ", "otherwise "].iter().any(|words| cure.contains(words));
            assert!(alternative || !action.instead, "{cure:?} names no alternative");
            let json = serde_json::to_string(&action).unwrap();
            assert_eq!(serde_json::from_str::<HoldAction>(&json).unwrap(), action, "{json}");
        }
    }
}

#[test]
fn every_code_action_and_condition_is_of_some_hold() {
    let all = all();
    let codes: BTreeSet<HoldCode> = all.iter().map(|hold| hold.code).collect();
    assert_eq!(codes, BTreeSet::from(HoldCode::ALL));
    let actions: Vec<HoldAction> = all.iter().flat_map(Hold::actions).collect();
    assert_eq!(without_action(actions.iter().map(|action| &action.kind)), Vec::<&str>::new());
    assert_eq!(
        without_condition(actions.iter().filter_map(|action| action.only_if.as_ref())),
        Vec::<&str>::new()
    );
}
