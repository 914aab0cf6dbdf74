"""Leases: every class of phone, three real clients, both kinds of answer, and the odd ways in which a phone asks."""

import json
import os
import signal
import socket
import time

import dhcp
import fleet
import lookalike
import wire
from cases import case, expect, same
from server import ADDRESS, NETWORK

URL = f"http://{ADDRESS}".encode()


def library(bench):
    return bench.firmware("e2m", lookalike.FAMILIES, [lookalike.ENTERPRISE_12, lookalike.E2M, lookalike.MPP_11])


def people():
    """One phone of each class: name -> (mac, vendor class, request list, what it should get)."""
    mac = fleet.mac
    enterprise = b"Cisco Systems, Inc. IP Phone CP-8851"
    return {
        "enterprise": (mac("8851", 1), enterprise, dhcp.ENTERPRISE_REQUESTS, "addresses"),
        "enterprise-nul": (mac("7841", 2), b"Cisco Systems, Inc. IP Phone CP-7841\0", dhcp.ENTERPRISE_REQUESTS,
                           "addresses"),
        "mpp": (mac("8851", 3), b"CP-8851-3PCC", dhcp.MULTIPLATFORM_REQUESTS, "urls"),
        "mpp-nul": (mac("7841", 4), b"CP-7841-3PCC\0", dhcp.MULTIPLATFORM_REQUESTS, "urls"),
        "dslforum": (mac("8851", 5), b"dslforum.org", dhcp.MULTIPLATFORM_REQUESTS, "urls"),
        # In the roster, so a phone; but it says nothing of what it runs.
        "no-vendor-class": (mac("8851", 6), None, [1, 3, 6, 42], "addresses"),
        # Asks for none of the four options: they are sent all the same.
        "enterprise-silent": (mac("8861", 7), enterprise.replace(b"51", b"61"), [1, 3, 6, 42], "addresses"),
        "mpp-silent": (mac("8861", 8), b"CP-8861-3PCC\0", [1, 3, 6, 42], "urls"),
    }


def roster(names=None):
    models = {"enterprise-nul": "7841", "mpp-nul": "7841", "enterprise-silent": "8861", "mpp-silent": "8861"}
    return [{"mac": who[0], "model": models.get(name, "8851"), "vid": 5, "load": ""} for name, who in people().items()
            if names is None or name in names]


def serving(bench, **options):
    return bench.server(library(bench), roster(), **options).start()


def check_common(what, get):
    """Options that every class gets; `get(code)` gives bytes."""
    same(f"{what}: 1", get(1), socket.inet_aton("255.255.255.0"))
    same(f"{what}: 3", wire.addresses(get(3)), [f"{NETWORK}.1"])
    same(f"{what}: 6", wire.addresses(get(6)), [f"{NETWORK}.2"])
    same(f"{what}: 42", wire.addresses(get(42)), [f"{NETWORK}.3"])
    # A client that asks again within its lease is told what is left of it (RFC 2131 §4.3.1).
    seconds = int.from_bytes(get(51) or b"", "big")
    expect(3540 <= seconds <= 3600, f"{what}: 51 is {seconds}")
    same(f"{what}: 54", wire.addresses(get(54)), [ADDRESS])


def check_class(what, kind, get, siaddr):
    if kind == "addresses":
        same(f"{what}: siaddr", siaddr, ADDRESS)
        same(f"{what}: 66", get(66), ADDRESS.encode())
        same(f"{what}: 150", get(150), socket.inet_aton(ADDRESS))
        same(f"{what}: 159", get(159), None)
        same(f"{what}: 160", get(160), None)
    else:
        for code in (159, 160):
            value = get(code) or b""
            expect(value.rstrip(b"/") in (URL, URL + b":80", URL + b":6970"), f"{what}: {code} is {value!r}")
        same(f"{what}: 66", get(66), None)
        same(f"{what}: 150", get(150), None)


def check_reply(what, asked, reply, kind):
    """What RFC 2131 Table 3 and §4.1 want of an OFFER or ACK."""
    expect(reply is not None, f"{what}: no answer")
    same(f"{what}: kind", reply.kind, kind)
    same(f"{what}: op", reply.op, 2)
    same(f"{what}: flags", reply.flags, asked.flags)
    same(f"{what}: chaddr", reply.chaddr, asked.chaddr)
    same(f"{what}: source", reply.source, ADDRESS)
    expect(reply.size >= 300, f"{what}: {reply.size} octets of BOOTP, fewer than 300")
    codes = reply.codes()
    for code in (50, 55, 57):
        expect(code not in codes, f"{what}: option {code} must not be in a reply")
    same(f"{what}: options given twice", [c for c in set(codes) if codes.count(c) > 1], [])
    if 1 in codes and 3 in codes:
        expect(codes.index(1) < codes.index(3), f"{what}: the router stands before the mask")
    same(f"{what}: client identifier", reply.get(61), asked.get(61))
    if asked.flags & 0x8000:
        same(f"{what}: to", (reply.destination_mac, reply.destination), (wire.BROADCAST_MAC, "255.255.255.255"))
    else:
        same(f"{what}: to", (reply.destination_mac, reply.destination), (asked.chaddr, reply.yiaddr))


@case("leases: on the wire, every class, with and without the broadcast flag")
def on_the_wire(bench):
    serving(bench)
    got = {}
    for flags in (0x0000, 0x8000):
        for name, (mac, vendor, requests, kind) in people().items():
            host = bench.switch.host("c", mac=fleet.colons(mac))
            with wire.Wire(host) as line:
                options = wire.client_options(vendor, requests)
                if name != "enterprise-silent":
                    options.insert(0, (61, b"\x01" + wire.mac_bytes(mac)))
                offer, ack = wire.full_lease(line, mac, options, flags)
                asked = wire.Message(wire.REQUEST, mac, options, flags=flags)
                what = f"{name}{', broadcast' if flags else ''}"
                check_reply(f"{what}, OFFER", asked, offer, wire.OFFER)
                check_reply(f"{what}, ACK", asked, ack, wire.ACK)
                for message, step in ((offer, "OFFER"), (ack, "ACK")):
                    check_common(f"{what}, {step}", message.get)
                    check_class(f"{what}, {step}", kind, message.get, message.siaddr)
                same(f"{what}: address of ACK", ack.yiaddr, offer.yiaddr)
                same(f"{what}: the same address each time", ack.yiaddr, got.setdefault(name, ack.yiaddr))
            bench.switch.unplug(host)
    same("addresses given", len(set(got.values())), len(got))


@case("leases: udhcpc, dhclient and dhcpcd, every class")
def real_clients(bench):
    serving(bench)
    for client in ("udhcpc", "dhclient", "dhcpcd"):
        for name, (mac, vendor, requests, kind) in people().items():
            # dhcpcd and dhclient put a vendor class or request list of their own where none is given.
            if client != "udhcpc" and name == "no-vendor-class":
                continue
            host = bench.switch.host("c", mac=fleet.colons(mac))
            for broadcast in (False, True):
                what = f"{client}, {name}{', broadcast' if broadcast else ''}"
                lease = obtain(bench, host, client, vendor, requests, broadcast=broadcast)
                expect(lease is not None, f"{what}: no lease")
                expect(lease["address"].startswith(f"{NETWORK}."), f"{what}: address {lease['address']}")
                wanted = {1: ["255.255.255.0"], 3: [f"{NETWORK}.1"], 6: [f"{NETWORK}.2"], 42: [f"{NETWORK}.3"],
                          54: [ADDRESS]}
                for code, value in wanted.items():
                    same(f"{what}: {code}", lease["options"].get(str(code), "").split(), value)
                seconds = int(lease["options"].get("51", 0))
                expect(3540 <= seconds <= 3600, f"{what}: 51 is {seconds}")
                # dhcpcd does not tell siaddr.
                check_class(what, kind, lambda c: client_bytes(lease, c), lease["siaddr"] or ADDRESS)
            bench.switch.unplug(host)


def obtain(bench, host, client, vendor, requests, **options):
    """A lease by a real client inside the host's namespace, as a dictionary; None if it got none."""
    host.flush()
    arguments = dict(client=client, interface=host.interface, folder=os.path.join(bench.folder, host.interface),
                     requests=requests, vendor=vendor.hex() if vendor else None, patience=3, tries=4, **options)
    done = host.script(dhcp.__file__, json.dumps(arguments))
    if done.returncode != 0:
        raise RuntimeError(done.stderr.decode())
    return json.loads(done.stdout)


def client_bytes(lease, code):
    value = lease["options"].get(str(code))
    if isinstance(value, dict):
        return bytes.fromhex(value["hex"])
    return value.strip('"').encode() if value is not None else None


@case("leases: a computer gets none, and none of the phones' options")
def no_phone(bench):
    serving(bench)
    host = bench.switch.host("c", mac="02:00:00:00:00:fe")
    with wire.Wire(host) as line:
        for number, vendor in enumerate((b"MSFT 5.0", b"android-dhcp-13", b"PXEClient:Arch:00000", None,
                                         b"dslforum.org", b"Cisco AP c1140")):
            mac = f"0200000000{number:02X}"
            options = wire.client_options(vendor, [1, 3, 6, 66, 150, 159, 160])
            line.send(wire.Message(wire.DISCOVER, mac, options, flags=0x8000), mac)
        answer = line.receive(timeout=3)
        expect(answer is None, f"answered: {answer and answer.chaddr.hex()}")


@case("leases: admit = all leases to a computer, without the phones' options")
def admit_all(bench):
    bench.server(library(bench), roster(), sections={"dhcp": {"admit": "all"}}).start()
    mac = "0200000000AA"
    host = bench.switch.host("c", mac=fleet.colons(mac))
    with wire.Wire(host) as line:
        options = wire.client_options(b"MSFT 5.0", [1, 3, 6, 42, 66, 150, 159, 160])
        _, ack = wire.full_lease(line, mac, options)
        expect(ack is not None and ack.kind == wire.ACK, "no lease")
        same("the phones' options", [c for c in ack.codes() if c in (66, 150, 159, 160)], [])


@case("leases: a production lease of another network is refused, and the phone gets a new one")
def init_reboot(bench):
    serving(bench)
    mac, vendor, requests, _ = people()["enterprise"]
    host = bench.switch.host("c", mac=fleet.colons(mac))
    with wire.Wire(host) as line:
        for flags in (0, 0x8000):
            options = [(50, socket.inet_aton("192.168.77.5"))] + wire.client_options(vendor, requests)
            nak = line.ask(wire.Message(wire.REQUEST, mac, options, flags=flags), mac)
            expect(nak is not None and nak.kind == wire.NAK, f"{nak and nak.kind}, not a NAK")
            same("NAK to", (nak.destination_mac, nak.destination), (wire.BROADCAST_MAC, "255.255.255.255"))
            same("NAK: yiaddr, ciaddr", (nak.yiaddr, nak.ciaddr), ("0.0.0.0", "0.0.0.0"))
            expect(set(nak.codes()) <= {53, 54, 56, 60, 61}, f"the NAK carries {nak.codes()}")
    folder = os.path.join(bench.folder, host.interface)
    with open(f"{folder}.leases", "w") as file:
        file.write(f'lease {{\n  interface "{host.interface}";\n  fixed-address 192.168.77.5;\n'
                   "  option subnet-mask 255.255.255.0;\n  option dhcp-lease-time 864000;\n"
                   "  option dhcp-server-identifier 192.168.77.1;\n"
                   "  renew 2 2037/01/06 00:00:00;\n  rebind 2 2037/01/06 00:00:00;\n"
                   "  expire 2 2037/01/06 00:00:00;\n}\n")
    lease = obtain(bench, host, "dhclient", vendor, requests)
    expect(lease and lease["address"].startswith(NETWORK), f"dhclient with a production lease ended with {lease}")
    with open(os.path.join(folder, "log")) as file:
        log = file.read()
    expect("DHCPNAK" in log and "192.168.77.5" in log, f"dhclient saw no NAK:\n{log}")


@case("leases: init-reboot with the lease of this server is confirmed")
def init_reboot_own(bench):
    serving(bench)
    mac, vendor, requests, _ = people()["mpp"]
    host = bench.switch.host("c", mac=fleet.colons(mac))
    with wire.Wire(host) as line:
        options = wire.client_options(vendor, requests)
        _, ack = wire.full_lease(line, mac, options)
        expect(ack is not None, "no lease")
        again = wire.Message(wire.REQUEST, mac, [(50, socket.inet_aton(ack.yiaddr))] + options)
        reply = line.ask(again, mac)
        same("init-reboot", (reply and reply.kind, reply and reply.yiaddr), (wire.ACK, ack.yiaddr))
        other = ".".join(ack.yiaddr.split(".")[:3] + ["249"])
        wrong = wire.Message(wire.REQUEST, mac, [(50, socket.inet_aton(other))] + options)
        reply = line.ask(wrong, mac)
        same("init-reboot with another's address", reply and reply.kind, wire.NAK)


@case("leases: renew, release, and the same address again")
def renew_and_release(bench):
    serving(bench)
    mac, vendor, requests, _ = people()["enterprise"]
    host = bench.switch.host("c", mac=fleet.colons(mac))
    folder = os.path.join(bench.folder, "held")
    os.makedirs(folder)
    command = dhcp.udhcpc(host.interface, folder, vendor, requests, None, False, 2, 5, once=False)
    with open(os.path.join(folder, "log"), "wb") as log:
        client = host.popen(*command, env=dict(os.environ, LEASE_DIR=folder), stdout=log, stderr=log)
    try:
        bench.wait_for(lambda: "bound" in dhcp.events(folder), 15, lambda: "udhcpc got no lease")
        first = dhcp.read("udhcpc", folder)
        client.send_signal(signal.SIGUSR1)
        bench.wait_for(lambda: "renew" in dhcp.events(folder), 15, lambda: f"no renewal: {dhcp.events(folder)}")
        renewed = dhcp.read("udhcpc", folder)
        same("address after renewal", renewed.address, first.address)
        same("150 after renewal", renewed.options.get(150), socket.inet_aton(ADDRESS))
        client.send_signal(signal.SIGUSR2)
        bench.wait_for(lambda: dhcp.events(folder).count("deconfig") > 1, 10, lambda: "udhcpc did not release")
    finally:
        dhcp.stop(client)
    time.sleep(0.3)
    again = obtain(bench, host, "udhcpc", vendor, requests)
    same("address after release", again and again["address"], first.address)


@case("leases: an address that answers on the wire is not offered, a declined one not again")
def conflicts(bench):
    squatter = bench.switch.host("squatter", address=f"{NETWORK}.100/24")
    bench.server(library(bench), roster(), sections={"dhcp": {"pool": f"{NETWORK}.100-{NETWORK}.103"}}).start()
    mac, vendor, requests, _ = people()["enterprise"]
    client = bench.switch.host("c", mac=fleet.colons(mac))
    options = wire.client_options(vendor, requests)
    with wire.Wire(client) as line:
        _, ack = wire.full_lease(line, mac, options)
        expect(ack is not None and ack.kind == wire.ACK, "no lease")
        expect(ack.yiaddr != f"{NETWORK}.100", "offered the address of a host that is there")
        decline = wire.Message(wire.DECLINE, mac, [(50, socket.inet_aton(ack.yiaddr)), (54, ack.get(54))])
        line.send(decline, mac)
        _, second = wire.full_lease(line, mac, options)
        expect(second is not None and second.kind == wire.ACK, "no lease after a DECLINE")
        expect(second.yiaddr not in (ack.yiaddr, f"{NETWORK}.100"), f"{second.yiaddr} again after its DECLINE")
    bench.switch.unplug(squatter)


@case("leases: a reservation is kept for its phone, an excluded address for nobody")
def reservation(bench):
    kept, vendor, requests, _ = people()["enterprise"]
    bench.server(library(bench), roster(), sections={
        "dhcp": {"pool": f"{NETWORK}.100-{NETWORK}.103", "exclude": [f"{NETWORK}.101"]},
        "dhcp.reservation": [{"mac": fleet.colons(kept), "address": f"{NETWORK}.102"}]}).start()
    got = {}
    for name in ("mpp", "dslforum", "enterprise"):
        mac, vendor, requests, _ = people()[name]
        host = bench.switch.host("c", mac=fleet.colons(mac))
        with wire.Wire(host) as line:
            _, ack = wire.full_lease(line, mac, wire.client_options(vendor, requests))
            expect(ack is not None and ack.kind == wire.ACK, f"{name}: no lease")
            got[name] = ack.yiaddr
    same("the reserved one", got["enterprise"], f"{NETWORK}.102")
    same("the others", {got["mpp"], got["dslforum"]}, {f"{NETWORK}.100", f"{NETWORK}.103"})


@case("leases: INFORM is answered without a lease, a relay's request goes back to the relay")
def inform_and_relay(bench):
    network = {"subnet": "10.23.46.0/24", "pool": "10.23.46.100-10.23.46.150",
               "options": {"router": ["10.23.46.1"]}}
    server = bench.server(library(bench), roster(), sections={"dhcp.network": [network]})
    server.start()
    server.host.ip("route", "add", "10.23.46.0/24", "via", f"{NETWORK}.1")
    mac, vendor, requests, _ = people()["enterprise"]
    options = wire.client_options(vendor, requests)
    relay = bench.switch.host("relay", address=f"{NETWORK}.1/24")
    relay.ip("address", "add", "10.23.46.1/24", "dev", relay.interface)
    relay_mac = relay.ip("-br", "link", "show", relay.interface).split()[2]
    server_mac = server.host.ip("-br", "link", "show", server.host.interface).split()[2]
    with wire.Wire(relay, port=67) as line:
        discover = wire.Message(wire.DISCOVER, mac, options, giaddr="10.23.46.1")
        offer = line.ask(discover, relay_mac, source="10.23.46.1", destination=ADDRESS, ports=(67, 67),
                         destination_mac=wire.mac_bytes(server_mac))
        expect(offer is not None and offer.kind == wire.OFFER, "no answer to the relay")
        same("relayed: to", offer.destination, "10.23.46.1")
        expect(offer.yiaddr.startswith("10.23.46."), f"relayed: {offer.yiaddr} is of another network")
        same("relayed: router", wire.addresses(offer.get(3)), ["10.23.46.1"])
        same("relayed: giaddr", offer.giaddr, "10.23.46.1")
    host = bench.switch.host("c", mac=fleet.colons(mac), address=f"{NETWORK}.90/24")
    with wire.Wire(host) as line:
        inform = wire.Message(wire.INFORM, mac, options, ciaddr=f"{NETWORK}.90")
        ack = line.ask(inform, mac, source=f"{NETWORK}.90")
        expect(ack is not None and ack.kind == wire.ACK, "no answer to INFORM")
        same("INFORM: lease time, yiaddr", (ack.get(51), ack.yiaddr), (None, "0.0.0.0"))
        same("INFORM: 150", ack.get(150), socket.inet_aton(ADDRESS))


@case("leases: a class of the configuration wins over the built-in one, where vendor class and OUI both fit")
def user_class(bench):
    rule = {"name": "lab", "vendor-class": "CP-8851-3PCC", "oui": ["C4:B9:CD"],
            "options": {"159": "http://10.23.45.67/lab", "160": "http://10.23.45.67/lab"}}
    listed = {"name": "list", "vendor-class": "CP-7841-*", "oui": ["C80084"],
              "options": {"66": ADDRESS, "150": f"http://{ADDRESS};{ADDRESS}"}}
    bench.server(library(bench), roster(), sections={"dhcp.class": [rule, listed]}).start()
    host = bench.switch.host("c", mac=fleet.colons(fleet.mac("7841", 4)))
    with wire.Wire(host) as line:
        options = wire.client_options(b"CP-7841-3PCC\0", dhcp.MULTIPLATFORM_REQUESTS)
        _, ack = wire.full_lease(line, fleet.mac("7841", 4), options)
        same("66 and 150 as text", (ack and ack.get(66), ack and ack.get(150)),
             (ADDRESS.encode(), f"http://{ADDRESS};{ADDRESS}".encode()))
    for name, mac, vendor, wanted in (("both fit", fleet.mac("8851", 3), b"CP-8851-3PCC\0", b"/lab"),
                                      ("another model", fleet.mac("8861", 8), b"CP-8861-3PCC\0", None),
                                      ("another OUI", "74A02F000010", b"CP-8851-3PCC", None)):
        host = bench.switch.host("c", mac=fleet.colons(mac))
        with wire.Wire(host) as line:
            _, ack = wire.full_lease(line, mac, wire.client_options(vendor, dhcp.MULTIPLATFORM_REQUESTS))
            expect(ack is not None and ack.get(160), f"{name}: no lease with option 160")
            expect((b"/lab" in ack.get(160)) == (wanted is not None), f"{name}: 160 is {ack.get(160)!r}")
        bench.switch.unplug(host)
