//! A minimal file and DHCP server that does only what the 2019 procedure's documents say.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};
use tokio::task::JoinSet;
use transload_pace::Pace;

use crate::Wiring;

/// Files by path without the leading slash, in lower case.
pub type ServedFiles = Arc<Mutex<BTreeMap<String, Vec<u8>>>>;

/// Options for Enterprise phones and for all others.
pub type ServedOptions = Arc<Mutex<[Vec<(u8, Vec<u8>)>; 2]>>;

pub struct PhoneTestServer {
    pub files: ServedFiles,
    pub wiring: Wiring,
    pub options: ServedOptions,
    _tasks: JoinSet<()>,
}

impl PhoneTestServer {
    /// Starts with the seed's DHCP options: 150 for Enterprise phones, 160 as a URL for the others.
    pub async fn start(speed: u32) -> Self {
        let files = ServedFiles::default();
        let options = Arc::new(Mutex::new([
            vec![(150, vec![127, 0, 0, 1])],
            vec![(160, b"http://127.0.0.1".to_vec())],
        ]));
        let mut tasks = JoinSet::new();
        let mut http = Vec::new();
        for _ in 0..2 {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            http.push(listener.local_addr().unwrap().port());
            tasks.spawn(serve_http(listener, Arc::clone(&files)));
        }
        let tftp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let tftp_69 = tftp.local_addr().unwrap().port();
        tasks.spawn(serve_tftp(tftp, Arc::clone(&files)));
        let dhcp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let wiring = Wiring {
            dhcp: dhcp.local_addr().unwrap(),
            http_80: http[0],
            http_6970: http[1],
            tftp_69,
            page: 0,
            sip: None,
            server: Ipv4Addr::LOCALHOST,
            alias: None,
            call_manager: None,
            cda: None,
            pace: Pace::patient(speed),
        };
        tasks.spawn(serve_dhcp(dhcp, Arc::clone(&options)));
        Self { files, wiring, options, _tasks: tasks }
    }

    pub fn put(&self, name: &str, content: impl Into<Vec<u8>>) {
        self.files.lock().unwrap().insert(name.to_ascii_lowercase(), content.into());
    }

    pub fn remove(&self, name: &str) {
        self.files.lock().unwrap().remove(&name.to_ascii_lowercase()).unwrap();
    }

    pub fn put_folder(&self, folder: &Path) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            self.put(path.file_name().unwrap().to_str().unwrap(), std::fs::read(&path).unwrap());
        }
    }
}

fn find(files: &ServedFiles, name: &str) -> Option<Vec<u8>> {
    files.lock().unwrap().get(&name.trim_start_matches('/').to_ascii_lowercase()).cloned()
}

async fn serve_http(listener: TcpListener, files: ServedFiles) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let files = Arc::clone(&files);
        tokio::spawn(async move {
            let mut request = vec![0; 4096];
            let length = stream.read(&mut request).await.unwrap_or(0);
            let request = String::from_utf8_lossy(&request[..length]).into_owned();
            let path = request.split(' ').nth(1).unwrap_or_default();
            let answer = match find(&files, path) {
                Some(body) => {
                    [format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()).into_bytes(), body]
                        .concat()
                }
                None => b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_vec(),
            };
            stream.write_all(&answer).await.ok();
        });
    }
}

async fn serve_tftp(socket: UdpSocket, files: ServedFiles) {
    let mut request = vec![0; 1024];
    while let Ok((length, peer)) = socket.recv_from(&mut request).await {
        let name =
            String::from_utf8_lossy(&request[2..length]).split('\0').next().unwrap_or_default().to_owned();
        let file = find(&files, &name);
        tokio::spawn(send_tftp(file, peer));
    }
}

async fn send_tftp(file: Option<Vec<u8>>, peer: SocketAddr) {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let Some(file) = file else {
        socket.send_to(b"\0\x05\0\x01not found\0", peer).await.ok();
        return;
    };
    let mut ack = [0; 16];
    for block in 1..=file.len() / 512 + 1 {
        let part = &file[(block - 1) * 512..file.len().min(block * 512)];
        let number = (block as u16).to_be_bytes();
        let packet = [&[0, 3], &number[..], part].concat();
        socket.send_to(&packet, peer).await.ok();
        while socket.recv_from(&mut ack).await.is_ok() && ack[2..4] != number {}
    }
}

async fn serve_dhcp(socket: UdpSocket, options: ServedOptions) {
    let mut message = vec![0; 2048];
    while let Ok((length, peer)) = socket.recv_from(&mut message).await {
        let request = &message[..length];
        let option = |wanted: u8| {
            let mut at = 240;
            while at + 1 < request.len() && request[at] != 255 {
                let value = &request[at + 2..at + 2 + usize::from(request[at + 1])];
                if request[at] == wanted {
                    return Some(value.to_vec());
                }
                at += 2 + value.len();
            }
            None
        };
        let address = Ipv4Addr::new(127, 10, request[32], request[33].max(1));
        let kind = match (option(53).unwrap()[0], option(50)) {
            (1, _) => 2,
            (3, Some(wanted)) if wanted != address.octets() => 6,
            _ => 5,
        };
        let class = String::from_utf8(option(60).unwrap_or_default()).unwrap();
        let mine = options.lock().unwrap()[usize::from(class.contains("3PCC"))].clone();
        let mut reply = request[..240].to_vec();
        reply[0] = 2;
        if kind != 6 {
            reply[16..20].copy_from_slice(&address.octets());
        }
        let common = vec![(53, vec![kind]), (54, vec![127, 0, 0, 1]), (51, 3600_u32.to_be_bytes().to_vec())];
        for (code, value) in common.into_iter().chain(mine) {
            reply.extend_from_slice(&[code, value.len() as u8]);
            reply.extend_from_slice(&value);
        }
        reply.push(255);
        socket.send_to(&reply, peer).await.ok();
    }
}
