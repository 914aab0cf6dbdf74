//! Receives and sends packets in batches. A system call costs about as much as a small packet, so the packets of clients
//! that share a port share calls.

use std::{
    io::{self, IoSlice, IoSliceMut},
    net::{SocketAddrV4, UdpSocket},
    os::fd::AsRawFd,
    sync::Arc,
};

use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrIn, recvmmsg};
use rustix::net::{MMsgHdr, SendAncillaryBuffer, SendFlags, SocketAddrAny, sendmmsg};

use crate::ports::TransferSocket;

/// Packets in one call. Far more would not be faster, and crowd the processor's cache.
const AT_ONCE: usize = 16;
/// Bytes that wait to leave before they do.
const FULL: usize = 48 * 1024;
/// Transfers' packets are ACKs of 4 bytes and ERRORs with a short text; a longer one is cut off.
const REPLY_LIMIT: usize = 512;

/// Packets that clients have sent to one port.
pub struct ReplyBatch {
    headers: MultiHeaders<SockaddrIn>,
    buffers: Box<[[u8; REPLY_LIMIT]; AT_ONCE]>,
    /// Senders and lengths.
    senders: Vec<(SocketAddrV4, usize)>,
}

impl ReplyBatch {
    /// None yet.
    pub fn new() -> ReplyBatch {
        ReplyBatch {
            headers: MultiHeaders::preallocate(AT_ONCE, None),
            buffers: Box::new([[0; REPLY_LIMIT]; AT_ONCE]),
            senders: Vec::with_capacity(AT_ONCE),
        }
    }

    /// Takes packets that have arrived, `most` at most, in place of those taken before. Fails with `WouldBlock` if
    /// there are none, and with errors of which more is told elsewhere.
    pub fn receive(&mut self, socket: &UdpSocket, most: usize) -> io::Result<()> {
        self.senders.clear();
        let mut slices = self.buffers.each_mut().map(|buffer| [IoSliceMut::new(buffer)]);
        let slices = slices.iter_mut().take(most);
        let received = recvmmsg(socket.as_raw_fd(), &mut self.headers, slices, MsgFlags::MSG_DONTWAIT, None)?;
        self.senders.extend(received.filter_map(|packet| {
            packet.address.map(|from| (SocketAddrV4::new(from.ip(), from.port()), packet.bytes))
        }));
        Ok(())
    }

    /// The packets, and who sent them.
    pub fn iter(&self) -> impl Iterator<Item = (SocketAddrV4, &[u8])> {
        let packets = self.senders.iter().zip(self.buffers.iter());
        packets.map(|((sender, length), buffer)| (*sender, buffer.get(..*length).unwrap_or_default()))
    }
}

/// Packets that wait to leave together by one port.
#[derive(Default)]
pub struct Outbox {
    socket: Option<Arc<UdpSocket>>,
    bytes: Vec<u8>,
    /// The receiver of each, and its end in `bytes`.
    packets: Vec<(SocketAddrV4, usize)>,
}

impl Outbox {
    /// Makes ready for packets that leave by this line.
    pub fn open(&mut self, line: &TransferSocket) {
        if self.socket.as_ref().is_some_and(|socket| !Arc::ptr_eq(socket, line.socket())) {
            self.send();
        }
        self.bytes.truncate(self.sealed());
    }

    /// Where packets are appended.
    pub fn room(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// How much was appended, and neither sealed nor sent.
    pub fn appended(&self) -> usize {
        self.bytes.len() - self.sealed()
    }

    /// Lets what was appended leave soon, as packets of `size` bytes all but the last.
    pub fn seal(&mut self, line: &TransferSocket, size: usize) {
        let mut end = self.sealed();
        while end < self.bytes.len() {
            end = (end + size).min(self.bytes.len());
            self.packets.push((line.peer(), end));
        }
        self.socket.get_or_insert_with(|| Arc::clone(line.socket()));
        if self.packets.len() >= AT_ONCE || self.bytes.len() >= FULL {
            self.send();
        }
    }

    /// Sends what was appended at once, cut by the kernel into packets of `size` bytes; fails where that cannot be
    /// done at all.
    pub fn send_cut(&mut self, line: &TransferSocket, size: u16) -> io::Result<()> {
        // Packets to one client must keep their order.
        self.send_sealed();
        self.bytes.drain(..self.sealed());
        self.packets.clear();
        match line.send_cut(&self.bytes, size) {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            _ => {
                self.bytes.clear();
                Ok(())
            }
        }
    }

    /// Sends all that is sealed.
    pub fn send(&mut self) {
        self.send_sealed();
        self.packets.clear();
        self.bytes.clear();
        self.socket = None;
    }

    /// Where what is sealed ends.
    fn sealed(&self) -> usize {
        self.packets.last().map_or(0, |(_, end)| *end)
    }

    /// A packet that cannot leave is as good as lost on its way, and is sent again in time: links flap.
    fn send_sealed(&self) {
        let Some(socket) = &self.socket else { return };
        let (mut left, mut begin) = (self.packets.as_slice(), 0);
        let mut failed = false;
        while !left.is_empty() {
            match self.send_some(socket, left, begin) {
                Ok(sent) => {
                    let sent = sent.clamp(1, left.len());
                    begin = left[sent - 1].1;
                    left = &left[sent..];
                    failed = false;
                }
                // An error may be what a client's host answered on this port before; it is told only once.
                Err(_) if !failed => failed = true,
                Err(_) => {
                    begin = left[0].1;
                    left = &left[1..];
                    failed = false;
                }
            }
        }
    }

    /// Sends the first of these packets, of which the first begins at `begin`; returns how many.
    fn send_some(
        &self,
        socket: &UdpSocket,
        packets: &[(SocketAddrV4, usize)],
        mut begin: usize,
    ) -> io::Result<usize> {
        let packets = &packets[..packets.len().min(AT_ONCE)];
        let mut cut = |end: usize| {
            let packet = self.bytes.get(begin..end).unwrap_or_default();
            begin = end;
            packet
        };
        if let [(peer, end)] = packets {
            return socket.send_to(cut(*end), peer).map(|_| 1);
        }
        let to: Vec<(SocketAddrAny, [IoSlice<'_>; 1])> =
            packets.iter().map(|(peer, end)| ((*peer).into(), [IoSlice::new(cut(*end))])).collect();
        let mut nothing_else: Vec<_> = packets.iter().map(|_| SendAncillaryBuffer::default()).collect();
        let mut messages: Vec<MMsgHdr<'_>> = to
            .iter()
            .zip(&mut nothing_else)
            .map(|((peer, packet), nothing_else)| MMsgHdr::new_with_addr(peer, packet, nothing_else))
            .collect();
        Ok(sendmmsg(socket, &mut messages, SendFlags::DONTWAIT)?)
    }
}
