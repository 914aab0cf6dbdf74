//! Read-only views of the phones for the page, the API, the commands and the customer.

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
