"""The guard: other DHCP servers, floods of made-up clients, links that are gone, and `explain`, which tells of all this."""

import json
import os
import select
import socket
import threading
import time

import fleet
import lookalike
import wire
from cases import case, expect, same
from cases.leases import library, people, roster
from cases.networks import ask
from server import ADDRESS, NETWORK, binary


def serve(server, *arguments):
    """`transload serve` with arguments; not waited for."""
    with open(server.log_path, "ab") as log:
        server.process = server.host.popen(binary(), "serve", *arguments, "--config", server.config_path, stdout=log,
                                           stderr=log)


def explained(server, mac):
    done = server.command("explain", mac, "--json")
    expect(done.returncode in (0, 1), f"explain: exit {done.returncode}: {done.stderr.decode()}")
    return done.returncode, json.loads(done.stdout)


@case("guard: another DHCP server ends an interactive start with 3, is waited for by a service, and can be ignored")
def modes(bench):
    phone = people()["enterprise"][0]
    server = bench.server(library(bench), roster())
    rogue = bench.switch.host("rogue", address=f"{NETWORK}.9/24")
    phones = bench.switch.host("c", mac=fleet.colons(phone))

    def our_offer():
        """Whether our server offers: the other one may answer too."""
        message = wire.Message(wire.DISCOVER, phone, wire.client_options(people()["enterprise"][1]), flags=0x8000)
        with wire.Wire(phones) as line:
            line.send(message, phone)
            deadline = time.monotonic() + 2
            while (left := deadline - time.monotonic()) > 0:
                answer = line.receive(message.xid, left)
                # The other one offers in the name of ours, as it is made for; but not by its Ethernet address.
                if answer and answer.get(1) and answer.get(42):
                    return True
        return False
    with Foreign(rogue):
        serve(server)
        same("exit of an interactive start", server.process.wait(20), 3)
        expect("another DHCP server" in server.log_tail() and "10.23.45.9" in server.log_tail(), server.log_tail())
        serve(server, "--unattended")
        bench.wait_for(lambda: "waits until it is gone" in server.log_tail(), 20, server.log_tail)
        expect(not our_offer(), "answered beside another server")
        same("status", server.command("status").returncode, 0)
    bench.wait_for(our_offer, 40, server.log_tail)
    # Found while serving: silent, held, and resumed.
    with Foreign(rogue) as foreign:
        foreign.shout()
        bench.wait_for(lambda: "silent until it is gone" in server.log_tail(), 10, server.log_tail)
        expect(not our_offer(), "answered beside another server")
        held = [one for one in server.status().values() if one["first_seen"]]
        same("holds", {one["hold"] and one["hold"]["code"] for one in held}, {"foreign-dhcp"})
    bench.wait_for(our_offer, 40, server.log_tail)
    server.stop()
    server.config["dhcp"]["on-foreign"] = "ignore"
    server.write_config()
    with Foreign(rogue):
        server.start()
        expect(our_offer(), "silent although the other server is to be ignored")


class Foreign:
    """Another DHCP server: offers to everybody, from a thread, while in a `with` statement."""

    def __init__(self, host):
        self.host = host

    def __enter__(self):
        self.wire = wire.Wire(self.host, port=67)
        self.mac = self.host.ip("-br", "link", "show", self.host.interface).split()[2]
        self.running = True
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.running = False
        self.thread.join(2)
        self.wire.socket.close()

    def _serve(self):
        while self.running:
            message = self.wire.receive(timeout=0.3)
            if message and message.op == 1 and message.kind == wire.DISCOVER:
                self._offer(message.xid, message.chaddr.hex())

    def _offer(self, xid, mac):
        own = f"{NETWORK}.9"
        options = [(54, socket.inet_aton(own)), (51, b"\0\0\x0e\x10"), (1, b"\xff\xff\xff\0")]
        offer = wire.Message(wire.OFFER, mac, options, op=2, xid=xid, flags=0x8000, yiaddr=f"{NETWORK}.240")
        self.wire.send(offer, self.mac, source=own, ports=(67, 68))

    def shout(self):
        """An offer that everybody hears."""
        self._offer(1, "020000000001")


@case("guard: a flood of made-up phones and computers takes nothing from phones that are known, and no memory")
def flood(bench):
    people_listed = roster()
    server = bench.server(library(bench), people_listed, sections={
        "dhcp": {"pool": f"{NETWORK}.100-{NETWORK}.131", "lease": "1h"}}).start()
    holder, late = people()["enterprise"][0], people()["mpp"][0]
    host = bench.switch.host("c")
    first = ask(host, holder)
    host.ip("address", "add", f"{first.yiaddr}/24", "dev", host.interface)
    vendor, requests = people()["enterprise"][1:3]
    flooder = bench.switch.host("flood")
    count = 30_000 if not bench.long else 100_000

    def resident():
        with open(f"/proc/{server.pid()}/status") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))
    before = resident()
    own = host.ip("-br", "link", "show", host.interface).split()[2]
    renewals = 0
    with wire.Wire(flooder) as line, wire.Wire(host) as phone:
        line.socket.setblocking(False)
        for number in range(count):
            mac = f"02{number:010X}"
            options = wire.client_options(vendor if number % 2 else b"MSFT 5.0", requests)
            line.send(wire.Message(wire.DISCOVER, mac, options, flags=0x8000), mac)
            if number % 64 == 0:
                # No faster than it is handled, so that each is.
                while select.select([line.socket], [], [], 0.004)[0]:
                    line.socket.recv(65535)
            if number % (count // 6) == count // 12:
                renew = wire.Message(wire.REQUEST, holder, wire.client_options(vendor, requests), ciaddr=first.yiaddr)
                answer = phone.ask(renew, own, source=first.yiaddr, tries=5)
                same("a renewal in the flood", (answer and answer.kind, answer and answer.yiaddr),
                     (wire.ACK, first.yiaddr))
                renewals += 1
    same("renewals", renewals, 6)
    # All addresses are on offer to somebody made up now; a listed phone gets one all the same, at once.
    ack = ask(host, late, "mpp", tries=2)
    expect(ack.yiaddr.startswith(f"{NETWORK}.1"), f"{ack.yiaddr}")
    grown = resident() - before
    expect(grown < 24_000, f"resident memory has grown by {grown} KB from {before} KB")
    ledger = sum(os.path.getsize(os.path.join(server.state, name)) for name in os.listdir(server.state)
                 if name.startswith("ledger"))
    expect(ledger < 8_000_000, f"the ledger has {ledger} bytes")
    server.kill()
    server.start()
    same("phones after a restart", set(server.status()), {one["mac"] for one in people_listed})


@case("guard: while the link is gone a phone's silence counts for nothing")
def link_gone(bench):
    firmware = bench.firmware("e2m", lookalike.FAMILIES, [lookalike.ENTERPRISE_12, lookalike.E2M, lookalike.MPP_11])
    phone = people()["enterprise"][0]
    server = bench.server(firmware, [{"mac": phone, "model": "8851", "vid": 5, "load": ""}],
                          timing={"already-there": "6s", "not-asking": "100s"}).start()
    host = bench.switch.host("c", mac=fleet.colons(phone))
    address = ask(host, phone).yiaddr
    host.ip("address", "add", f"{address}/24", "dev", host.interface)
    fetch = host.run("curl", "-s", "-f", "--max-time", "10", f"http://{ADDRESS}:6970/SEP{phone}.cnf.xml")
    expect(b"<loadInformation" in fetch.stdout, f"no load was named: {fetch.stdout!r}")
    port = f"p{[h.interface for h in bench.switch.hosts].index(server.host.interface) + 1}"
    bench.switch._in_bridge("link", "set", port, "down")
    bench.wait_for(lambda: "the link or the address is gone" in server.log_tail(), 10, server.log_tail)
    # Longer than the silence that would have told that it runs the load already.
    time.sleep(8)
    told = server.status()[phone]
    expect("did not ask" not in (told["load_evidence"] or ""), f"silence counted: {told['load_evidence']}")
    bench.switch._in_bridge("link", "set", port, "up")
    same("address after the link is back", ask(host, phone).yiaddr, address)


@case("guard: explain tells class, options with their origin, lease, what comes next, and why a client got nothing")
def explain(bench):
    phone, mpp = people()["enterprise"][0], people()["mpp"][0]
    server = bench.server(library(bench), roster(), licensed=[{"mac": phone}], sections={
        "dhcp.class": [{"name": "lab", "vendor-class": "CP-8851-3PCC", "options": {"host-name": "lab"}}]}).start()
    host = bench.switch.host("c")
    address = ask(host, phone).yiaddr
    ask(host, mpp, "mpp")
    stranger = "020000000077"
    with wire.Wire(host) as line:
        line.send(wire.Message(wire.DISCOVER, stranger, wire.client_options(b"MSFT 5.0", [1, 3])), stranger)
    status, told = explained(server, phone)
    origins = {one["code"]: (one["value"], one["origin"]) for one in told["options"]}
    same("exit, class, lease", (status, told["class"]["name"], told["lease"]["address"], told["lease"]["state"]),
         (0, "enterprise", address, "bound"))
    same("origins", (origins[150], origins[3], origins[54]),
         ((ADDRESS, "built-in class enterprise"), (f"{NETWORK}.1", "global options"), (ADDRESS, "the server")))
    same("next", told["next"]["what"], "load")
    status, told = explained(server, mpp)
    origins = {one["code"]: one["origin"] for one in told["options"]}
    same("a held phone of a configured class", (status, told["class"]["name"], origins[12], origins[160]),
         (1, "lab", "class lab", "built-in class multiplatform"))
    expect(told["hold"]["code"] == "no-license" and told["hold"]["cure"], f"{told['hold']}")
    status, told = explained(server, stranger)
    expect(status == 1 and told["phone"] is None and "MSFT 5.0" in told["last_dhcp"], f"{told}")
    status, told = explained(server, "020000000078")
    same("one that nobody knows", (status, told["phone"], told["last_dhcp"]), (1, None, None))
    same("no MAC", server.command("explain", "nobody").returncode, 2)
    text = server.command("explain", fleet.colons(phone)).stdout.decode()
    expect("built-in class enterprise" in text and "next:" in text, text)
    server.stop()
    status, told = explained(server, phone)
    same("with no bench running", (status, told["lease"]["address"], told["next"]["what"]), (0, address, "load"))
