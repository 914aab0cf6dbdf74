//! Cuts a file into the blocks of one transfer. Every block since the last acknowledged one can be made again, byte
//! for byte, from the file: no packet is kept.

use std::{collections::VecDeque, io};

use crate::{
    packet,
    request::TransferMode,
    source::{FileContent, SendPermit, TransferEnd},
};

/// Bytes read from the file at once, rounded to whole blocks. One such buffer per transfer, never longer than the
/// file, is what a transfer costs in memory. Hundreds of larger ones would crowd each other out of the processor's
/// cache.
const READ_AHEAD: usize = 8 * 1024;

/// The blocks of one transfer.
pub struct Blocks {
    content: Box<dyn FileContent>,
    size: u64,
    block_size: usize,
    netascii: Option<BlockMarks>,
    buffer: Vec<u8>,
    buffer_at: u64,
}

/// Where the blocks of a netascii transfer begin, from the first unacknowledged one to the one after the last made.
struct BlockMarks {
    first: u64,
    marks: VecDeque<BlockMark>,
}

/// The beginning of a netascii block.
#[derive(Clone, Copy)]
struct BlockMark {
    /// Offset in the file.
    offset: u64,
    /// The byte there becomes two, and the first of them ended the block before.
    halved: bool,
}

impl Blocks {
    /// The blocks of `content`, in this mode and size.
    pub fn new(content: Box<dyn FileContent>, mode: TransferMode, block_size: u16) -> Blocks {
        let netascii = (mode == TransferMode::Netascii).then(|| BlockMarks {
            first: 1,
            marks: VecDeque::from([BlockMark { offset: 0, halved: false }]),
        });
        let size = content.size();
        let block_size = usize::from(block_size);
        Blocks { content, size, block_size, netascii, buffer: Vec::new(), buffer_at: 0 }
    }

    /// The length of every packet but the last.
    pub fn packet_size(&self) -> usize {
        self.block_size + packet::DATA_HEADER
    }

    /// Sees to it that `block` can be made without reading from a disk; `false` if the file must be
    /// [`load`](Blocks::load)ed for that.
    pub fn ready(&mut self, block: u64) -> io::Result<bool> {
        let mark = self.mark(block)?;
        if self.bytes(mark).is_some() {
            return Ok(true);
        }
        match self.read(mark.offset, FileContent::read_ready) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Reads the file from `block` on. May block on a disk.
    pub fn load(&mut self, block: u64) -> io::Result<()> {
        let start = self.mark(block)?.offset;
        self.read(start, FileContent::read_at)
    }

    /// Fills the buffer from `start` on.
    fn read(
        &mut self,
        start: u64,
        read: impl Fn(&dyn FileContent, u64, &mut [u8]) -> io::Result<usize>,
    ) -> io::Result<()> {
        let whole_blocks = (READ_AHEAD / self.block_size).max(1) * self.block_size;
        let length = whole_blocks.min(self.size.saturating_sub(start).try_into().unwrap_or(usize::MAX));
        self.buffer_at = start;
        self.buffer.resize(length, 0);
        let mut filled = 0;
        while let Some(rest) = self.buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            let failure = match read(&*self.content, start + filled as u64, rest) {
                // Ending here would look to the client like the whole file.
                Ok(0) => io::Error::new(io::ErrorKind::UnexpectedEof, "it became shorter while it was sent"),
                Ok(read) => {
                    filled += read;
                    continue;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => error,
            };
            self.buffer.clear();
            return Err(failure);
        }
        Ok(())
    }

    /// The wait before more may be sent.
    pub fn turn(&self) -> Option<SendPermit> {
        self.content.turn()
    }

    /// Appends the DATA packet of `block`, numbered `number`, and says whether it is the file's last: the first that is
    /// shorter than the others, empty if need be (RFC 1350 §6). `block` is at most one beyond those made before.
    pub fn write(&mut self, block: u64, number: u16, packet: &mut Vec<u8>) -> io::Result<bool> {
        let mark = self.mark(block)?;
        if self.bytes(mark).is_none() {
            self.load(block)?;
        }
        packet::start_data(packet, number);
        let header = packet.len();
        let bytes = self.bytes(mark).unwrap_or_default();
        if self.netascii.is_none() {
            packet.extend_from_slice(bytes);
        } else {
            let next = translate(bytes, mark, self.block_size, packet);
            if let Some(BlockMarks { first, marks }) = &mut self.netascii
                && *first + marks.len() as u64 == block + 1
            {
                marks.push_back(next);
            }
        }
        Ok(packet.len() - header < self.block_size)
    }

    /// Tells the source that the client has answered.
    pub fn answered(&self) {
        self.content.answered();
    }

    /// Forgets what lies before `block` and with it; returns how many bytes of the file that is, and tells the
    /// source.
    pub fn acknowledge(&mut self, block: u64) -> u64 {
        if let Some(BlockMarks { first, marks }) = &mut self.netascii {
            while *first <= block && marks.len() > 1 {
                marks.pop_front();
                *first += 1;
            }
        }
        let bytes = self.mark(block + 1).map_or(self.size, |mark| mark.offset.min(self.size));
        self.content.acknowledged(bytes);
        bytes
    }

    /// Tells the source how the transfer ended.
    pub fn ended(self, ending: TransferEnd) {
        self.content.ended(ending);
    }

    fn mark(&self, block: u64) -> io::Result<BlockMark> {
        let mark = match &self.netascii {
            None => block.checked_sub(1).map(|before| BlockMark {
                offset: before.saturating_mul(self.block_size as u64),
                halved: false,
            }),
            Some(BlockMarks { first, marks }) => {
                block.checked_sub(*first).and_then(|index| marks.get(usize::try_from(index).ok()?).copied())
            }
        };
        mark.ok_or_else(|| io::Error::other("a block out of turn"))
    }

    /// The file's bytes from `mark` on, as many as a block can take; `None` if they are not in the buffer.
    fn bytes(&self, mark: BlockMark) -> Option<&[u8]> {
        let needed = self.size.saturating_sub(mark.offset).min(self.block_size as u64) as usize;
        if needed == 0 {
            return Some(&[]);
        }
        let start = usize::try_from(mark.offset.checked_sub(self.buffer_at)?).ok()?;
        self.buffer.get(start..start.checked_add(needed)?)
    }
}

/// Appends `bytes` in netascii until `room` bytes are added: LF becomes CR LF, CR becomes CR NUL (RFC 764, as RFC 1350
/// §1 refers to it). Returns where the next block begins.
fn translate(bytes: &[u8], mut mark: BlockMark, room: usize, packet: &mut Vec<u8>) -> BlockMark {
    let full = packet.len() + room;
    for byte in bytes {
        if packet.len() == full {
            break;
        }
        let second = match byte {
            b'\n' => b'\n',
            b'\r' => 0,
            _ => {
                packet.push(*byte);
                mark.offset += 1;
                continue;
            }
        };
        if !mark.halved {
            packet.push(b'\r');
            mark.halved = true;
        }
        if packet.len() < full {
            packet.push(second);
            mark = BlockMark { offset: mark.offset + 1, halved: false };
        }
    }
    mark
}
