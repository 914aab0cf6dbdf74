//! What other programs export, as their formats are documented or seen; the phones are made up.

use super::*;

/// The phone of the first row as most of these tables tell it: model, VID, serial, load, location, note.
type Told<'t> = [Option<&'t str>; 6];

fn told(entry: &Entry) -> [Option<String>; 6] {
    let load = entry.load.as_ref().map(ToString::to_string);
    let vid = entry.vid.map(|vid| vid.to_string());
    [entry.model.clone(), vid, entry.serial.clone(), load, entry.location.clone(), entry.note.clone()]
}

fn reads(what: &str, file: &[u8], phones: &[&str], first: Told<'_>) {
    let roster = parse(file);
    assert_eq!(macs(&roster), phones, "{what}: {:?}", roster.problems);
    let wrong: Vec<&Problem> =
        roster.problems.iter().filter(|problem| problem.severity != Severity::Note).collect();
    assert!(wrong.is_empty(), "{what}: {wrong:?}");
    assert_eq!(told(&roster.entries[0]), first.map(|text| text.map(str::to_owned)), "{what}");
    assert_eq!(roster.entries[0].address, None, "{what}: where a phone was is not where it shall be");
}

const A: &str = "001234AB45DE";
const B: &str = "001234AB45DF";

#[test]
fn call_managers_exports_are_read() {
    reads(
        "phone list",
        b"Device Name(Line),Description,Device Pool,Device Protocol,Status,IPv4 Address,Device Type,Phone Load Name\n\
          SEP001234AB45DE,Lobby,DP_HQ,SIP,Registered,10.1.2.3,Cisco 8851,\n\
          CSFJDOE,Jane,DP_HQ,SIP,None,,Cisco Unified Client Services Framework,\n\
          SEP001234AB45DF,Desk,DP_HQ,SIP,Registered,10.1.2.4,Cisco 7841,sip78xx.12-5-1SR1-4\n",
        &[A, B],
        [Some("Cisco 8851"), None, None, None, None, Some("Lobby")],
    );
    reads(
        "BAT spreadsheet",
        b"MAC Address/Device Name (String[12/50] MANDATORY),Description (String[128] OPTIONAL),Location (String[50] OPTIONAL),Device Type\n\
          001234AB45DE,Lobby,Hub_None,Cisco 8851\n\"sep001234ab45df\",Desk,Hub_None,Cisco 7841\n",
        &[A, B],
        [Some("Cisco 8851"), None, None, None, Some("Hub_None"), Some("Lobby")],
    );
    reads(
        "All Phone Details",
        b"Device Pool,Phone Template,Device Name,Description,Device Type,Phone Load Name,Directory Number 1,Directory Number 2\n\
          DP,Standard,SEP001234AB45DE,Lobby,Cisco 8851,sip88xx.12-5-1SR1-4,4711,\nDP,Standard,SEP001234AB45DF,,Cisco 7841,,4712,4713\n",
        &[A, B],
        [Some("Cisco 8851"), None, None, Some("sip88xx.12-5-1SR1-4"), None, Some("Lobby")],
    );
    reads(
        "run sql",
        b"admin:run sql select name, description, tkmodel from device\n\
          name            description tkmodel\n\
          =============== =========== =======\n\
          SEP001234AB45DE Lobby left  684\n\
          BOTJDOE         Jane        562\n\
          SEP001234AB45DF             683\n",
        &[A, B],
        [Some("684"), None, None, None, None, Some("Lobby left")],
    );
}

#[test]
fn readiness_tools_and_ris_are_read() {
    reads(
        "ciscompphwdiscovery",
        b"\"Name\",\"Model\",\"Description\",\"Status\",\"ActiveLoadID\",\"InactiveLoadID\",\"IPAddress\",\"SerialNumber\",\"ModelNumber\",\"HardwareRevision\",\"Error\"\n\
          \"SEP001234AB45DE\",\"Cisco 7841\",\"Lobby\",\"Registered\",\"sip78xx.14-3-1-0001-60\",\"\",\"10.1.2.3\",\"FCH12345678\",\"CP-7841\",\"V05\",\"\"\n\
          \"SEP001234AB45DF\",\"Cisco 7821\",\"\",\"UnRegistered\",\"\",\"\",\"\",\"\",\"\",\"\",\"timeout\"\n",
        &[A, B],
        [Some("Cisco 7841"), Some("V05"), Some("FCH12345678"), Some("sip78xx.14-3-1-0001-60"), None, Some("Lobby")],
    );
    reads(
        "snake case",
        b"mac,model_number,hw_ver,serial_number,active_load\n\
          001234ab45de,CP-8851,V08,FCH12345678,sip88xx.12-5-1SR1-4.loads\n001234ab45df,unavailable,4,unavailable,unavailable\n",
        &[A, B],
        [Some("CP-8851"), Some("V08"), Some("FCH12345678"), Some("sip88xx.12-5-1SR1-4"), None, None],
    );
}

#[test]
fn platforms_and_networks_exports_are_read() {
    reads(
        "BroadWorks",
        b"serviceProviderId,groupId,deviceName,deviceType,macAddress,serialNumber,version\n\
          sp,g,lobby-phone,Cisco-8851-3PCC,001234AB45DE,FCH12345678,\nsp,g,desk,Cisco-7841-3PCC,001234AB45DF,,\n",
        &[A, B],
        [Some("Cisco-8851-3PCC"), None, Some("FCH12345678"), None, None, None],
    );
    let hub = "Product\tMAC Address\tSerial Number\tWorkspace\tConnection Status\n\
        Cisco 8851\t00:12:34:AB:45:DE\tFCH12345678\tLobby\tonline\nCisco 7841\t00:12:34:AB:45:DF\t\t\t\n";
    let utf16: Vec<u8> = hub.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let expected = [Some("Cisco 8851"), None, Some("FCH12345678"), None, Some("Lobby"), None];
    reads("Control Hub", &[b"\xff\xfe", utf16.as_slice()].concat(), &[A, B], expected);
    reads("Control Hub without a mark", &utf16, &[A, B], expected);
    reads(
        "CDP neighbors",
        b"Local Device;Local Port;Device ID;Platform;Port ID\n\
          sw1;Gi1/0/1;SEP001234AB45DE.example.net;Cisco IP Phone 8851;Port 1\n\
          sw1;Gi1/0/2;sw2.example.net;cisco WS-C3560;Gi0/1\nsw1;Gi1/0/3;SEP001234AB45DF;Cisco IP Phone 7841;Port 1\n",
        &[A, B],
        [Some("Cisco IP Phone 8851"), None, None, None, None, None],
    );
    reads(
        "Netdisco",
        b"Device|Port|MAC|IP|Remote ID|Remote Platform\n\
          10.0.0.1|Gi1/0/1|00:12:34:ab:45:de|10.1.2.3|SEP001234AB45DE|Cisco IP Phone 8851\n\
          10.0.0.1|Gi1/0/2|0012.34ab.45df|10.1.2.4||\n",
        &[A, B],
        [Some("Cisco IP Phone 8851"), None, None, None, None, None],
    );
    reads(
        "Lansweeper",
        b"sep=;\r\nAssetName;IPAddress;Mac;Model;Serialnumber;Description\r\n\
          lobby-phone;10.1.2.3;00:12:34:AB:45:DE;IP Phone 8851;FCH12345678;\r\n;;'001234AB45DF;IP Phone 7841;;\r\n",
        &[A, B],
        [Some("IP Phone 8851"), None, Some("FCH12345678"), None, None, None],
    );
    reads(
        "ServiceNow",
        b"\"name\",\"u_mac_address\",\"model_id.name\",\"serial_number\",\"location\"\n\
          \"lobby\",=\"001234AB45DE\",\"8851\",\"FCH12345678\",\"Lobby\"\n\"desk\",=\"001234AB45DF\",\"7841\",\"\",\"\"\n",
        &[A, B],
        [Some("8851"), None, Some("FCH12345678"), None, Some("Lobby"), None],
    );
}

#[test]
fn spreadsheets_of_other_languages_and_machines_are_read() {
    let german = "Telefonliste Büro Zürich;;;\r\n\r\nMAC-Adresse;Gerätetyp;Seriennummer;Standort;Bemerkung\r\n\
        00-12-34-AB-45-DE;8851;FCH12345678;Büro;é\r\n00-12-34-AB-45-DF;7841;;;\r\n";
    let latin: Vec<u8> = german.chars().map(|letter| letter as u8).collect();
    let expected = [Some("8851"), None, Some("FCH12345678"), None, Some("Büro"), Some("é")];
    reads("Windows-1252", &latin, &[A, B], expected);
    reads("the same in UTF-8", german.as_bytes(), &[A, B], expected);
    reads(
        "French",
        "Adresse MAC,Modèle,Numéro de série,Emplacement,Commentaire\n001234AB45DE,8851,FCH12345678,Hall,x\n001234AB45DF,7841,,,\n"
            .as_bytes(),
        &[A, B],
        [Some("8851"), None, Some("FCH12345678"), None, Some("Hall"), Some("x")],
    );
    reads(
        "an old Macintosh",
        b"MAC,Model\r001234AB45DE,8851\r001234AB45DF,7841\r",
        &[A, B],
        [Some("8851"), None, None, None, None, None],
    );
    reads(
        "a language unknown here",
        "電話;機種\n001234AB45DE;8851\n001234AB45DF;7841\n".as_bytes(),
        &[A, B],
        [None, None, None, None, None, None],
    );
}

#[test]
fn what_is_left_out_is_counted_and_told_by_line() {
    let roster = parse(
        b"Device Name,Device Type,Extension\nSEP001234AB45DE,8851,1\nCSFA,Jabber,2\nBOTB,Jabber,3\nATA001234AB45D1,ATA 191,\n\
          SEP001234AB45DE,8851,9\n1.23E+11,8851,\n1122334455,8851,\nSEP001234AB45D,8851,\nDevice Name,Device Type,Extension\n\
          SEP001234AB45DF,7841,,5\nTotal: 9,,\n",
    );
    assert_eq!(macs(&roster), [A, B]);
    let said: Vec<(u64, bool, &str)> = roster
        .problems
        .iter()
        .map(|problem| (problem.line, left_out(problem), problem.cause.as_str()))
        .collect();
    for (line, word) in [(7, "made the number 1.23E+11"), (8, "leading zeros"), (9, "SEP001234AB45D")] {
        let told = said.iter().any(|(at, out, what)| *at == line && *out && what.contains(word));
        assert!(told, "{word} in {said:#?}");
    }
    assert_eq!(said.iter().filter(|(_, out, _)| *out).count(), 3);
    for word in [
        "column \"Extension\" is kept and has no meaning to Transload; it can",
        "1 row of analog adapters and gateways (ATA…), left out (line 5)",
        "2 rows of softphones (CSF…, BOT…), left out (lines 3, 4)",
        "1 row without a phone, left out (line 12)",
        "1 row of phones listed already, left out: they tell nothing else (line 6)",
        "1 row with more cells than the header names, those left out (line 11)",
    ] {
        assert!(said.iter().any(|(_, out, what)| !out && what.contains(word)), "{word} in {said:#?}");
    }
}

#[test]
fn an_unclosed_quotation_mark_is_told() {
    let rows = "001234AB45DF,x\n".repeat(300);
    let roster = parse(format!("MAC,note\n001234AB45DE,\"Room\n{rows}").as_bytes());
    let told = &roster.problems[0];
    assert!(told.line == 2 && left_out(told) && told.cause.contains("quotation mark"), "{told:?}");
}

#[test]
fn a_table_of_too_many_cells_is_refused() {
    let wide = format!("MAC{}\n", ",x".repeat(900));
    let file = wide.clone() + &format!("001234AB45DE{}\n", ",x".repeat(900)).repeat(4_000);
    let roster = parse(file.as_bytes());
    assert!(roster.entries.is_empty() && roster.problems[0].cause.contains("cells"), "{:?}", roster.problems);
    let beyond = parse(format!("MAC{}\n001234AB45DE\n", ",x".repeat(2_000)).as_bytes());
    assert!(macs(&beyond) == [A] && beyond.problems.iter().any(|problem| problem.cause.contains("1024")));
}

#[test]
fn columns_tell_by_their_content_what_no_name_tells() {
    // As a phone's own page names its fields: what it calls versionID is a load.
    reads(
        "phone pages",
        b"MACAddress,HostName,modelNumber,serialNumber,hardwareRevision,versionID\n\
          001234AB45DE,SEP001234AB45DE,CP-8851,FCH20123456,3.0,sip88xx.12-5-1SR1-4\n",
        &[A],
        [Some("CP-8851"), None, Some("FCH20123456"), None, None, None],
    );
    reads(
        "RIS with the numbers of products alone",
        b"Name,Product,ActiveLoadID\nSEP001234AB45DE,36213,sip88xx.12-5-1SR1-4\n",
        &[A],
        [None, None, None, Some("sip88xx.12-5-1SR1-4"), None, None],
    );
    reads(
        "BAT without device types",
        b"Device Name,Device Security Profile,Directory Number 1\n\
          SEP001234AB45DE,Cisco 8851 - Standard SIP Non-Secure Profile,8841\n",
        &[A],
        [Some("Cisco 8851 - Standard SIP Non-Secure Profile"), None, None, None, None, None],
    );
    reads(
        "a reseller's list",
        b"Item,Qty,Part No.,Serial,MAC addr.,Rev.\n1,1,CP-8851-K9=,FCH20123456,0012.34ab.45de,V 15\n",
        &[A],
        [Some("CP-8851-K9="), Some("V15"), Some("FCH20123456"), None, None, None],
    );
    reads(
        "Control Hub, where the type tells less than the product",
        b"Type\tProduct\tMAC Address\tPlatform\nPhone\tCisco 8851\t00:12:34:AB:45:DE\tWebex Calling\n",
        &[A],
        [Some("Cisco 8851"), None, None, None, None, None],
    );
    reads(
        "a header in another language",
        "装置,电话,机种\n001234AB45DE,8841,Cisco 8851\n001234AB45DF,8845,CP-7841-K9\n".as_bytes(),
        &[A, B],
        [Some("Cisco 8851"), None, None, None, None, None],
    );
    reads(
        "no header, and other columns than a roster's",
        b"SEP001234AB45DE,Cisco 8851,Registered,10.1.2.3\nSEP001234AB45DF,Cisco 8841,None,10.1.2.4\n",
        &[A, B],
        [Some("Cisco 8851"), None, None, None, None, None],
    );
}

#[test]
fn a_version_that_is_none_is_told_with_its_lines() {
    let roster = parse(b"MAC,Model,HW Version\n001234AB45DE,8851,3.0\n001234AB45DF,8851,V08\n");
    assert_eq!(roster.entries[1].vid.map(|vid| vid.to_string()).as_deref(), Some("V08"));
    let told: Vec<&str> = roster.problems.iter().map(|problem| problem.cause.as_str()).collect();
    let note = "1 row whose \"HW Version\" is no VID such as V05, so it is kept and does not count (line 2)";
    assert!(told.contains(&note), "{told:?}");
}

#[test]
fn extensions_and_remarks_are_no_models() {
    for table in [
        "MAC,Extension\n001234AB45DE,8851\n001234AB45DF,8841\n",
        "MAC,Old\n001234AB45DE,CP-8851\n001234AB45DF,was a CP-8841 once\n",
        "MAC,Spare part\n001234AB45DE,CP-8851-HS=\n001234AB45DF,CP-8851-FS=\n",
    ] {
        let roster = parse(table.as_bytes());
        assert!(roster.entries.iter().all(|entry| entry.model.is_none()), "{table}: {:?}", roster.entries);
    }
}
