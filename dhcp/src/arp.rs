//! Asks a segment by ARP whether a machine uses an address: the probe of RFC 5227 §2.1.1.

use std::collections::HashMap;
use std::io;
use std::net::Ipv4Addr;
use std::os::fd::AsRawFd;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nix::ifaddrs::getifaddrs;
use nix::libc::{ENODEV, ETH_P_ARP};
use nix::sys::socket::{MsgFlags, recv};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use crate::MacOctets;
use crate::sockets::PacketSocket;

/// Octets of an ARP packet about IPv4 on Ethernet.
const LENGTH: usize = 28;
/// Ethernet, IPv4, and the lengths of their addresses (RFC 826).
const HEAD: [u8; 6] = [0, 1, 8, 0, 6, 4];
/// How long each of two questions waits for an answer. On one segment they take about a millisecond; the second
/// question is for a lost first one.
const PATIENCE: Duration = Duration::from_millis(150);
/// Most answers that are read for one question.
const MOST_ANSWERS: usize = 16;

/// A socket that sends and receives ARP on one interface.
#[derive(Debug)]
pub(crate) struct Arp {
    wire: AsyncFd<PacketSocket>,
    own: MacOctets,
    asked: Mutex<HashMap<Ipv4Addr, mpsc::Sender<MacOctets>>>,
}

impl Arp {
    pub(crate) fn open(interface: &str) -> io::Result<Self> {
        let wire = PacketSocket::open(interface)?;
        wire.listen(ETH_P_ARP as u16)?;
        Ok(Self { wire: wire.register()?, own: ethernet_address(interface)?, asked: Mutex::default() })
    }

    /// Returns the machine that answers for the address within 0.3 s: the `holder` if it answers, else the first. A second
    /// call for the same address takes the answers away from the first call.
    pub(crate) async fn who_has(
        &self,
        address: Ipv4Addr,
        holder: Option<MacOctets>,
    ) -> io::Result<Option<MacOctets>> {
        let (answer, mut answers) = mpsc::channel(MOST_ANSWERS);
        self.asked().insert(address, answer);
        let found = self.ask(address, holder, &mut answers).await;
        self.asked().remove(&address);
        found
    }

    async fn ask(
        &self,
        address: Ipv4Addr,
        holder: Option<MacOctets>,
        answers: &mut mpsc::Receiver<MacOctets>,
    ) -> io::Result<Option<MacOctets>> {
        let mut first = None;
        for _ in 0..2 {
            let question = question(self.own, address);
            self.wire.get_ref().send([0xff; 6], ETH_P_ARP as u16, &question)?;
            let end = Instant::now() + PATIENCE;
            while let Ok(Some(user)) = timeout_at(end, answers.recv()).await {
                if holder.is_none_or(|holder| holder == user) {
                    return Ok(Some(user));
                }
                first = first.or(Some(user));
            }
        }
        Ok(first)
    }

    /// Receives answers for [`Arp::who_has`], until receiving fails.
    pub(crate) async fn listen(&self) -> io::Error {
        let mut buffer = [0; LENGTH];
        loop {
            let received = self.wire.async_io(Interest::READABLE, |wire| {
                Ok(recv(wire.as_raw_fd(), &mut buffer, MsgFlags::empty())?)
            });
            match received.await {
                Ok(length) => {
                    if let Some((address, mac)) = buffer.get(..length).and_then(sender)
                        && let Some(asked) = self.asked().get(&address)
                    {
                        // A full channel has answers enough.
                        _ = asked.try_send(mac);
                    }
                }
                Err(cause) => return cause,
            }
        }
    }

    fn asked(&self) -> MutexGuard<'_, HashMap<Ipv4Addr, mpsc::Sender<MacOctets>>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn ethernet_address(interface: &str) -> io::Result<MacOctets> {
    getifaddrs()?
        .filter(|entry| entry.interface_name == interface)
        .find_map(|entry| entry.address?.as_link_addr()?.addr())
        .ok_or_else(|| io::Error::from_raw_os_error(ENODEV))
}

/// The probe for an address. Its sender address is 0.0.0.0, so that it changes no ARP cache.
fn question(own: MacOctets, address: Ipv4Addr) -> Vec<u8> {
    let request: [u8; 2] = [0, 1];
    [&HEAD[..], &request, &own, &[0; 4], &[0; 6], &address.octets()].concat()
}

/// The sender of an ARP packet and its address. Any ARP packet counts, not only an answer (RFC 5227 §2.1.1).
fn sender(packet: &[u8]) -> Option<(Ipv4Addr, MacOctets)> {
    let (packet, _) = packet.split_first_chunk::<LENGTH>()?;
    if packet[..6] != HEAD {
        return None;
    }
    let mac = [packet[8], packet[9], packet[10], packet[11], packet[12], packet[13]];
    Some((Ipv4Addr::new(packet[14], packet[15], packet[16], packet[17]), mac))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: MacOctets = [2, 0, 0, 0, 0, 1];

    #[test]
    fn a_question_says_who_asks_but_claims_no_address() {
        let packet = question(OWN, Ipv4Addr::new(10, 0, 0, 7));
        assert_eq!(packet.len(), LENGTH);
        assert_eq!(sender(&packet), Some((Ipv4Addr::UNSPECIFIED, OWN)));
        assert_eq!(packet[24..], [10, 0, 0, 7]);
    }

    #[test]
    fn cut_or_foreign_packets_are_not_read() {
        let packet = question(OWN, Ipv4Addr::new(10, 0, 0, 7));
        for length in 0..LENGTH {
            assert_eq!(sender(&packet[..length]), None, "{length}");
        }
        for at in 0..HEAD.len() {
            let mut other = packet.clone();
            other[at] ^= 1;
            assert_eq!(sender(&other), None, "{at}");
        }
    }
}
