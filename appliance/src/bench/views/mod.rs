//! What the bench shows of phones: to the page, the API, commands and the customer. Nothing here changes a phone.

pub mod alike;
pub mod explain;
pub mod health;
pub(super) mod home;
pub(super) mod offline;
pub mod phone;
pub mod report;
pub(super) mod show;
pub(super) mod survey;
pub(super) mod timeline;
