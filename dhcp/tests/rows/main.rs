//! The requirements of the RFCs, row by row; each test is named by its row.

mod lab;

mod binding;
mod choice;
mod codec;
mod delivery;
mod messages;
mod reply_options;
mod saving;
