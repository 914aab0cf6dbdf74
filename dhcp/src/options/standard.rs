//! The standard options by name, with the form of their values.

use Shape::{Address, Addresses, Domains, Flag, Octets, Pairs, Routes, S32, Text, U8, U16, U16s, U32};

/// The form of an option's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// One IPv4 address.
    Address,
    /// One or more IPv4 addresses, in order of preference.
    Addresses,
    /// Pairs of IPv4 addresses.
    Pairs,
    /// Text without a closing NUL (RFC 2132 §2).
    Text,
    /// One octet.
    U8,
    /// Two octets.
    U16,
    /// A list of two-octet numbers.
    U16s,
    /// Four octets.
    U32,
    /// Four octets, signed.
    S32,
    /// One octet, 0 or 1.
    Flag,
    /// Routes as RFC 3442 packs them.
    Routes,
    /// Domain names as RFC 1035 packs them, uncompressed (RFC 3397 allows that).
    Domains,
    /// Octets whose meaning is not known here.
    Octets,
}

/// A row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standard {
    /// The option's number.
    pub code: u8,
    /// Names it goes by, the preferred first.
    pub names: &'static [&'static str],
    /// The form of its value.
    pub shape: Shape,
}

/// The row of a name (letter case and `_` or `-` alike) or of a number from 1 to 254.
pub fn find(name_or_number: &str) -> Option<Standard> {
    let wanted = name_or_number.trim().to_ascii_lowercase().replace('_', "-");
    if let Ok(code) = wanted.parse::<u8>() {
        let unknown = Standard { code, names: &[], shape: Octets };
        return (1..=254).contains(&code).then(|| row(code).unwrap_or(unknown));
    }
    TABLE.iter().find(|(_, names, _)| names.contains(&wanted.as_str())).map(standard)
}

/// The row of a number.
fn row(code: u8) -> Option<Standard> {
    TABLE.iter().find(|row| row.0 == code).map(standard)
}

fn standard(&(code, names, shape): &(u8, &'static [&'static str], Shape)) -> Standard {
    Standard { code, names, shape }
}

/// RFC 2132 unless another is named. The names are those of ISC, Kea and dnsmasq, in short.
#[rustfmt::skip]
const TABLE: &[(u8, &[&str], Shape)] = &[
    (2,   &["time-offset"], S32),
    (3,   &["router", "routers", "gateway"], Addresses),
    (4,   &["time-server", "time-servers"], Addresses),
    (5,   &["name-server", "name-servers"], Addresses),
    (6,   &["dns", "dns-server", "dns-servers", "domain-name-servers"], Addresses),
    (7,   &["log", "log-server", "log-servers"], Addresses),
    (8,   &["cookie-servers"], Addresses),
    (9,   &["lpr-server", "lpr-servers"], Addresses),
    (10,  &["impress-servers"], Addresses),
    (11,  &["resource-location-servers"], Addresses),
    (12,  &["host-name", "hostname"], Text),
    (13,  &["boot-size"], U16),
    (14,  &["merit-dump"], Text),
    (15,  &["domain", "domain-name"], Text),
    (16,  &["swap-server"], Address),
    (17,  &["root-path"], Text),
    (18,  &["extensions-path"], Text),
    (19,  &["ip-forwarding"], Flag),
    (20,  &["non-local-source-routing"], Flag),
    (21,  &["policy-filter"], Pairs),
    (22,  &["max-dgram-reassembly"], U16),
    (23,  &["default-ip-ttl"], U8),
    (24,  &["path-mtu-aging-timeout"], U32),
    (25,  &["path-mtu-plateau-table"], U16s),
    (26,  &["mtu", "interface-mtu"], U16),
    (27,  &["all-subnets-local"], Flag),
    (28,  &["broadcast", "broadcast-address"], Address),
    (29,  &["perform-mask-discovery"], Flag),
    (30,  &["mask-supplier"], Flag),
    (31,  &["router-discovery"], Flag),
    (32,  &["router-solicitation-address"], Address),
    (33,  &["static-routes"], Pairs),
    (34,  &["trailer-encapsulation"], Flag),
    (35,  &["arp-cache-timeout"], U32),
    (36,  &["ieee802-3-encapsulation"], Flag),
    (37,  &["default-tcp-ttl"], U8),
    (38,  &["tcp-keepalive-interval"], U32),
    (39,  &["tcp-keepalive-garbage"], Flag),
    (40,  &["nis-domain"], Text),
    (41,  &["nis-servers"], Addresses),
    (42,  &["ntp", "ntp-server", "ntp-servers"], Addresses),
    (43,  &["vendor-encapsulated-options"], Octets),
    (44,  &["netbios-name-servers"], Addresses),
    (45,  &["netbios-dd-server"], Addresses),
    (46,  &["netbios-node-type"], U8),
    (47,  &["netbios-scope"], Text),
    (48,  &["font-servers"], Addresses),
    (49,  &["x-display-manager"], Addresses),
    (60,  &["vendor-class-identifier"], Text),
    (64,  &["nisplus-domain"], Text),
    (65,  &["nisplus-servers"], Addresses),
    (66,  &["tftp", "tftp-server", "tftp-server-name"], Text),
    (67,  &["bootfile", "boot-file", "bootfile-name"], Text),
    (68,  &["mobile-ip-home-agent"], Addresses),
    (69,  &["smtp-server"], Addresses),
    (70,  &["pop3-server"], Addresses),
    (71,  &["nntp-server"], Addresses),
    (72,  &["www-server"], Addresses),
    (73,  &["finger-server"], Addresses),
    (74,  &["irc-server"], Addresses),
    (75,  &["streettalk-server"], Addresses),
    (76,  &["streettalk-directory-assistance"], Addresses),
    (100, &["posix-timezone", "pcode"], Text),          // RFC 4833
    (101, &["tzdb-timezone", "tcode"], Text),           // RFC 4833
    (108, &["ipv6-only-preferred"], U32),               // RFC 8925
    (114, &["captive-portal"], Text),                   // RFC 8910
    (119, &["domain-search"], Domains),                 // RFC 3397
    (121, &["classless-static-routes", "classless-static-route"], Routes), // RFC 3442
    (138, &["capwap-ac"], Addresses),                   // RFC 5417
];
