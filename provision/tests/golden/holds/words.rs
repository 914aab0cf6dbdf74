//! What the cure of a hold says of each action and condition. A new one does not compile before it stands here.

use transload_provision::hold::{ActionKind, HoldCondition};

/// What a cure says of each variant. The second function lists the variants that are of none of these.
macro_rules! said {
    ($name:ident, $missing:ident: $kind:ident { $($pattern:pat => $words:literal,)+ }) => {
        pub fn $name(kind: &$kind) -> &'static str {
            match kind { $($pattern => $words,)+ }
        }

        pub fn $missing<'a>(all: impl Iterator<Item = &'a $kind> + Clone) -> Vec<&'static str> {
            let mut missing = Vec::new();
            $(if !all.clone().any(|kind| matches!(kind, $pattern)) {
                missing.push(stringify!($pattern));
            })+
            missing
        }
    };
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
