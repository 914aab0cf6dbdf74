"""Clients that take places and send or read nothing: phones and technicians are served all the same."""

import json
import resource
import socket
import time

import fleet
import lookalike
import wire
from cases import case, expect
from cases.leases import library
from cases.migration import OLD, explain
from cases.sip import memory
from server import ADDRESS

HALF = b"GET /x HTTP/1.1\r\nHost: x\r\nX: "


def raise_files():
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 16384), most))


def hold(host, sources, port, each, first, to=ADDRESS):
    """Open so many connections from each source address and send only this; those that could be opened."""
    held = []
    for source in sources:
        for _ in range(each):
            line = wire.socket_in(host.namespace, socket.AF_INET, socket.SOCK_STREAM)
            # Longer than a second: then comes the SYN again that a full queue dropped.
            line.settimeout(3)
            try:
                line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                line.bind((source, 0))
                line.connect((to, port))
                line.sendall(first)
                held.append(line)
            except OSError:
                line.close()
    return held


def close(lines):
    for line in lines:
        line.close()


def reached(server):
    """The bounds that healthz tells of."""
    told = json.loads(server.get("http://127.0.0.1:8080/healthz").stdout)
    return [bound["what"] for bound in told.get("reached", [])]


@case("crowd: half-sent requests from 70 addresses keep no phone from its files")
def half_heads(bench):
    raise_files()
    firmware = library(bench)
    phone = fleet.phone("7811", 0x7F1, OLD)
    server = bench.server(firmware, [phone]).start()
    attacker = bench.switch.host("crowd", mac="02:00:00:00:00:66", address="10.23.45.10/24")
    sources = [f"10.23.45.{last}" for last in range(10, 80) if f"10.23.45.{last}" != ADDRESS]
    for source in sources[1:]:
        attacker.ip("address", "add", f"{source}/24", "dev", attacker.interface)
    held = [line for port in (80, 6970) for line in hold(attacker, sources, port, 64, HALF)]
    expect(len(held) > 5000, f"only {len(held)} connections could be opened")
    told = reached(server)
    with bench.fleet([phone], firmware) as phones_on:
        phones_on.power_on()
        stranded = phones_on.wait(fleet.on_target(fleet.targets(lookalike.MPP_11)), 100)
        explain(bench, server, phones_on, stranded)
    close(held)
    expect("http-connections" in told, f"healthz does not tell of the bound: {told}")
    expect("too many connections for files over HTTP" in server.log_tail(2000), "the log does not tell of the bound")


@case("crowd: half-sent requests from the technician's own address do not lock the page")
def half_heads_at_the_page(bench):
    raise_files()
    server = bench.server().start()
    held = hold(server.host, ["127.0.0.1"], 8080, 400, HALF, to="127.0.0.1")
    expect(len(held) == 400, f"only {len(held)} connections opened")
    for path in ("", "api/phones", "healthz"):
        done = server.get(f"http://127.0.0.1:8080/{path}")
        expect(done.returncode == 0, f"/{path} is not answered: {done.stderr.decode()}")
    close(held)


@case("crowd: connections that register nobody keep no phone from the registrar")
def silent_at_the_registrar(bench):
    raise_files()
    firmware = library(bench)
    server = bench.server(firmware).start()
    attacker = bench.switch.host("crowd", mac="02:00:00:00:00:66", address="10.23.45.10/24")
    sources = [f"10.23.45.{last}" for last in range(10, 80) if f"10.23.45.{last}" != ADDRESS]
    for source in sources[1:]:
        attacker.ip("address", "add", f"{source}/24", "dev", attacker.interface)
    held = hold(attacker, sources, 5060, 6, b"REGISTER sip:")
    expect(len(held) > len(sources), f"only {len(held)} connections opened")
    told = reached(server)
    deadline = time.monotonic() + 15
    while held and time.monotonic() < deadline:
        for line in list(held):
            line.setblocking(False)
            try:
                ended = line.recv(1) == b""
            except BlockingIOError:
                ended = False
            except OSError:
                ended = True
            if ended:
                line.close()
                held.remove(line)
        time.sleep(0.2)
    expect(not held, f"{len(held)} silent connections are still open after 15 s")
    expect("registrar-connections" in told, f"healthz does not tell of the bound: {told}")


def told_of(server, ask, mac):
    """Read events as a page does until they tell of this phone. What all pages are told from has it then."""
    lines = hold(server.host, ["127.0.0.1"], 8080, 1, ask, to="127.0.0.1")
    expect(lines, "the page's events are not answered")
    lines[0].settimeout(30)
    seen = b""
    while mac not in seen:
        block = lines[0].recv(65536)
        expect(block, f"the events ended before they told of {mac.decode()}")
        seen = seen[-len(mac):] + block
    close(lines)


@case("crowd: 64 pages that read nothing hold little memory, whatever the number of phones")
def silent_listeners(bench):
    server = bench.server()
    with open(f"{server.state}/roster.csv", "w") as file:
        file.write("MAC,model,location\n")
        file.writelines(f"C4B9CD{number:06X},8851,Room {number} of a long corridor\n" for number in range(10000))
    server.start()
    ask = b"GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n"
    first = hold(server.host, ["127.0.0.1"], 8080, 1, ask, to="127.0.0.1")
    told_of(server, ask, b"C4B9CD00270F")
    before = memory(server)
    # One after another, so that no two are told the same.
    held = []
    for _ in range(60):
        held += hold(server.host, ["127.0.0.1"], 8080, 1, ask, to="127.0.0.1")
        time.sleep(0.3)
    deadline = time.monotonic() + 10
    grown = 0
    while time.monotonic() < deadline:
        grown = max(grown, memory(server) - before)
        time.sleep(0.5)
    expect(len(held) == 60 and grown < 60_000, f"{len(held)} listeners cost {grown} KB")
    expect(server.get("http://127.0.0.1:8080/healthz").returncode == 0, "the page is not answered")
    close(first + held)
