//! Everything that a virtual phone shares with the decisions: names of loads and phones, and the draw of open
//! questions. Nothing else in this crate may name `transload_provision`.

pub use transload_provision::load::{Direction, Kind, LoadName, Side, Version};
pub use transload_provision::mac::Mac;
pub use transload_provision::unknown::Draw;
