//! Wraps the operating system: files, time, interfaces, privileges, programs, logs. It knows nothing of phones.

pub mod atomic;
pub mod clock;
pub mod error;
pub mod interface;
pub mod latencies;
pub mod limits;
pub mod logs;
pub mod neighbors;
pub mod plain_file;
pub mod privilege;
pub mod program;
pub mod space;
pub mod utc;
