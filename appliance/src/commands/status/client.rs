//! The client of the running bench's API.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::bench::views::phone::OtherClient;
use crate::config::AdminSection;
use crate::system::error::{Exit, Failure};
use crate::system::plain_file::{self, FileKind};

const PATIENCE: Duration = Duration::from_secs(10);
/// Larger than any response about all phones.
const LARGEST: u64 = 64 << 20;

/// Reads a resource of the running bench; `None` if no bench listens.
///
/// # Errors
/// The bench cannot be reached, or refuses the caller.
pub fn get<T: DeserializeOwned>(admin: &AdminSection, path: &str) -> Result<Option<T>, Failure> {
    let answer = ask(admin, "GET", path, "")?;
    answer.map(|(address, answer)| read(&answer, address)).transpose()
}

/// The bench's notices, one a line. Without an answer there are none, because the phones are shown anyway.
pub fn notices(admin: &AdminSection) -> Vec<String> {
    let Ok(Some((address, answer))) = ask(admin, "GET", "/healthz", "") else { return Vec::new() };
    let health: Value = parts(&answer, address)
        .map_or(Value::Null, |(_, body)| serde_json::from_slice(body).unwrap_or_default());
    let line = |notice: &Value| Some(format!("{}; {}", notice["cause"].as_str()?, notice["cure"].as_str()?));
    health["notices"].as_array().map(|notices| notices.iter().filter_map(line).collect()).unwrap_or_default()
}

/// Leased clients that are no phones. Without an answer there are none, because the phones are shown anyway.
pub fn others(admin: &AdminSection) -> Vec<OtherClient> {
    get(admin, "/api/clients").ok().flatten().unwrap_or_default()
}

/// Sends an action to the running bench. Returns its answer of success or refusal; `None` if no bench listens.
///
/// # Errors
/// The bench cannot be reached, or refuses the caller.
pub fn order<T: DeserializeOwned>(
    admin: &AdminSection,
    path: &str,
    body: &Value,
) -> Result<Option<Result<T, String>>, Failure> {
    let Some((address, answer)) = ask(admin, "POST", path, &body.to_string())? else { return Ok(None) };
    let (status, body) = parts(&answer, address)?;
    match status {
        200 => read(&answer, address).map(|said| Some(Ok(said))),
        401 | 403 => Err(refuses(address)),
        _ => {
            let said: Value = serde_json::from_slice(body).unwrap_or_default();
            Ok(Some(Err(said["detail"].as_str().unwrap_or("it does not say why").to_owned())))
        }
    }
}

/// Sends an HTTP/1.0 request, so that the response comes in one piece and ends the connection.
fn ask(
    admin: &AdminSection,
    method: &str,
    path: &str,
    body: &str,
) -> Result<Option<(SocketAddr, Vec<u8>)>, Failure> {
    let address = reachable(admin.listen);
    let mut stream = match TcpStream::connect_timeout(&address, PATIENCE) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => return Ok(None),
        other => other.map_err(|error| unreachable(address, &error))?,
    };
    let token = match &admin.token_file {
        Some(path) => {
            let text = plain_file::text(path, FileKind::Token).map_err(|error| {
                let cause = format!("cannot read the token in {}: {error}", path.display());
                let cure = "run the command as a user that may read it, or with sudo";
                Failure::new(Exit::Privilege, cause, plain_file::cure(&error, cure))
            })?;
            format!("Authorization: Bearer {}\r\n", text.trim())
        }
        None => String::new(),
    };
    let request = format!(
        "{method} {path} HTTP/1.0\r\nHost: {address}\r\nAccept: application/json\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n{token}\r\n{body}",
        body.len()
    );
    let mut answer = Vec::new();
    stream
        .set_read_timeout(Some(PATIENCE))
        .and_then(|()| stream.set_write_timeout(Some(PATIENCE)))
        .and_then(|()| stream.write_all(request.as_bytes()))
        .and_then(|()| stream.take(LARGEST).read_to_end(&mut answer))
        .map_err(|error| unreachable(address, &error))?;
    Ok(Some((address, answer)))
}

/// A bench on every address is reached through loopback.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let own = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(own, listen.port())
}

fn unreachable(address: SocketAddr, error: &std::io::Error) -> Failure {
    let cause = format!("{address} does not answer: {error}");
    Failure::new(
        Exit::Act,
        cause,
        "check that admin.listen is the running bench's, and that the bench is well",
    )
}

fn stranger(address: SocketAddr, what: &str) -> Failure {
    let cause = format!("{address} answers, but not as a bench does: {what}");
    Failure::new(Exit::Act, cause, "check that admin.listen is the running bench's")
}

fn refuses(address: SocketAddr) -> Failure {
    Failure::new(
        Exit::Privilege,
        format!("the bench at {address} refuses: the token is missing or another"),
        "set admin.token-file to the file that the running bench reads",
    )
}

/// The bench runs but serves no phone.
fn in_trouble(body: &[u8]) -> Failure {
    let said: Value = serde_json::from_slice(body).unwrap_or_default();
    let cause = said["detail"].as_str().unwrap_or("it does not say why");
    Failure::new(
        Exit::Act,
        format!("no phone is served: {cause}"),
        "put this right; it is tried again by itself",
    )
}

fn parts(answer: &[u8], address: SocketAddr) -> Result<(u16, &[u8]), Failure> {
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n");
    let (head, body) = answer.split_at(end.ok_or_else(|| stranger(address, "no HTTP"))?);
    let head = String::from_utf8_lossy(head);
    let status = head.split_whitespace().nth(1).and_then(|status| status.parse().ok());
    Ok((status.ok_or_else(|| stranger(address, "no status"))?, &body[4..]))
}

fn read<T: DeserializeOwned>(answer: &[u8], address: SocketAddr) -> Result<T, Failure> {
    match parts(answer, address)? {
        (200, body) => serde_json::from_slice(body).map_err(|error| stranger(address, &error.to_string())),
        (401 | 403, _) => Err(refuses(address)),
        (503, body) => Err(in_trouble(body)),
        (status, _) => Err(stranger(address, &format!("status {status}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address() -> SocketAddr {
        ([127, 0, 0, 1], 8080).into()
    }

    #[test]
    fn what_is_no_bench_is_told_apart_from_one_that_refuses() {
        assert_eq!(read::<Vec<u8>>(b"HTTP/1.1 200 OK\r\nX: y\r\n\r\n[]", address()), Ok(Vec::<u8>::new()));
        assert_eq!(
            read::<Vec<u8>>(b"HTTP/1.1 401 Unauthorized\r\n\r\n", address()).unwrap_err().exit,
            Exit::Privilege
        );
        for strange in
            [b"SSH-2.0-x\r\n".as_slice(), b"", b"HTTP/1.1 200 OK\r\n\r\n<html>", b"HTTP/1.1 404 N\r\n\r\n[]"]
        {
            assert_eq!(read::<Vec<u8>>(strange, address()).unwrap_err().exit, Exit::Act);
        }
    }

    #[test]
    fn a_bench_on_every_address_is_asked_here() {
        assert_eq!(reachable("0.0.0.0:81".parse().unwrap()), "127.0.0.1:81".parse().unwrap());
        assert_eq!(reachable("[::]:81".parse().unwrap()), "[::1]:81".parse().unwrap());
        assert_eq!(reachable("10.0.0.1:81".parse().unwrap()), "10.0.0.1:81".parse().unwrap());
    }
}
