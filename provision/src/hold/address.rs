//! Holds of phones that get no address from this bench, or whose leaseholder is unknown.

use std::net::Ipv4Addr;

use super::action::{ActionKind as Do, HoldAction, HoldCondition};
use super::{HoldCode, Remedy};

/// The reason that a phone is not served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotServed {
    /// A foreign DHCP server is on the segment, so ours is silent.
    ForeignDhcp {
        /// Its address.
        server: String,
    },
    /// The phone takes its address from another DHCP server.
    TakesOther {
        /// Its address.
        server: Ipv4Addr,
    },
    /// Our DHCP server does not answer the phone.
    NoAnswer {
        /// The kind of reason.
        why: NoAnswer,
        /// The DHCP server's words.
        said: String,
    },
    /// An address asks for the phone's files, and no feed reports its lease.
    NoFeed {
        /// The address.
        address: Ipv4Addr,
    },
}

/// The reason that our DHCP server does not answer a phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoAnswer {
    /// Option 82 without a relay agent.
    RelayInformation,
    /// No network contains the address of this relay agent.
    Relay(Ipv4Addr),
    /// No network contains this address.
    Network(Ipv4Addr),
    /// No address is left.
    PoolEmpty,
    /// Our server is silent because of a foreign one.
    Silent,
    /// The phone uses BOOTP.
    Bootp,
    /// The message is malformed.
    Unsound,
}

impl NotServed {
    pub(super) fn code(&self) -> HoldCode {
        match self {
            Self::ForeignDhcp { .. }
            | Self::TakesOther { .. }
            | Self::NoAnswer { why: NoAnswer::Silent, .. } => HoldCode::ForeignDhcp,
            Self::NoAnswer { .. } | Self::NoFeed { .. } => HoldCode::WaitingOutside,
        }
    }

    pub(super) fn cause(&self) -> String {
        match self {
            Self::ForeignDhcp { server } => {
                format!("another DHCP server answers on this segment ({server}), so ours is silent")
            }
            Self::TakesOther { server } => {
                format!("it was heard, and takes its address from another DHCP server, {server}")
            }
            Self::NoAnswer { said, .. } => format!("it was heard, and DHCP does not answer it: {said}"),
            Self::NoFeed { address } => format!(
                "it needs a lease feed: its files are asked for from {address}, and nothing here tells who has that address"
            ),
        }
    }

    pub(super) fn remedy(&self) -> Remedy {
        match self {
            Self::ForeignDhcp { server } => (
                vec![Do::RemoveDhcpServer { server: Some(server.clone()) }.into()],
                "take it off the segment; ours goes on by itself".to_owned(),
            ),
            Self::TakesOther { server } => other_server(Some(server.to_string())),
            Self::NoAnswer { why, .. } => why.remedy(),
            Self::NoFeed { .. } => (
                vec![Do::FeedLeases.into(), Do::GiveLeases.instead()],
                "let the DHCP server tell its leases (the Kea hook, or the script that `transload export dnsmasq` writes), or \
                 let Transload give the leases"
                    .to_owned(),
            ),
        }
    }
}

impl NoAnswer {
    fn remedy(self) -> Remedy {
        let describe = |address| HoldAction::from(Do::DescribeNetwork { address });
        match self {
            Self::RelayInformation => (
                vec![
                    Do::set("dhcp.relay-information", "answer").into(),
                    Do::TurnOffRelayInformation.instead(),
                ],
                "set relay-information = \"answer\" under [dhcp], or turn the option off on the switch: no ip dhcp snooping \
                 information option"
                    .to_owned(),
            ),
            Self::Relay(relay) => (
                vec![describe(relay), Do::RemoveHelperAddress { relay }.instead()],
                format!(
                    "describe the relay's network in a [[dhcp.network]] with its subnet, or remove ip helper-address for this \
                     bench from the relay's interface {relay}"
                ),
            ),
            Self::Network(address) => {
                (vec![describe(address)], format!("describe the network of {address} in a [[dhcp.network]]"))
            }
            Self::PoolEmpty => (
                vec![Do::EnlargePool.into(), Do::ShortenLease.instead()],
                "make the pool larger (pool under [dhcp] or [[dhcp.network]]), or the lease shorter".to_owned(),
            ),
            Self::Silent => other_server(None),
            Self::Bootp => (vec![Do::SetToDhcp.into()], "set the phone to DHCP".to_owned()),
            Self::Unsound => (
                vec![Do::Restart.into(), Do::CheckRelays.only_if(HoldCondition::AsksAgain)],
                "restart the phone; if it asks so again, find what bends its messages on the way (a relay or a switch)"
                    .to_owned(),
            ),
        }
    }
}

fn other_server(server: Option<String>) -> Remedy {
    (
        vec![Do::RemoveDhcpServer { server }.into(), Do::UseOtherDhcpServer.instead()],
        "take that server off the segment, or let it give the leases (transload export)".to_owned(),
    )
}
