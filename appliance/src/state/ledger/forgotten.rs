//! Records the phones that the operator forgot; nothing else of them stays.

use rusqlite::{Connection, params};
use transload_provision::mac::Mac;
use transload_provision::time::Time;

use super::Replay;
use super::key::{key, mac};

/// The most forgotten phones on record; the oldest give way.
pub const FORGOTTEN_KEPT: u32 = 10_000;

/// Records a forgotten phone.
pub(super) fn write(connection: &Connection, phone: Mac, at: Time) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO forgotten (mac, at) VALUES (?1, ?2)")?
        .execute(params![key(phone), at.0.cast_signed()])
        .map(drop)
}

/// Drops the oldest records beyond the bound.
pub(super) fn bound(connection: &Connection) -> rusqlite::Result<usize> {
    connection
        .prepare_cached(
            "DELETE FROM forgotten WHERE mac IN
             (SELECT mac FROM forgotten ORDER BY at DESC, mac DESC LIMIT -1 OFFSET ?1)",
        )?
        .execute([FORGOTTEN_KEPT])
}

pub(super) fn replay(connection: &Connection, into: &mut dyn Replay) -> rusqlite::Result<()> {
    let mut statement = connection.prepare("SELECT mac, at FROM forgotten")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        into.forgotten(mac(row.get(0)?), Time(row.get::<_, i64>(1)?.cast_unsigned()));
    }
    Ok(())
}
