//! The phone's TFTP client (RFC 1350, RFC 2348).

use std::io;
use std::net::{SocketAddr, SocketAddrV4};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::time::timeout;

use super::journal::FetchOutcome;
use super::sink::Sink;

/// In real time: loopback loses nothing, but a machine may be busy. The phone's clock stands still.
const TIMEOUT: Duration = Duration::from_secs(1);
const TRIES: u32 = 30;

/// A read request in octet mode, with retransmission, for a file of any number of blocks.
pub(super) async fn fetch(
    socket: UdpSocket,
    server: SocketAddrV4,
    name: &str,
    block_size: Option<u16>,
    sink: Sink<'_>,
) -> io::Result<FetchOutcome> {
    let mut last = [b"\0\x01", name.as_bytes(), b"\0octet\0"].concat();
    if let Some(size) = block_size {
        last.extend_from_slice(format!("blksize\0{size}\0tsize\00\0").as_bytes());
    }
    let mut to = SocketAddr::from(server);
    let (mut known, mut size, mut expected, mut got, mut tries) = (false, 512, 1_u16, 0, 0);
    let mut buffer = vec![0; 65_536];
    socket.send_to(&last, to).await?;
    loop {
        let Ok(received) = timeout(TIMEOUT, socket.recv_from(&mut buffer)).await else {
            tries += 1;
            if tries == TRIES {
                return Ok(if known {
                    FetchOutcome::Broken("the server fell silent".to_owned())
                } else {
                    FetchOutcome::Unreachable
                });
            }
            socket.send_to(&last, to).await?;
            continue;
        };
        let (length, peer) = received?;
        if peer.ip() != to.ip() || (known && peer != to) || length < 4 {
            continue;
        }
        let (head, data) = buffer[..length].split_at(4);
        let block = u16::from_be_bytes([head[2], head[3]]);
        match u16::from_be_bytes([head[0], head[1]]) {
            3 if block == expected => {
                sink(data);
                got += data.len() as u64;
                last = [&[0, 4], &block.to_be_bytes()[..]].concat();
                (to, known, tries) = (peer, true, 0);
                expected = expected.wrapping_add(1);
                socket.send_to(&last, to).await?;
                if data.len() < size {
                    return Ok(FetchOutcome::Got(got));
                }
            }
            3 if known && block == expected.wrapping_sub(1) => drop(socket.send_to(&last, to).await?),
            5 if block == 1 => return Ok(FetchOutcome::NotFound),
            5 => return Ok(FetchOutcome::Broken(format!("TFTP error {block}"))),
            6 if got == 0 && block_size.is_some() => {
                let options = String::from_utf8_lossy(&buffer[2..length]).into_owned();
                let mut words = options.split('\0');
                while let (Some(name), Some(value)) = (words.next(), words.next()) {
                    if name.eq_ignore_ascii_case("blksize") {
                        size = value.parse().map_err(|_| io::Error::other("blksize without a number"))?;
                    }
                }
                last = vec![0, 4, 0, 0];
                (to, known) = (peer, true);
                socket.send_to(&last, to).await?;
            }
            _ => {}
        }
    }
}
