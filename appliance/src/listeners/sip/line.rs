//! One connection to the registrar: splits its bytes into messages and closes it when it is idle.

use std::net::SocketAddrV4;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use transload_provision::sip::{Action, Flow, StreamItem, Transport, frame};

use super::{Exchange, PATIENCE, Switchboard, WAITING, of_one};
use crate::listeners::places::{GivesWay, Seat};

/// Time for a phone to accept a message.
const WRITE: Duration = Duration::from_secs(10);

/// Serves a connection until it ends.
pub(super) async fn line<E: Exchange>(
    board: &Switchboard<E>,
    mut stream: TcpStream,
    peer: SocketAddrV4,
    patience: Duration,
    seat: Seat,
    gives_way: GivesWay,
) {
    let (sender, mut outgoing) = mpsc::channel(WAITING);
    board.state().lines.insert(peer, sender);
    let ended = tokio::select! {
        ended = talk(board, &mut stream, peer, patience, &seat, &mut outgoing) => ended,
        _ = gives_way => Err("it gave way to another"),
    };
    if let Err(why) = ended {
        tracing::debug!(%peer, why, "a SIP connection was closed");
    }
    let flow = Flow { transport: Transport::Tcp, peer };
    let actions = {
        let mut state = board.state();
        state.lines.remove(&peer);
        state.registrar.closed(flow)
    };
    board.act(actions);
}

async fn talk<E: Exchange>(
    board: &Switchboard<E>,
    stream: &mut TcpStream,
    peer: SocketAddrV4,
    unregistered: Duration,
    seat: &Seat,
    outgoing: &mut mpsc::Receiver<Vec<u8>>,
) -> Result<(), &'static str> {
    let flow = Flow { transport: Transport::Tcp, peer };
    let (mut reader, mut writer) = stream.split();
    let mut bytes: Vec<u8> = Vec::new();
    let mut chunk = [0; 2048];
    let mut patience = unregistered;
    // A connection has its own allowance: datagrams forged in the phone's name do not use it up.
    let mut allowance = of_one();
    let mut since = board.pace.undisturbed();
    loop {
        loop {
            match frame(&bytes).map_err(|_| "what came is no SIP")? {
                StreamItem::Partial => break,
                StreamItem::Blank { bytes: blank, ping } => {
                    bytes.drain(..blank);
                    if ping {
                        board.act(vec![Action::Send(flow, b"\r\n".to_vec())]);
                    }
                    if bytes.is_empty() {
                        break;
                    }
                }
                StreamItem::Whole(length) => {
                    while let Err(wait) = allowance.take(Instant::now()) {
                        tokio::time::sleep(wait).await;
                    }
                    let message: Vec<u8> = bytes.drain(..length).collect();
                    if let Some(registered) =
                        board.take(&message, flow).map_err(|()| "what came is no SIP")?
                    {
                        if registered {
                            patience = PATIENCE.1;
                            seat.works_alone();
                        } else {
                            patience = unregistered;
                            seat.waits();
                        }
                    }
                    since = board.pace.undisturbed();
                }
            }
        }
        tokio::select! {
            biased;
            Some(message) = outgoing.recv() => {
                let written = tokio::time::timeout(WRITE, writer.write_all(&message)).await;
                written.map_err(|_| "it takes nothing")?.map_err(|_| "it is broken")?;
            }
            read = reader.read(&mut chunk) => match read {
                Ok(0) => return Ok(()),
                Ok(length) => bytes.extend_from_slice(&chunk[..length]),
                Err(_) => return Err("it is broken"),
            },
            _ = board.pace.sleep_until(board.pace.stretch(since + patience)) => return Err("nothing came for too long"),
        }
    }
}
