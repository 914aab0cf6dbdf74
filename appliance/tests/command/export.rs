//! Compares exported files with the samples of Cisco's procedure (Phone Firmware Migration, April 2019) and the AXL
//! schema.

use std::fs;

use super::bench::{BenchFolder, NEAR, TARGET, TRANSITION};

/// Later firmware needs this beside the sample's `Trans_Auth_Rule`.
const TYPE: &str = "<Trans_Auth_Type ua=\"na\">Classic</Trans_Auth_Type>";

/// A bench at the sample's address.
fn bench(migration: &str, roster: &str) -> BenchFolder {
    let bench = BenchFolder::new("");
    let text = format!(
        "[bench]\nstate = '{}'\ninterface = \"eth9\"\naddress = \"10.23.45.67/24\"\n[migration]\n{migration}\n",
        bench.state().display()
    );
    fs::write(&bench.config, text).unwrap();
    fs::write(bench.state().join("roster.csv"), format!("MAC,model,vid,load,cda\n{roster}")).unwrap();
    bench
}

fn export(bench: &BenchFolder, arguments: &[&str]) {
    let ran = bench.run(&[&["export"], arguments, &["--output", "out"]].concat());
    assert_eq!(ran.code, Some(0), "{ran:?}");
}

fn file(bench: &BenchFolder, name: &str) -> String {
    let path = bench.folder.path().join("out").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Line ends and indentation mean nothing; phones read them as blanks.
fn bare(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace("> ", ">").replace(" <", "<")
}

#[test]
fn a_redirection_profile_to_multiplatform_firmware_is_ciscos_sample_with_the_licenses_type() {
    let roster = format!("001234AB45DE,8851,V05,{NEAR},\n");
    let bench = bench("multiplatform = \"cda\"", &roster);
    bench.license("001234AB45DE");
    export(&bench, &["cda"]);
    let sample = "<device>
      <flat-profile>
        <Trans_Auth_Rule ua=\"na\">http://10.23.45.67/$MAU.lic</Trans_Auth_Rule>
        <Upgrade_Rule ua=\"na\">http://10.23.45.67/sip88xx.11-2-3MPP-398.loads</Upgrade_Rule>
      </flat-profile>
    </device>";
    let profile = bare(&file(&bench, "cda-sip88xx.xml"));
    assert_eq!(profile.matches(TYPE).count(), 1, "{profile}");
    assert_eq!(profile.replace(TYPE, ""), bare(sample));
    assert_eq!(file(&bench, "cda-sip88xx.txt"), "001234AB45DE\n");
    assert_eq!(file(&bench, "cda-assigned.csv"), "MAC,cda\n001234AB45DE,yes\n");
}

#[test]
fn a_redirection_profile_to_enterprise_firmware_is_ciscos_sample_with_the_licenses_type() {
    let bench = bench("direction = \"m2e\"\nmultiplatform = \"cda\"", "001234AB45DE,8851,V05,,\n");
    bench.load("sip88xx.TLexM2E-11-2-3C-4");
    fs::create_dir_all(bench.state().join("licenses/m2e")).unwrap();
    fs::write(bench.state().join("licenses/m2e/001234AB45DE.lic"), "license").unwrap();
    export(&bench, &["cda"]);
    let sample = "<device>
      <flat-profile>
        <Trans_Auth_Rule ua=\"na\">http://10.23.45.67/$MAU.lic</Trans_Auth_Rule>
        <Upgrade_Rule ua=\"na\">
          ($$SWVER eq sip88xx.TLexM2E-11-2-3C-4)? http://10.23.45.67/sip88xx.12-5-1SR1-4.loads |
          http://10.23.45.67/sip88xx.TLexM2E-11-2-3C-4.loads
        </Upgrade_Rule>
      </flat-profile>
    </device>";
    let profile = bare(&file(&bench, "cda-sip88xx.xml"));
    assert_eq!(profile.replace(TYPE, ""), bare(sample));
    assert!(!bench.folder.path().join("out/cda-assigned.csv").exists(), "nobody crosses from our side");
}

#[test]
fn each_hop_for_a_call_manager_names_the_samples_load_and_load_server_in_the_schemas_order() {
    let roster = format!("001234AB45DE,8851,V05,{NEAR},\n001234AB45DF,8851,V05,sip88xx.11-7-1-17,\n");
    let bench = bench("enterprise = \"call-manager\"\ncall-manager = [\"192.0.2.10\"]", &roster);
    bench.license("001234AB45DE");
    bench.license("001234AB45DF");
    export(&bench, &["call-manager", "--schema", "12.5"]);
    // UpdatePhoneReq: name or uuid, then loadInformation before vendorConfig, with other optional elements around.
    let update = |mac: &str, load: &str| {
        format!(
            "<soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\"><soapenv:Body>\
             <axl:updatePhone xmlns:axl=\"http://www.cisco.com/AXL/API/12.5\"><name>SEP{mac}</name>\
             <loadInformation>{load}</loadInformation><vendorConfig><webAccess>0</webAccess>\
             <loadServer>10.23.45.67</loadServer><peerFirmwareSharing>0</peerFirmwareSharing></vendorConfig>\
             </axl:updatePhone></soapenv:Body></soapenv:Envelope>\n"
        )
    };
    let reset = |mac: &str| {
        format!(
            "<soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\"><soapenv:Body>\
             <axl:resetPhone xmlns:axl=\"http://www.cisco.com/AXL/API/12.5\"><name>SEP{mac}</name>\
             </axl:resetPhone></soapenv:Body></soapenv:Envelope>\n"
        )
    };
    let (first, second) = ("001234AB45DE", "001234AB45DF");
    let hop = |number: u8, kind: &str| file(&bench, &format!("call-manager-hop-{number}{kind}"));
    assert_eq!(hop(1, "-update.axl"), update(first, TRANSITION) + &update(second, NEAR));
    assert_eq!(hop(1, "-reset.axl"), reset(first) + &reset(second));
    assert_eq!(hop(2, "-update.axl"), update(second, TRANSITION));
    assert_eq!(hop(2, "-reset.axl"), reset(second));
    assert!(
        !bench.folder.path().join("out/call-manager-hop-3.csv").exists(),
        "behind the crossing it is not the call manager's"
    );

    // The sample's SEP file has the same product-specific part, and peers share nothing besides.
    let part = "<vendorConfig><webAccess>0</webAccess><loadServer>10.23.45.67</loadServer>\
                <peerFirmwareSharing>0</peerFirmwareSharing></vendorConfig>";
    let table = hop(1, ".csv");
    let mut rows = csv::Reader::from_reader(table.as_bytes());
    assert_eq!(rows.headers().unwrap(), vec!["Device Name", "Phone Load Name", "XML"]);
    let rows: Vec<Vec<String>> =
        rows.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect();
    assert_eq!(rows, [["SEP001234AB45DE", TRANSITION, part], ["SEP001234AB45DF", NEAR, part]]);
    assert!(!table.contains(TARGET) && !file(&bench, "call-manager.csv").contains(TARGET));
}
