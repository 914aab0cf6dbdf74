//! Phones as keys of tables.

use transload_provision::mac::Mac;

/// A phone as a key: integers keep the tables small.
pub(super) fn key(mac: Mac) -> i64 {
    mac.0.iter().fold(0, |key, octet| key << 8 | i64::from(*octet))
}

/// The phone of a key.
pub(super) fn mac(key: i64) -> Mac {
    let [_, _, mac @ ..] = key.to_be_bytes();
    Mac(mac)
}
