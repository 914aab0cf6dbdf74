"""More than one network: interfaces that come and go, addresses that change, relays, reservations."""

import os
import socket

import fleet
import wire
from cases import case, expect, same
from cases.leases import library, people, roster
from server import ADDRESS, NETWORK

SECOND = "10.24.0"
OTHER = "10.24.0.67"


def plug(bench, host, name, address=None, mac=None):
    """Another interface of a host, on a wire of its own; returns the host at its other end."""
    far = bench.switch.host(name, mac=mac)
    far.ip("link", "delete", far.interface)
    host.ip("link", "add", name, "type", "veth", "peer", "name", far.interface, "netns", far.namespace)
    if mac:
        far.ip("link", "set", far.interface, "address", mac)
    far.ip("link", "set", far.interface, "up")
    host.ip("link", "set", name, "up")
    if address:
        host.ip("address", "add", address, "dev", name)
    return far


def ask(host, mac, name="enterprise", extra=(), tries=8):
    """A lease for a phone of a class."""
    _, vendor, requests, _ = people()[name]
    return wire.sure_lease(host, mac, list(extra) + wire.client_options(vendor, requests), tries)


def told(ack, server):
    """The address, and that all that steers the phone names the server of its own network."""
    same("server identifier", wire.addresses(ack.get(54)), [server])
    if ack.get(160):
        same("160", ack.get(160), f"http://{server}".encode())
    else:
        same("150, 66, siaddr", (wire.addresses(ack.get(150)), ack.get(66), ack.siaddr),
             ([server], server.encode(), server))
    return ack.yiaddr


def fetched(host, address, server, mac):
    """An Enterprise phone's configuration by HTTP and TFTP, from its own address."""
    host.ip("address", "replace", f"{address}/24", "dev", host.interface)
    bodies = []
    for url in (f"http://{server}:6970/SEP{mac}.cnf.xml", f"tftp://{server}/SEP{mac}.cnf.xml"):
        done = host.run("curl", "-s", "-S", "-f", "--max-time", "10", "--interface", host.interface, url)
        expect(done.returncode == 0, f"{url}: {done.stderr.decode()}")
        bodies.append(done.stdout)
    same("by HTTP and by TFTP", bodies[0], bodies[1])
    return bodies[0].decode()


def two(bench, more=None, **network):
    network = {"interface": "second", "options": {"router": [f"{SECOND}.1"]}, **network}
    return bench.server(library(bench), roster(), sections={"dhcp.network": [network], **(more or {})})


@case("networks: two interfaces, phones of each are sent to their own side, by DHCP, TFTP and HTTP")
def two_interfaces(bench):
    server = two(bench, pool=f"{SECOND}.100-{SECOND}.150")
    phone, mpp = people()["enterprise"][0], people()["mpp"][0]
    far = plug(bench, server.host, "second", f"{OTHER}/24", fleet.colons(phone))
    near = bench.switch.host("near", mac=fleet.colons(people()["enterprise-silent"][0]))
    server.start()
    ack = ask(far, phone)
    address = told(ack, OTHER)
    expect(address.startswith(f"{SECOND}."), f"{address} on the second network")
    same("router and inherited DNS", (wire.addresses(ack.get(3)), wire.addresses(ack.get(6))),
         ([f"{SECOND}.1"], [f"{NETWORK}.2"]))
    text = fetched(far, address, OTHER, phone)
    expect(ADDRESS not in text, f"a phone of the second network is sent to the first:\n{text}")
    told(ask(far, mpp, "mpp"), OTHER)
    here = people()["enterprise-silent"][0]
    address = told(ask(near, here, "enterprise-silent"), ADDRESS)
    expect(OTHER not in fetched(near, address, ADDRESS, here), "a phone of the first network is sent to the second")
    # Moved to the other network, with the address it had.
    moved = wire.Message(wire.REQUEST, here, [(50, socket.inet_aton(address))], flags=0x8000)
    with wire.Wire(far) as line:
        answer = line.ask(moved, here)
        same("a lease of the other network", answer and answer.kind, wire.NAK)


@case("networks: an interface that comes late, loses its link, and another that changes its address, are served again")
def late_and_changing(bench):
    phone = people()["enterprise"][0]
    server = two(bench)
    server.config["bench"].pop("address")
    server.config["dhcp"].pop("pool")
    server.write_config()
    # At the start one interface does not exist, and the other has no address.
    server.host.flush()
    server.start(wait=False)
    bench.wait_for(lambda: "there is no interface second" in server.log_tail(40)
                   and "has no IPv4 address" in server.log_tail(40), 20, server.log_tail)
    server.host.ip("address", "add", f"{ADDRESS}/24", "dev", server.host.interface)
    near = bench.switch.host("near", mac=fleet.colons(phone))
    told(ask(near, phone), ADDRESS)
    far = plug(bench, server.host, "second", f"{OTHER}/24", fleet.colons(phone))
    fetched(far, told(ask(far, phone), OTHER), OTHER, phone)
    # The link goes; it is a new interface that comes back.
    server.host.ip("link", "delete", "second")
    far = plug(bench, server.host, "second", f"{OTHER}/24", fleet.colons(phone))
    fetched(far, told(ask(far, phone), OTHER), OTHER, phone)
    # The first one moves to another network.
    server.host.flush()
    server.host.ip("address", "add", "10.25.0.9/24", "dev", server.host.interface)
    bench.wait_for(lambda: "10.25.0.9" in server.log_tail(40), 20, server.log_tail)
    address = told(ask(near, phone), "10.25.0.9")
    expect(address.startswith("10.25.0."), f"{address}, of the network that was")
    near.flush()
    fetched(near, address, "10.25.0.9", phone)


@case("networks: reservations by MAC, client identifier and roster, with their options; the server's own is nobody's")
def reservations(bench):
    enterprise, mpp, listed = (people()[name][0] for name in ("enterprise", "mpp", "no-vendor-class"))
    server = two(bench, more={
        "dhcp": {"pool": f"{NETWORK}.66-{NETWORK}.70", "exclude": [f"{NETWORK}.69"], "server-name": "everywhere"},
        "dhcp.class": [{"name": "lab", "vendor-class": "CP-8851-3PCC", "boot-file": "of-class",
                        "options": {"host-name": "of-class", "domain": "of-class"}}],
        "dhcp.reservation": [
            {"mac": fleet.colons(enterprise), "address": f"{NETWORK}.50", "next-server": f"{NETWORK}.9"},
            {"client-id": "hex:ff 00 01 02", "address": f"{NETWORK}.51",
             "options": {"host-name": "of-reservation", "160": "http://10.23.45.99/mine"}}]})
    plug(bench, server.host, "second", f"{OTHER}/24")
    with open(os.path.join(server.state, "roster.csv"), "w") as file:
        file.write(f"mac,model,address\n{listed},8851,{NETWORK}.52\n{enterprise},8851,\n{mpp},8851,\n")
    server.start()
    host = bench.switch.host("c")
    ack = ask(host, enterprise)
    same("by MAC: address, siaddr, sname", (ack.yiaddr, ack.siaddr), (f"{NETWORK}.50", f"{NETWORK}.9"))
    ack = ask(host, mpp, "mpp", extra=[(61, b"\xff\0\1\2")])
    same("by client identifier", (ack.yiaddr, ack.get(12), ack.get(15), ack.get(160), ack.get(159)),
         (f"{NETWORK}.51", b"of-reservation", b"of-class", b"http://10.23.45.99/mine", None))
    same("from the roster", ask(host, listed, "no-vendor-class").yiaddr, f"{NETWORK}.52")
    others = {ask(host, fleet.mac("8851", 40 + number)).yiaddr for number in range(3)}
    same("of .66 to .70, without the server's own and the excluded", others,
         {f"{NETWORK}.66", f"{NETWORK}.68", f"{NETWORK}.70"})


@case("networks: systemd-networkd as a client, on the second interface")
def networkd(bench):
    server = two(bench)
    mac = people()["mpp"][0]
    far = plug(bench, server.host, "second", f"{OTHER}/24", fleet.colons(mac))
    server.start()
    folder = os.path.join(bench.folder, "networkd")
    os.makedirs(folder)
    with open(os.path.join(folder, "10-phone.network"), "w") as file:
        file.write(f"[Match]\nName={far.interface}\n[Network]\nDHCP=ipv4\nLinkLocalAddressing=no\nIPv6AcceptRA=no\n"
                   "[DHCPv4]\nVendorClassIdentifier=CP-8851-3PCC\nClientIdentifier=mac\nRequestOptions=160\n")
    # A private /run and /etc: nothing of the machine's own configuration is read or written.
    script = (f"mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/network /run/systemd/netif/links /run/systemd/netif/leases "
              f"&& cp {folder}/10-phone.network /run/systemd/network/ && chmod -R a+rwX /run/systemd "
              # With /sys read-only it does not wait for udev.
              "&& mount -t tmpfs tmpfs /etc/systemd && mount -o remount,bind,ro /sys "
              "&& exec env SYSTEMD_LOG_LEVEL=debug SYSTEMD_LOG_TARGET=console /lib/systemd/systemd-networkd")
    with open(os.path.join(folder, "log"), "wb") as log:
        client = far.popen("unshare", "-m", "sh", "-c", script, stdout=log, stderr=log)
    try:
        def leased():
            return f"{SECOND}." in far.ip("-4", "-br", "address", "show", far.interface)

        def said():
            with open(os.path.join(folder, "log"), errors="replace") as file:
                return file.read()[-3000:]
        bench.wait_for(leased, 30, said)
        expect(f" {server.status()[mac]['address']}/24" in far.ip("-4", "-br", "address", "show", far.interface),
               "it has another address than the server says")
    finally:
        client.terminate()
        client.wait(10)
