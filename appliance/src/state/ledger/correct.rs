//! Corrects a ledger that was written while the clock was far ahead.

use rusqlite::{Connection, TransactionBehavior, params};
use serde_json::Value;
use transload_dhcp::lease::LeaseRecord;
use transload_provision::time::Time;

use super::schema;

/// Rows changed at once, so that a large ledger needs little memory.
const AT_ONCE: u32 = 256;
/// The earliest moment that a bench can have seen: 2001, in milliseconds.
const EARLIEST: u64 = 1_000_000_000_000;
/// A lease of this length never ends (RFC 2131 §3.3), in milliseconds.
const FOREVER: u64 = u32::MAX as u64 * 1000;

/// The record of `last`, the latest wrong moment, moves to just before `now`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Correction {
    pub(super) last: Time,
    pub(super) now: Time,
}

impl Correction {
    /// Moves a future moment: it keeps its distance to the last one.
    fn moment(self, at: u64) -> u64 {
        if at <= self.now.0 { at } else { self.now.0 - self.last.0.saturating_sub(at).min(self.now.0) }
    }

    /// Corrects the moments in a phone's record; `None` if none is in the future. A number above the present time is
    /// always a moment. No moment moves before a right one.
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
            // The lease was extended when time jumped ahead.
            self.now.0.saturating_add(lease.expires - self.last.0)
        } else {
            lease.expires
        };
        LeaseRecord { since, expires, ..lease.clone() }
    }

    /// Corrects everything, or nothing.
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
