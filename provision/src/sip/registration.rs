//! Checks a REGISTER, and finds the way of its answer.

use std::net::{Ipv4Addr, SocketAddrV4};

use super::message::Message;
use super::phone::PhoneDescription;
use super::registrar::{Flow, Sender, Transport};
use super::reply::answer_port;
use crate::mac::Mac;

/// The way of an answer: the same connection, or by UDP the port named in the request.
pub(super) fn way_back(request: &Message, flow: Flow) -> Flow {
    match flow.transport {
        Transport::Tcp => flow,
        Transport::Udp => {
            Flow { peer: SocketAddrV4::new(*flow.peer.ip(), answer_port(request, flow.peer)), ..flow }
        }
    }
}

/// The phone of a registration: its lease, device name and instance have to agree.
///
/// # Errors
/// The disagreement, as text.
pub(super) fn agreed(said: &PhoneDescription, caller: Sender) -> Result<Mac, String> {
    let Some(phone) = caller.phone else {
        return Err("no phone of the bench has this address".to_owned());
    };
    let device = said.device.ok_or("it has no device name of the form SEP and a MAC address")?;
    if device != phone {
        return Err(format!("it is {phone} by its address and {device} by its device name"));
    }
    if let Some(instance) = said.instance.filter(|instance| *instance != phone) {
        return Err(format!("it is {phone} by its address and {instance} by its instance"));
    }
    match &said.other {
        Some(other) => Err(format!("it is SEP{phone} by its Contact and {other} by its Reason")),
        None => Ok(phone),
    }
}

/// True if a Contact is at the sender's address, so that no message goes to a third party.
pub(super) fn reaches(uri: &str, peer: Ipv4Addr) -> bool {
    host(uri).is_some_and(|(host, _)| host.parse() == Ok(peer))
        && uri.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>\"".contains(&byte))
}

pub(super) fn port(uri: &str) -> u16 {
    host(uri).and_then(|(_, port)| port).unwrap_or(5060)
}

/// Host and port of `sip:user@host:port;parameters`.
fn host(uri: &str) -> Option<(&str, Option<u16>)> {
    let rest = uri.get(..4).filter(|scheme| scheme.eq_ignore_ascii_case("sip:")).and(uri.get(4..))?;
    let rest = rest.split([';', '?']).next()?;
    let place = rest.rsplit('@').next()?;
    match place.split_once(':') {
        Some((host, port)) => Some((host, Some(port.parse().ok().filter(|port| *port != 0)?))),
        None => Some((place, None)),
    }
}
