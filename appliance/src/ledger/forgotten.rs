//! The phones that the operator forgot: what is deleted, and the record that stays.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};
use transload_provision::mac::Mac;
use transload_provision::time::Time;

use super::schema::{key, mac};

/// Forgotten phones that stay on record, the latest ones.
pub const FORGOTTEN_KEPT: u32 = 10_000;

/// The table, a step of the schema.
pub(super) const STEP: &str = "
    CREATE TABLE forgotten (
        mac INTEGER PRIMARY KEY,
        at INTEGER NOT NULL           -- ms since the epoch
    ) STRICT;
";

/// Writes one down. The caller deletes the observations that the table `folded` then names.
pub(super) fn write(connection: &Connection, phone: Mac, at: Time) -> rusqlite::Result<()> {
    let run = |sql: &str| connection.prepare_cached(sql)?.execute([key(phone)]);
    run("DELETE FROM snapshot WHERE mac = ?1")?;
    run("INSERT OR REPLACE INTO folded SELECT ?1, ifnull(max(number), 0) FROM observation")?;
    connection
        .prepare_cached("INSERT OR REPLACE INTO forgotten (mac, at) VALUES (?1, ?2)")?
        .execute(params![key(phone), at.0.cast_signed()])?;
    Ok(())
}

/// Drops the oldest ones where there are too many.
pub(super) fn bound(connection: &Connection) -> rusqlite::Result<usize> {
    connection
        .prepare_cached(
            "DELETE FROM forgotten WHERE mac IN
             (SELECT mac FROM forgotten ORDER BY at DESC, mac DESC LIMIT -1 OFFSET ?1)",
        )?
        .execute([FORGOTTEN_KEPT])
}

/// Reads all.
pub(super) fn read(connection: &Connection) -> rusqlite::Result<BTreeMap<Mac, Time>> {
    connection
        .prepare("SELECT mac, at FROM forgotten")?
        .query_map([], |row| Ok((mac(row.get(0)?), Time(row.get::<_, i64>(1)?.cast_unsigned()))))?
        .collect()
}
