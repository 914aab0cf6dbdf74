"""Files of firmware size, byte for byte, by every client; and names that are not there."""

import hashlib
import os
import socket
import time

import dhcp
import fleet
import lookalike
from cases import case, expect, same
from cases.leases import obtain
from server import ADDRESS
from wire import socket_in

BIG = "rootfs28832.12-5-1SR1-4.sbn"
BIG_SIZE = 90 * 1024 * 1024 + 12_345
PORTS = (80, 6970)


def big_library(bench):
    return bench.firmware("big", ["sip8832"], [lookalike.ENTERPRISE_12, lookalike.E2M, lookalike.MPP_11],
                          sizes={BIG: BIG_SIZE})


def customer(bench, firmware, **options):
    """A server and the namespace of one 8832 that has its lease and was told of the load that holds the big file."""
    phone = fleet.phone("8832", 1, "11-7-1-17", platform=2)
    server = bench.server(firmware, [phone], **options).start()
    host = bench.switch.host("c", mac=fleet.colons(phone["mac"]))
    lease(bench, host, phone)
    name = f"SEP{phone['mac']}.cnf.xml"
    document = host.run("curl", "-s", "-S", "-i", f"http://{ADDRESS}:6970/{name}")
    expect(document.stdout.startswith(b"HTTP/1.1 200") and b"sip8832.12-5-1SR1-4" in document.stdout,
           f"{name} does not name the load: {document.stdout[:500]!r} {document.stderr.decode()}")
    return server, host, phone


def lease(bench, host, phone):
    vendor = dhcp.vendor_class(phone["model"], "enterprise", "bare")
    got = obtain(bench, host, "udhcpc", vendor, dhcp.ENTERPRISE_REQUESTS)
    expect(got is not None, "no lease")
    return got


def digest(path):
    sha = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            sha.update(block)
    return [os.path.getsize(path), sha.hexdigest()]


@case("transfers: 90 MB byte-exact by curl (http, tftp), tftp-hpa and atftp, at 512 and 1428")
def big_file(bench):
    firmware = big_library(bench)
    _, host, _ = customer(bench, firmware)
    out = os.path.join(bench.folder, "big")
    curl = ["curl", "-s", "-S", "-f", "-o", out]
    ways = {f"http {port}": curl + [f"http://{ADDRESS}:{port}/{BIG}"] for port in PORTS}
    for size in (512, 1428):
        ways[f"curl tftp {size}"] = curl + ["--tftp-blksize", size, f"tftp://{ADDRESS}/{BIG}"]
        ways[f"atftp {size}"] = ["atftp", "--option", f"blksize {size}", "-g", "-r", BIG, "-l", out, ADDRESS]
    ways["curl tftp without options"] = curl + ["--tftp-no-options", f"tftp://{ADDRESS}/{BIG}"]
    ways["tftp-hpa 512"] = ["tftp", "-4", "-m", "octet", ADDRESS, "-c", "get", BIG, out]
    slow = []
    for way, command in ways.items():
        if os.path.exists(out):
            os.unlink(out)
        began = time.monotonic()
        done = host.run(*command, timeout=300)
        seconds = time.monotonic() - began
        expect(done.returncode == 0, f"{way}: exit {done.returncode}: {done.stderr.decode()}")
        same(f"{way}: size and digest", digest(out), firmware.manifest[BIG])
        if seconds > 60:
            slow.append(f"{way} took {seconds:.0f} s")
    expect(not slow, "; ".join(slow))


@case("transfers: HTTP ranges, HEAD, conditional requests, methods")
def http_details(bench):
    firmware = big_library(bench)
    server, host, _ = customer(bench, firmware)
    with open(os.path.join(firmware.folder, BIG), "rb") as file:
        content = file.read()
    out = os.path.join(bench.folder, "part")
    for port in PORTS:
        url = f"http://{ADDRESS}:{port}/{BIG}"

        def ask(*options, wanted):
            done = host.run("curl", "-s", "-S", "-D", f"{out}.head", "-o", out, "-w", "%{http_code}", *options, url)
            same(f"{port} {' '.join(options)}: status", done.stdout.decode(), str(wanted))
            with open(f"{out}.head") as head:
                lines = [line.partition(":") for line in head.read().splitlines()[1:]]
            body = b""
            if os.path.exists(out):
                with open(out, "rb") as file:
                    body = file.read()
                os.unlink(out)
            return {k.lower(): v.strip() for k, _, v in lines if k}, body
        head, body = ask("-I", wanted=200)
        same("HEAD: length", head.get("content-length"), str(BIG_SIZE))
        expect("etag" in head and "last-modified" in head, f"HEAD without ETag or Last-Modified: {head}")
        for spec, wanted in (("0-99", content[:100]), ("1000000-2999999", content[1000000:3000000]),
                             ("-500", content[-500:]), (f"{BIG_SIZE - 5}-", content[-5:])):
            head, body = ask("-r", spec, wanted=206)
            expect(body == wanted, f"{port} range {spec}: {len(body)} bytes, not those asked for")
            expect(head.get("content-range", "").endswith(f"/{BIG_SIZE}"), f"Content-Range: {head}")
        head, _ = ask("-r", f"{BIG_SIZE}-", wanted=416)
        same("416: Content-Range", head.get("content-range"), f"bytes */{BIG_SIZE}")
        etag = ask("-I", wanted=200)[0]["etag"]
        modified = ask("-I", wanted=200)[0]["last-modified"]
        ask("-H", f"If-None-Match: {etag}", wanted=304)
        ask("-H", f"If-Modified-Since: {modified}", wanted=304)
        _, body = ask("-H", 'If-None-Match: "another"', wanted=200)
        expect(body == content, "If-None-Match of another file: not the file")
        head, _ = ask("-X", "POST", "-d", "x", wanted=405)
        expect("GET" in head.get("allow", ""), f"405 without Allow: {head}")
        ask("-X", "DELETE", wanted=405)
        _, body = ask("-0", "-r", "0-9", wanted=206)
    expect(server.process.poll() is None, "the server ended")


@case("transfers: names with slashes and in any letter case; unknown names answered at once")
def names(bench):
    firmware = big_library(bench)
    _, host, phone = customer(bench, firmware)
    kernel = "rootfs8832.12-5-1SR1-4.sbn"
    wanted = firmware.manifest[kernel]
    out = os.path.join(bench.folder, "named")
    spellings = [kernel, f"/{kernel}", f"//{kernel}", kernel.upper(), kernel.lower(), kernel.replace(".", "%2E")]
    for spelling in spellings:
        for port in PORTS:
            host.run("curl", "-s", "-f", "--path-as-is", "-o", out, f"http://{ADDRESS}:{port}/{spelling}")
            expect(os.path.exists(out), f"http {port} {spelling}: nothing came")
            same(f"http {port} {spelling}", digest(out), wanted)
            os.unlink(out)
        if "%" not in spelling:
            host.run("atftp", "--option", "blksize 1428", "-g", "-r", spelling, "-l", out, ADDRESS)
            expect(os.path.exists(out), f"tftp {spelling}: nothing came")
            same(f"tftp {spelling}", digest(out), wanted)
            os.unlink(out)
    mac = phone["mac"]
    for spelling in (f"SEP{mac}.cnf.xml", f"/SEP{mac}.cnf.xml", f"sep{mac.lower()}.CNF.XML"):
        done = host.run("curl", "-s", "-f", "--path-as-is", f"http://{ADDRESS}:6970/{spelling}")
        expect(b"<device" in done.stdout, f"{spelling}: {done.stdout[:200]!r}")
    for name in ("g3-tones.xml", "/Desktops/320x196x4/List.xml", "CTLSEP001122334455.tlv", "nothing.sbn"):
        for command in (["curl", "-s", "-f", f"http://{ADDRESS}:6970/{name.lstrip('/')}"],
                        ["curl", "-s", f"http://{ADDRESS}/{name.lstrip('/')}", "-f"],
                        ["curl", "-s", "-f", f"tftp://{ADDRESS}/{name}"]):
            began = time.monotonic()
            done = host.run(*command)
            expect(done.returncode in (22, 68), f"{command[-1]}: exit {done.returncode}, not a plain 'not found'")
            seconds = time.monotonic() - began
            expect(seconds < 1.5, f"{name}: 'not found' took {seconds:.1f} s")


@case("transfers: a transfer cut in the middle disturbs no other, and can be resumed")
def cut(bench):
    firmware = big_library(bench)
    _, host, _ = customer(bench, firmware)
    out = os.path.join(bench.folder, "resumed")
    url = f"http://{ADDRESS}:6970/{BIG}"
    cut_off = host.run("curl", "-s", "-m", "1", "--limit-rate", "8M", "-o", out, url)
    same("the cut one", cut_off.returncode, 28)
    for _ in range(3):
        host.run("curl", "-s", "-m", "0.4", "--tftp-blksize", "1428", "-o", "/dev/null", f"tftp://{ADDRESS}/{BIG}")
    done = host.run("curl", "-s", "-S", "-f", "-C", "-", "-o", out, url)
    same("resumed: exit", done.returncode, 0)
    same("resumed: size and digest", digest(out), firmware.manifest[BIG])


@case("transfers: no TFTP block that would be fragmented on its way to the phone")
def fitting_blocks(bench):
    firmware = big_library(bench)
    server, host, _ = customer(bench, firmware)

    def agreed():
        with socket_in(host.namespace, socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(5)
            request = b"\0\1" + b"\0".join([BIG.encode(), b"octet", b"blksize", b"65464", b""])
            client.sendto(request, (ADDRESS, 69))
            answer, transfer = client.recvfrom(2048)
            client.sendto(b"\0\5\0\0that was all\0", transfer)
            return answer
    same("on Ethernet", agreed(), b"\0\6blksize\x001468\0")
    server.host.ip("link", "set", server.host.interface, "mtu", "1400")
    same("with an MTU of 1400", agreed(), b"\0\6blksize\x001368\0")
