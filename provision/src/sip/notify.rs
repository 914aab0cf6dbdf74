//! Orders a restart: a NOTIFY within the phone's registration (cisco-phones §13).

use std::net::SocketAddrV4;

use super::message::Message;
use super::registrar::Transport;
use super::request::request;
use crate::journey::Restart;

/// The request. `register` is the Call-ID of the phone's own REGISTER, which the phone compares.
pub(super) fn notify(
    how: Restart,
    contact: &str,
    register: &str,
    own: SocketAddrV4,
    transport: Transport,
    unique: &str,
) -> Message {
    const NONE: &str = "{0000000000000000}";
    let body = format!(
        "action={}\r\nRegisterCallId={{{register}}}\r\nConfigVersionStamp={NONE}\r\n\
         DialplanVersionStamp={NONE}\r\nSoftkeyVersionStamp={NONE}\r\nFeatureControlVersionStamp={NONE}\r\n",
        how.as_str()
    );
    let more =
        [("Event", "service-control"), ("Subscription-State", "active"), ("Content-Type", "text/plain")];
    request("NOTIFY", contact, own, transport, (unique, unique), &more, body.into_bytes())
}
