"""The doors for files as boot clients of every kind use them, and clients that are no phones."""

import contextlib
import json
import os
import socket
import struct
import subprocess
import time

import dhcp
import fleet
import wire
from cases import case, expect, same
from cases.leases import obtain
from cases.transfers import big_library, customer, lease
from server import ADDRESS
from wire import socket_in

DATA, ERROR, OACK = 3, 5, 6


def request(name, *words):
    return b"\0\1" + b"\0".join(word.encode() for word in (name, "octet", *words)) + b"\0"


def client(host):
    made = socket_in(host.namespace, socket.AF_INET, socket.SOCK_DGRAM)
    made.settimeout(5)
    return made


def ask(made, packet):
    """Send a request, and return what the answer is and where it came from."""
    made.sendto(packet, (ADDRESS, 69))
    answer, transfer = made.recvfrom(2048)
    return struct.unpack(">H", answer[:2])[0], answer, transfer


@case("doors: a TFTP client that asks again from the same port with other options is answered at once")
def asks_again(bench):
    _, host, phone = customer(bench, big_library(bench))
    name = f"SEP{phone['mac']}.cnf.xml"
    with client(host) as made:
        for packet, wanted in ((request(name, "tsize", "0", "blksize", "1024"), OACK), (request(name), DATA),
                               (request(name, "blksize", "600"), OACK), (request(f"./{name}"), DATA),
                               (request(name, "blksize", "512"), OACK), (request("nothing.sbn"), ERROR),
                               (request(name, "tsize", "0"), OACK)):
            began = time.monotonic()
            kind, answer, transfer = ask(made, packet)
            same(f"the answer to {packet!r}", kind, wanted)
            expect(time.monotonic() - began < 1, f"the answer to {packet!r} took {time.monotonic() - began:.1f} s")
        made.sendto(b"\0\4\0\0", transfer)
        answer, last = made.recvfrom(2048)
        same("the block after the OACK", (answer[:4], last), (b"\0\3\0\1", transfer))
        expect(b"<device" in answer, f"{answer[:200]!r}")
        made.sendto(b"\0\5\0\0enough\0", transfer)
        made.settimeout(2)
        with contextlib.suppress(TimeoutError):
            expect(False, f"after the end: {made.recvfrom(2048)!r}")


@case("doors: one name is understood alike over TFTP and HTTP, and leads out of no folder")
def names(bench):
    server, host, phone = customer(bench, big_library(bench))
    mac = phone["mac"]
    plain = f"SEP{mac}.cnf.xml"
    found = [plain, f"/{plain}", f"//{plain}", f"./{plain}", f".\\{plain}", f"/./././{plain}", f"%2e/{plain}",
             f"%53EP{mac}.cnf.xml", plain.lower(), plain.upper(), f"\\{plain}", f"folder/{plain}"]
    with client(host) as made:
        for name in [*found, f"tftp://{ADDRESS}/{plain}", f"TFTP:{plain}"]:
            kind, answer, transfer = ask(made, request(name))
            expect(kind == DATA and b"<device" in answer, f"tftp {name}: {answer[:100]!r}")
            made.sendto(b"\0\5\0\0enough\0", transfer)
        for name in (f"../{plain}", f"..\\{plain}", f"x/../{plain}", f"%2e%2e/{plain}", "../../etc/passwd"):
            same(f"tftp {name}", ask(made, request(name))[0], ERROR)
    for name in found:
        body = raw(host, f"GET /{name} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        expect(b"<device" in body, f"http {name}: {body[:200]!r}")
    for name in (f"../{plain}", f"..\\{plain}", f"%2e%2e/{plain}"):
        expect(raw(host, f"GET /{name} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").startswith(b"HTTP/1.1 404"), name)
    for name in (f"ext_ITLSEP{mac}.tlv", "SK50719900-3bee-4594-bc3f-6400e1a33bf0.xml.sgn", "softkeys.xml",
                 "DR684abde0-6dbc-9515-dbab-b3b740147286.xml", "DefaultFP0000000000-c7a6c673-7479-46b0.xml",
                 "English_United_States/be-sip.jar", "nothing-like-it.bin"):
        host.run("curl", "-s", f"http://{ADDRESS}:6970/{name}")
    detail = json.loads(server.get(f"http://127.0.0.1:8080/api/phones/{mac}").stdout)
    same("missing", [missing["name"] for missing in detail["missing"]], ["nothing-like-it.bin"])


def raw(host, text, port=6970):
    """What the server answers, byte for byte."""
    with socket_in(host.namespace, socket.AF_INET, socket.SOCK_STREAM) as stream:
        stream.settimeout(10)
        stream.connect((ADDRESS, port))
        stream.sendall(text.encode())
        answer = b""
        while block := stream.recv(65536):
            answer += block
        return answer


@case("doors: HTTP header names are spelled as boot clients look for them")
def spelling(bench):
    server, host, phone = customer(bench, big_library(bench))
    name = f"SEP{phone['mac']}.cnf.xml"
    known = {"Accept-Ranges", "Allow", "Connection", "Content-Length", "Content-Range", "Content-Type", "Date", "ETag",
             "Last-Modified", "Retry-After"}
    for port in (80, 6970):
        for text in (f"GET /{name} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", f"GET /{name} HTTP/1.0\r\n\r\n",
                     f"HEAD /{name} HTTP/1.0\r\nHost: x\r\n\r\n", "GET /none HTTP/1.0\r\n\r\n",
                     f"GET http://{ADDRESS}/{name} HTTP/1.1\r\nhost:x\r\nconnection:close\r\nrange:bytes=0-9\r\n\r\n",
                     f"GET /{name} HTTP/1.1\r\nConnection: close\r\n\r\n"):
            head = raw(host, text, port).split(b"\r\n\r\n")[0].decode().split("\r\n")
            expect(head[0].startswith("HTTP/1."), f"{text!r}: {head}")
            given = {line.split(":")[0] for line in head[1:]}
            expect(given <= known and "Content-Length" in given, f"{text!r}: {given - known or given}")
    refused = server.host.run("curl", "-s", "-i", "http://127.0.0.1:8080/api/phones").stdout.decode()
    expect("Content-Type: application/json" in refused and "Content-Length: " in refused, refused[:300])


@case("doors: phones over the bound wait for a place and are not sent to TFTP by a 503")
def queue(bench):
    firmware = big_library(bench)
    _, host, phone = customer(bench, firmware, sections={"files": {"max-transfers": 2}})
    big = "rootfs28832.12-5-1SR1-4.sbn"
    slow = [host.popen("curl", "-s", "-m", "6", "--limit-rate", "200k", "-o", "/dev/null", f"http://{ADDRESS}:6970/{big}",
                       stdout=subprocess.DEVNULL) for _ in range(2)]
    time.sleep(1)
    began = time.monotonic()
    done = host.run("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-m", "20",
                    f"http://{ADDRESS}:6970/SEP{phone['mac']}.cnf.xml")
    for process in slow:
        process.wait()
    waited = time.monotonic() - began
    same(f"the third connection, after {waited:.1f} s", done.stdout.decode() in ("200", "503"), True)
    if done.stdout == b"503":
        expect(waited >= 4.5, f"told to come back after {waited:.1f} s")


@case("doors: a PC that boots with admit = \"all\" gets its files and is shown apart until it turns out to be a phone")
def boots(bench):
    firmware = big_library(bench)
    phone = fleet.phone("8832", 1, "11-7-1-17", platform=2)
    server = bench.server(firmware, [phone], sections={"dhcp": {"admit": "all"}})
    os.makedirs(os.path.join(server.state, "extra", "pxelinux.cfg"))
    for name in ("boot.ipxe", os.path.join("pxelinux.cfg", "default")):
        with open(os.path.join(server.state, "extra", name), "w") as file:
            file.write("#!ipxe\n")
    server.start()
    mac = "525400ABCDEF"
    pc = bench.switch.host("pc", mac=fleet.colons(mac))
    expect(obtain(bench, pc, "udhcpc", b"PXEClient:Arch:00007:UNDI:003016", [1, 3, 6, 43, 60, 66, 67]), "no lease")
    for url in (f"tftp://{ADDRESS}/boot.ipxe", f"http://{ADDRESS}/boot.ipxe", f"tftp://{ADDRESS}/pxelinux.cfg/default"):
        done = pc.run("curl", "-s", "-f", url)
        same(url, (done.returncode, done.stdout), (0, b"#!ipxe\n"))
    for url in (f"tftp://{ADDRESS}/pxelinux.cfg/01-52-54-00-ab-cd-ef", f"http://{ADDRESS}/"):
        expect(pc.run("curl", "-s", "-f", url).returncode != 0, f"{url} was answered")
    printer = bench.switch.host("printer", mac="02:00:00:00:00:77")
    expect(obtain(bench, printer, "udhcpc", None, [1, 3, 6]), "no lease for the printer")
    same("phones", set(server.status()), {phone["mac"]})
    clients = json.loads(server.get("http://127.0.0.1:8080/api/clients").stdout)
    same("other clients", [one["mac"] for one in clients], ["020000000077", mac])
    same("its class", clients[1]["vendor_class"], "PXEClient:Arch:00007:UNDI:003016")
    text = server.command("status").stdout.decode()
    expect("2 other clients, no phones:" in text and mac in text, text)
    metrics = server.get("http://127.0.0.1:8080/metrics").stdout.decode()
    expect("transload_other_clients 2" in metrics and 'phones_held{code="no-route"} 0' in metrics, "metrics")
    report = json.loads(server.command("report", "--format", "json").stdout)
    same("report", ([one["mac"] for one in report["others"]], report["totals"]["phones"]), (["020000000077", mac], 1))
    lease(bench, bench.switch.host("c", mac=fleet.colons(phone["mac"])), phone)
    pc.run("curl", "-s", f"http://{ADDRESS}/SEP{mac}.cnf.xml")
    bench.wait_for(lambda: mac in server.status(), 10, server.log_tail)
    same("then", [one["mac"] for one in json.loads(server.get("http://127.0.0.1:8080/api/clients").stdout)],
         ["020000000077"])


def renew(line, mac, address):
    message = wire.Message(wire.REQUEST, mac, wire.client_options(b"Cisco Systems, Inc. IP Phone CP-8851",
                                                                  dhcp.ENTERPRISE_REQUESTS), ciaddr=address)
    return line.ask(message, mac, source=address)


@case("doors: a phone renews its lease though it answers no ARP and the kernel's table of neighbors is full", slow=True)
def neighbors(bench):
    """For a second or two, other programs of this machine may find no room in the kernel's table either."""
    mac = fleet.mac("8851", 1)
    bench.server(big_library(bench), [fleet.phone("8851", 1, "12-5-1SR1-4")]).start()
    host = bench.switch.host("c", mac=fleet.colons(mac))
    crowd = bench.switch.host("crowd", address="10.99.0.1/16")
    with wire.Wire(host) as line:
        options = wire.client_options(b"Cisco Systems, Inc. IP Phone CP-8851", dhcp.ENTERPRISE_REQUESTS)
        _, ack = wire.full_lease(line, mac, options)
        expect(ack is not None, "no lease")
        # The phone has no address of its own here, so nobody answers ARP for it.
        answer = renew(line, mac, ack.yiaddr)
        expect(answer is not None and answer.kind == wire.ACK, f"without ARP: {answer and answer.kind}")
        with open("/proc/sys/net/ipv4/neigh/default/gc_thresh3") as file:
            limit = int(file.read())
        batch = "".join(f"neigh replace 10.99.{n >> 8}.{n & 255} lladdr 02:00:00:00:{n >> 8:02x}:{n & 255:02x} "
                        f"nud reachable dev {crowd.interface}\n" for n in range(2, limit + 200))
        full = crowd.run("ip", "-force", "-batch", "-", input=batch.encode())
        expect(b"overflow" in full.stderr or b"No buffer" in full.stderr or full.returncode != 0,
               f"the table was never full: {full.stderr[-200:]!r}")
        answer = renew(line, mac, ack.yiaddr)
        expect(answer is not None and answer.kind == wire.ACK, f"with a full table: {answer and answer.kind}")
    bench.switch.unplug(crowd)
