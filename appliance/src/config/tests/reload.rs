use super::{EXAMPLE, parse};

#[test]
fn each_key_that_needs_a_restart_is_named_and_no_other() {
    let running = parse(EXAMPLE).unwrap();
    let network = "interface, address or subnet of a [[dhcp.network]]";
    let second = "[[dhcp.network]]\ninterface = \"eth2\"";
    for (old, new, named) in [
        ("interface = \"eth1\"", "interface = \"eth3\"", Some("bench.interface")),
        ("address   = \"10.23.45.67/24\"", "address = \"10.23.45.68/24\"", Some("bench.address")),
        ("/var/lib/transload", "/srv/transload", Some("bench.state")),
        ("[dhcp]\nenabled = true", "[dhcp]\nenabled = false", Some("dhcp.enabled")),
        ("[[dhcp.class]]", &format!("{second}\n[[dhcp.class]]"), Some(network)),
        ("max-transfers = 4096", "max-transfers = 4095", Some("files")),
        ("listen  = 5060", "listen = 5061", Some("registrar")),
        ("127.0.0.1:8080", "127.0.0.1:8081", Some("admin")),
        ("/usr/local/bin/cycle-port", "/usr/local/bin/cycle", Some("hooks.restart")),
        ("/usr/local/bin/on-stage", "/usr/local/bin/stage", None),
        ("lease   = \"1h\"", "lease = \"2h\"", None),
        ("10.23.45.100-", "10.23.45.101-", None),
        ("[[dhcp.class]]", "[[dhcp.network]]\nsubnet = \"10.9.0.0/24\"\n[[dhcp.class]]", None),
        ("[probe]\nenabled = true", "[probe]\nenabled = false", None),
        ("direction     = \"e2m\"", "direction = \"m2e\"", None),
    ] {
        assert!(EXAMPLE.contains(old), "{old}");
        let changed = parse(&EXAMPLE.replacen(old, new, 1)).unwrap();
        assert_ne!(running, changed, "{new}");
        assert_eq!(running.needs_restart(&changed).as_deref(), named, "{new}");
    }
}
