//! Option numbers, and values typed by a user turned into an option's octets (RFC 2132 and the option's own RFC).

mod limits;
mod show;
mod standard;
mod value;

pub use limits::has_default_route;
pub use show::show;
pub use standard::{Shape, Standard, find};
pub use value::{OptionValueError, Value, encode, hex};

/// Numbers of the options this server itself reads or writes.
pub mod code {
    /// Filler, RFC 2132 §3.1.
    pub const PAD: u8 = 0;
    /// RFC 2132 §3.3.
    pub const SUBNET_MASK: u8 = 1;
    /// RFC 2132 §3.5.
    pub const ROUTER: u8 = 3;
    /// RFC 2132 §3.8.
    pub const DNS: u8 = 6;
    /// RFC 2132 §3.14.
    pub const HOST_NAME: u8 = 12;
    /// RFC 2132 §5.3.
    pub const BROADCAST_ADDRESS: u8 = 28;
    /// RFC 2132 §5.8.
    pub const STATIC_ROUTES: u8 = 33;
    /// RFC 2132 §8.3.
    pub const NTP: u8 = 42;
    /// RFC 2132 §9.1.
    pub const REQUESTED_ADDRESS: u8 = 50;
    /// RFC 2132 §9.2.
    pub const LEASE_TIME: u8 = 51;
    /// RFC 2132 §9.3.
    pub const OVERLOAD: u8 = 52;
    /// RFC 2132 §9.6.
    pub const MESSAGE_TYPE: u8 = 53;
    /// RFC 2132 §9.7.
    pub const SERVER_ID: u8 = 54;
    /// RFC 2132 §9.8.
    pub const REQUEST_LIST: u8 = 55;
    /// RFC 2132 §9.9.
    pub const MESSAGE: u8 = 56;
    /// RFC 2132 §9.10.
    pub const MAX_MESSAGE_SIZE: u8 = 57;
    /// RFC 2132 §9.11.
    pub const RENEWAL_TIME: u8 = 58;
    /// RFC 2132 §9.12.
    pub const REBINDING_TIME: u8 = 59;
    /// RFC 2132 §9.13.
    pub const VENDOR_CLASS: u8 = 60;
    /// RFC 2132 §9.14.
    pub const CLIENT_ID: u8 = 61;
    /// RFC 3046.
    pub const RELAY_INFORMATION: u8 = 82;
    /// RFC 3011.
    pub const SUBNET_SELECTION: u8 = 118;
    /// RFC 3442.
    pub const CLASSLESS_ROUTES: u8 = 121;
    /// RFC 2132 §3.2.
    pub const END: u8 = 255;
}

/// Whether a client that asks for `wanted` is not given the option, because what it is given says more (RFC 3442): router
/// and static routes give way to classless routes.
pub fn gives_way(code: u8, wanted: &[u8], given: impl Fn(u8) -> bool) -> bool {
    matches!(code, code::ROUTER | code::STATIC_ROUTES)
        && wanted.contains(&code::CLASSLESS_ROUTES)
        && given(code::CLASSLESS_ROUTES)
}

/// Whether the server writes this option by itself, so that nobody may configure it.
pub fn is_reserved(code: u8) -> bool {
    matches!(
        code,
        code::PAD
            | code::SUBNET_MASK
            | code::REQUESTED_ADDRESS..=code::REQUEST_LIST
            | code::MAX_MESSAGE_SIZE..=code::REBINDING_TIME
            | code::CLIENT_ID
            | code::RELAY_INFORMATION
            | code::SUBNET_SELECTION
            | code::END
    )
}
