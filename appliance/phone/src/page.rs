//! The phone's web page: `DeviceInformationX` of Enterprise firmware, `status.xml` of Multiplatform firmware (§9).

use std::future::pending;
use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::spec::PageQuirk;
use super::{Life, PhoneMemory};
use crate::shared::{Kind, Side};

/// The longest time of a reader, in real time.
const PATIENCE: Duration = Duration::from_secs(30);

/// Serves the page while the phone runs, one reader after the other, as a small web server does.
pub(super) async fn show(life: &Life, address: Ipv4Addr) {
    if life.spec.quirks.page == PageQuirk::Off {
        return pending().await;
    }
    let Ok(listener) = TcpListener::bind((address, life.wiring.page)).await else {
        life.note("its page is closed: another program of this machine uses the port".to_owned());
        return pending().await;
    };
    loop {
        if let Ok((reader, _)) = listener.accept().await
            && life.memory(|memory| memory.page_open)
        {
            let _hold = life.wiring.pace.hold("a phone that shows its page");
            // A reader that hangs up early has no answer.
            let _ = timeout(PATIENCE, answer(life, reader)).await;
        }
    }
}

async fn answer(life: &Life, stream: TcpStream) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut request = String::new();
    stream.read_line(&mut request).await?;
    let mut line = String::from("…");
    while !line.trim().is_empty() {
        line.clear();
        stream.read_line(&mut line).await?;
    }
    let path = request.split(' ').nth(1).unwrap_or_default();
    let (status, body) = match life.memory(|memory| page(life, memory, path)) {
        Some(body) => ("200 OK", body),
        None => ("404 Not Found", "<html><body>Not Found</body></html>".to_owned()),
    };
    life.note(format!("its page was asked for {path}: {status}"));
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/xml\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    stream.get_mut().write_all((head + &body).as_bytes()).await?;
    stream.get_mut().shutdown().await
}

fn page(life: &Life, memory: &PhoneMemory, path: &str) -> Option<String> {
    let spec = &life.spec;
    let (mac, model, vid, serial, load) = (spec.mac, &spec.model, spec.vid, &spec.serial, &memory.load);
    if matches!(load.kind(), Kind::Transition(_)) && !spec.quirks.transition_page {
        return None;
    }
    let [product, software, address] = if spec.quirks.multiplatform_page {
        ["Product_Name", "Software_Version", "MAC_Address"]
    } else {
        ["Product", "Running", "Ethernet"]
    };
    let udi = match spec.quirks.page {
        PageQuirk::Whole => {
            format!("<udi>phone\nCisco IP Phone {model}, Global\nCP-{model}\nV{vid:02}\n{serial}</udi>")
        }
        PageQuirk::WithoutUdi | PageQuirk::Off => String::new(),
    };
    match (load.kind().side(), path) {
        (Side::Enterprise, "/DeviceInformationX") => Some(format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<DeviceInformation>\n<MACAddress>{mac}</MACAddress>\n\
             <HostName>SEP{mac}</HostName>\n<phoneDN></phoneDN>\n<appLoadID>rootfs{}</appLoadID>\n\
             <versionID>{}</versionID>\n<hardwareRevision>V99</hardwareRevision>\n<serialNumber>{serial}</serialNumber>\n\
             <modelNumber>CP-{model}</modelNumber>\n{udi}\n</DeviceInformation>\n",
            load.as_str().trim_start_matches("sip"),
            load.as_str().replace('-', "&#x2D;"),
        )),
        // It is unknown which of the two exists, and what exactly is in it.
        (Side::Multiplatform, "/status.xml" | "/admin/status.xml")
            if (path == "/status.xml") == spec.index.is_multiple_of(2) =>
        {
            Some(format!(
                "<flat-status>\n<{product}>{}</{product}>\n<Serial_Number>{serial}</Serial_Number>\n\
                 <{software}>{load}</{software}>\n<Hardware_Version>V99</Hardware_Version>\n\
                 <{address}>{}</{address}>\n<Reboot_Reason_1>Upgrade</Reboot_Reason_1>\n{udi}\n</flat-status>\n",
                spec.pn,
                mac.colons(),
            ))
        }
        _ => None,
    }
}
