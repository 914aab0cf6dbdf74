//! The phone's DHCP client, written from the client side of RFC 2131 alone.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::time::timeout;
use transload_pace::Pace;

use super::awake::Awake;
use super::{FaultInjector, Wiring};
use crate::shared::Mac;

/// Wait for an answer, in real time; the phone's clock stands still meanwhile.
const PATIENCE: Duration = Duration::from_secs(10);
const LEAST: Duration = Duration::from_millis(500);
const COOKIE: [u8; 4] = [99, 130, 83, 99];
const DISCOVER: u8 = 1;
const OFFER: u8 = 2;
const REQUEST: u8 = 3;
const ACK: u8 = 5;
const NAK: u8 = 6;

/// The phone's own values in every message.
#[derive(Debug, Clone)]
pub struct Hello {
    /// Hardware address.
    pub mac: Mac,
    /// Option 61, if any.
    pub client_id: Option<Vec<u8>>,
    /// Option 12, if any.
    pub host_name: Option<String>,
    /// Option 60, if any.
    pub vendor_class: Option<Vec<u8>>,
    /// Option 55.
    pub request_list: Vec<u8>,
    /// The phone asks for answers by broadcast.
    pub broadcast: bool,
}

/// A lease as the phone got it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Its address.
    pub address: Ipv4Addr,
    /// The server.
    pub server: Ipv4Addr,
    /// Its length, on the phone's clock.
    pub time: Duration,
    /// All options of the answer.
    pub options: BTreeMap<u8, Vec<u8>>,
}

/// A client with its own socket.
#[derive(Debug)]
pub struct DhcpClient {
    socket: UdpSocket,
    server: SocketAddr,
    pace: Pace,
    hello: Hello,
    faults: FaultInjector,
    /// The phone's activity until it has a lease.
    awake: Awake,
}

struct DhcpReply {
    kind: u8,
    lease: Lease,
}

impl DhcpClient {
    /// Binds to the phone's loopback address, where answers arrive.
    pub async fn bind(
        from: Ipv4Addr,
        wiring: &Wiring,
        hello: Hello,
        faults: FaultInjector,
        awake: Awake,
    ) -> io::Result<Self> {
        let socket = UdpSocket::bind((from, 0)).await?;
        Ok(Self { socket, server: wiring.dhcp, pace: wiring.pace.clone(), hello, faults, awake })
    }

    /// Sends a DISCOVER and accepts another server's offer.
    pub async fn ask_only(&self) -> io::Result<()> {
        self.exchange(&self.awake, DISCOVER, &[], Ipv4Addr::UNSPECIFIED, 0).await.map(drop)
    }

    /// Gets a lease, however long it takes. The remembered address is tried first (RFC 2131 §3.2).
    pub async fn acquire(&self, remembered: Option<Ipv4Addr>) -> io::Result<Lease> {
        if let Some(address) = remembered {
            for attempt in 0..2 {
                let options = [(50, address.octets().to_vec())];
                match self.exchange(&self.awake, REQUEST, &options, Ipv4Addr::UNSPECIFIED, attempt).await? {
                    Some(reply) if reply.kind == ACK => return Ok(reply.lease),
                    Some(reply) if reply.kind == NAK => break,
                    _ => {}
                }
            }
        }
        for attempt in 0.. {
            let offer = self.exchange(&self.awake, DISCOVER, &[], Ipv4Addr::UNSPECIFIED, attempt).await?;
            let Some(offer) = offer else { continue };
            if offer.kind != OFFER {
                continue;
            }
            let options =
                [(54, offer.lease.server.octets().to_vec()), (50, offer.lease.address.octets().to_vec())];
            for attempt in 0..3 {
                match self.exchange(&self.awake, REQUEST, &options, Ipv4Addr::UNSPECIFIED, attempt).await? {
                    Some(reply) if reply.kind == ACK => return Ok(reply.lease),
                    Some(reply) if reply.kind == NAK => break,
                    _ => {}
                }
            }
        }
        Err(io::Error::other("no DHCP server"))
    }

    /// Renews the lease at half its time, repeatedly; returns when it is lost.
    pub async fn keep(&self, lease: &Lease) {
        let awake = Awake::new(&self.pace, "a phone that renews its lease");
        let mut time = lease.time;
        loop {
            awake.pause(time / 2).await;
            let deadline = self.pace.elapsed() + time / 2;
            let mut attempt = 0;
            time = loop {
                match self.exchange(&awake, REQUEST, &[], lease.address, attempt).await {
                    Ok(Some(reply)) if reply.kind == ACK && reply.lease.address == lease.address => {
                        break reply.lease.time;
                    }
                    Ok(Some(reply)) if reply.kind == NAK => return,
                    _ if self.pace.elapsed() > deadline => return,
                    _ => attempt += 1,
                }
            };
        }
    }

    /// Sends one message and waits for its answer; `None` if none comes within this attempt. Waits double from 4 s to
    /// 64 s (RFC 2131 §4.1). The clock waits for an answer under way, but not for a message without one.
    async fn exchange(
        &self,
        awake: &Awake,
        kind: u8,
        options: &[(u8, Vec<u8>)],
        address: Ipv4Addr,
        attempt: u32,
    ) -> io::Result<Option<DhcpReply>> {
        let xid = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), attempt) as u32;
        let message = self.message(kind, xid, address, options);
        let deadline = self.pace.elapsed() + Duration::from_secs(4 << attempt.min(4));
        if self.faults.is_cut() || self.faults.loses() {
            awake.pause_until(deadline).await;
            return Ok(None);
        }
        let patience = if self.pace.waits() { PATIENCE } else { LEAST };
        awake.work();
        self.faults.carry().await;
        let before = self.pace.unanswered(self.hello.mac);
        self.socket.send_to(&message, self.server).await?;
        let refused = tokio::select! {
            biased;
            reply = timeout(patience, self.reply(xid)) => match reply {
                Ok(Some(reply)) => return Ok(Some(reply)),
                Ok(None) => true,
                Err(_) => false,
            },
            () = self.pace.until_unanswered(self.hello.mac, before) => false,
            () = self.faults.until_cut() => false,
        };
        if !refused {
            let sleep = self.pace.sleep_until(deadline);
            awake.rest();
            tokio::select! {
                biased;
                reply = self.reply(xid) => {
                    awake.work();
                    if reply.is_some() {
                        return Ok(reply);
                    }
                }
                _hold = sleep => {
                    awake.work();
                    return Ok(None);
                }
            }
        }
        awake.pause_until(deadline).await;
        Ok(None)
    }

    /// The answer; `None` if nobody listens.
    async fn reply(&self, xid: u32) -> Option<DhcpReply> {
        let mut buffer = vec![0; 2048];
        loop {
            let (length, _) = self.socket.recv_from(&mut buffer).await.ok()?;
            if let Some(reply) = self.read(&buffer[..length], xid) {
                return Some(reply);
            }
        }
    }

    /// Options in the order seen from phones: `53,61,12,60,55`, with 54 after 53 and 50 before 55
    /// (cisco-phones.md §1.2).
    fn message(&self, kind: u8, xid: u32, address: Ipv4Addr, extra: &[(u8, Vec<u8>)]) -> Vec<u8> {
        let hello = &self.hello;
        let mut message = vec![1, 1, 6, 0];
        message.extend_from_slice(&xid.to_be_bytes());
        message.extend_from_slice(&[0, 0, if hello.broadcast { 0x80 } else { 0 }, 0]);
        message.extend_from_slice(&address.octets());
        message.extend_from_slice(&[0; 12]);
        message.extend_from_slice(&hello.mac.0);
        message.extend_from_slice(&[0; 10 + 64 + 128]);
        message.extend_from_slice(&COOKIE);
        let mut option = |code: u8, value: &[u8]| {
            message.extend_from_slice(&[code, value.len() as u8]);
            message.extend_from_slice(value);
        };
        let extra =
            |code: u8| extra.iter().find(|(other, _)| *other == code).map(|(_, value)| value.as_slice());
        let said = [
            (53, Some(&[kind][..])),
            (54, extra(54)),
            (61, hello.client_id.as_deref()),
            (12, hello.host_name.as_deref().map(str::as_bytes)),
            (60, hello.vendor_class.as_deref()),
            (50, extra(50)),
            (55, Some(&hello.request_list[..])),
        ];
        for (code, value) in said {
            if let Some(value) = value {
                option(code, value);
            }
        }
        message.push(255);
        message.resize(message.len().max(300), 0);
        message
    }

    /// Reads an answer for this phone and exchange.
    fn read(&self, message: &[u8], xid: u32) -> Option<DhcpReply> {
        let fixed = message.get(..240)?;
        if fixed[0] != 2
            || fixed[4..8] != xid.to_be_bytes()
            || fixed[28..34] != self.hello.mac.0
            || fixed[236..] != COOKIE
        {
            return None;
        }
        let mut options = BTreeMap::<u8, Vec<u8>>::new();
        let mut rest = &message[240..];
        while let Some((&code, after)) = rest.split_first() {
            match code {
                0 => rest = after,
                255 => break,
                _ => {
                    let (&length, after) = after.split_first()?;
                    let value = after.get(..usize::from(length))?;
                    options.entry(code).or_default().extend_from_slice(value);
                    rest = &after[usize::from(length)..];
                }
            }
        }
        let four = |code: u8| options.get(&code).and_then(|value| <[u8; 4]>::try_from(value.as_slice()).ok());
        let kind = *options.get(&53)?.first()?;
        let lease = Lease {
            address: Ipv4Addr::new(fixed[16], fixed[17], fixed[18], fixed[19]),
            server: Ipv4Addr::from(four(54)?),
            time: Duration::from_secs(four(51).map_or(0, u32::from_be_bytes).into()),
            options,
        };
        let usable = kind == NAK || (!lease.address.is_unspecified() && !lease.time.is_zero());
        usable.then_some(DhcpReply { kind, lease })
    }
}
