//! Sets a ledger back that was written under a clock far ahead of the right time.

use rusqlite::{Connection, TransactionBehavior, params};
use serde_json::Value;
use transload_dhcp::lease::LeaseRecord;
use transload_provision::time::Time;

use super::schema;

/// Rows changed at a time, so that a large ledger needs little memory.
const AT_ONCE: u32 = 256;
/// No moment that a bench has seen is earlier: 2001, in milliseconds.
const EARLIEST: u64 = 1_000_000_000_000;
/// A lease of that length never ends (RFC 2131 §3.3), in milliseconds.
const FOREVER: u64 = u32::MAX as u64 * 1000;

/// What was told at `last`, the latest moment of the wrong time, was told just before `now`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Correction {
    pub(super) last: Time,
    pub(super) now: Time,
}

impl Correction {
    /// A moment that has not come yet is as long before now as it was before the last one.
    fn moment(self, at: u64) -> u64 {
        if at <= self.now.0 { at } else { self.now.0 - self.last.0.saturating_sub(at).min(self.now.0) }
    }

    /// Moments in a phone's record; `None` where all have come. A number that is larger than the present time is a
    /// moment: nothing else counts so far. None comes before one that was right.
    fn record(self, json: &str) -> Option<String> {
        let mut value: Value = serde_json::from_str(json).ok()?;
        let mut right = 0;
        let mut wrong = false;
        each_number(&mut value, &mut |number| {
            if number > self.now.0 {
                wrong = true;
            } else if number >= EARLIEST {
                right = right.max(number);
            }
            number
        });
        wrong.then(|| {
            each_number(&mut value, &mut |number| {
                if number > self.now.0 { self.moment(number).max(right) } else { number }
            });
            value.to_string()
        })
    }

    fn lease(self, lease: &LeaseRecord) -> LeaseRecord {
        let length = lease.expires.saturating_sub(lease.since);
        let since = self.moment(lease.since);
        let expires = if length >= FOREVER {
            lease.expires
        } else if lease.since > self.now.0 {
            since.saturating_add(length)
        } else if lease.expires > self.last.0 {
            // It was kept running when time leapt ahead.
            self.now.0.saturating_add(lease.expires - self.last.0)
        } else {
            lease.expires
        };
        LeaseRecord { since, expires, ..lease.clone() }
    }

    /// All of it, or nothing.
    pub(super) fn apply(self, connection: &mut Connection) -> rusqlite::Result<()> {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for lease in schema::leases(&transaction)? {
            let right = self.lease(&lease);
            if right != lease {
                schema::write_lease(&transaction, &right)?;
            }
        }
        self.rows(&transaction, "snapshot", "mac")?;
        self.rows(&transaction, "snapshot_before", "mac")?;
        self.rows(&transaction, "observation", "number")?;
        let now = self.now.0.cast_signed();
        transaction.execute("UPDATE observation SET at = ?1 WHERE at > ?1", [now])?;
        transaction.execute("UPDATE forgotten SET at = ?1 WHERE at > ?1", [now])?;
        transaction.execute("UPDATE ledger SET high_water = ?1, certain = min(certain, ?1)", [now])?;
        transaction.commit()
    }

    fn rows(self, connection: &Connection, table: &str, key: &str) -> rusqlite::Result<()> {
        let some = format!("SELECT {key}, json FROM {table} WHERE {key} > ?1 ORDER BY {key} LIMIT {AT_ONCE}");
        let mut some = connection.prepare(&some)?;
        let mut update = connection.prepare(&format!("UPDATE {table} SET json = ?2 WHERE {key} = ?1"))?;
        let mut after = -1i64;
        loop {
            let rows: Vec<(i64, String)> =
                some.query_map([after], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
            let Some((last, _)) = rows.last() else { return Ok(()) };
            after = *last;
            for (key, json) in rows {
                if let Some(json) = self.record(&json) {
                    update.execute(params![key, json])?;
                }
            }
        }
    }
}

fn each_number(value: &mut Value, change: &mut dyn FnMut(u64) -> u64) {
    match value {
        Value::Number(number) => {
            if let Some(known) = number.as_u64() {
                *value = change(known).into();
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| each_number(value, change)),
        Value::Object(fields) => fields.values_mut().for_each(|value| each_number(value, change)),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}
