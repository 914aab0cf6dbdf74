//! What can happen, and how often.

use proptest::prelude::*;

pub const CLIENTS: usize = 8;
/// Fewer addresses than clients.
pub const POOL: (u8, u8) = (10, 15);

#[derive(Debug, Clone)]
pub enum ModelStep {
    /// Where a new address is tried, somebody else may answer for it.
    Discover(usize, bool),
    /// Takes the last offer, or asks for some address as if offered.
    Select(usize, Option<u8>),
    Reboot(usize, Option<u8>),
    Renew(usize),
    Release(usize),
    Decline(usize),
    /// The client sends another client identifier from now on.
    Rename(usize, u8),
    Inform(usize),
    /// An earlier message arrives once more, or late.
    Repeat(usize),
    /// What clients say in passing, and how the network treats them, from now on.
    Manner(Manner),
    BeginCommit,
    /// The commit under way succeeds; where there is none, one begins first.
    Commit,
    /// The commit fails; that many of its records got to disk all the same.
    FailCommit(usize),
    /// Of the commit under way, that many records got to disk.
    Crash(usize),
    Reconfigure,
    Wait(u64),
    /// The clock is set back.
    Back(u64),
}

#[derive(Debug, Clone, Default)]
pub struct Manner {
    pub broadcast: bool,
    /// Through a relay, with its information.
    pub relay: Option<Vec<u8>>,
    pub request_list: Vec<u8>,
    pub max_message_size: Option<u16>,
    /// Messages arrive only when they are repeated.
    pub delays: bool,
    /// Replies get lost.
    pub deaf: bool,
}

fn manner() -> impl Strategy<Value = Manner> {
    let octets = |most| prop::collection::vec(any::<u8>(), 0..most);
    let listed = prop::sample::select(vec![1_u8, 3, 6, 15, 28, 42, 43, 51, 54, 58, 66, 82, 150, 160]);
    let relay = prop::option::weighted(0.3, octets(200).prop_map(|more| [&[1, 1, 7][..], &more].concat()));
    (
        any::<bool>(),
        relay,
        prop::collection::vec(listed, 0..12),
        prop::option::of(prop_oneof![Just(576), Just(100), Just(700), Just(1500)]),
        prop::bool::weighted(0.1),
        prop::bool::weighted(0.2),
    )
        .prop_map(|(broadcast, relay, request_list, max_message_size, delays, deaf)| Manner {
            broadcast,
            relay,
            request_list,
            max_message_size,
            delays,
            deaf,
        })
}

pub fn step() -> impl Strategy<Value = ModelStep> {
    let client = 0..CLIENTS;
    let address = prop::option::of(POOL.0 - 1..=POOL.1 + 1);
    prop_oneof![
        8 => (client.clone(), prop::bool::weighted(0.1)).prop_map(|(client, answers)| ModelStep::Discover(client, answers)),
        10 => (client.clone(), prop::option::weighted(0.2, POOL.0..=POOL.1)).prop_map(|(c, a)| ModelStep::Select(c, a)),
        3 => (client.clone(), address).prop_map(|(client, address)| ModelStep::Reboot(client, address)),
        5 => client.clone().prop_map(ModelStep::Renew),
        2 => client.clone().prop_map(ModelStep::Release),
        1 => client.clone().prop_map(ModelStep::Decline),
        1 => (client.clone(), 0_u8..3).prop_map(|(client, name)| ModelStep::Rename(client, name)),
        1 => client.prop_map(ModelStep::Inform),
        3 => manner().prop_map(ModelStep::Manner),
        4 => (0_usize..30).prop_map(ModelStep::Repeat),
        6 => Just(ModelStep::BeginCommit),
        12 => Just(ModelStep::Commit),
        1 => (0_usize..4).prop_map(ModelStep::FailCommit),
        1 => (0_usize..4).prop_map(ModelStep::Crash),
        1 => Just(ModelStep::Reconfigure),
        4 => prop_oneof![Just(500_u64), Just(3_000), Just(30_000), Just(61_000), Just(120_000), Just(86_400_000)].prop_map(ModelStep::Wait),
        1 => prop_oneof![Just(1_000_u64), Just(70_000), Just(3_600_000), Just(u64::MAX)].prop_map(ModelStep::Back),
    ]
}
