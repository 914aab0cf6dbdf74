"""The ledger: small under a flood, honest about what it lost, and put right after a start under a wrong clock."""

import contextlib
import datetime
import json
import os
import sqlite3
import sys
import time

import fleet
import server as server_module
import wire
from cases import case, expect, same
from cases.leases import library, people, roster
from server import ADDRESS

YEARS = 40

# Asks for what is not there, as fast as one connection can, for so many seconds; prints how often.
FLOOD = """
import socket, sys, time
address, seconds = sys.argv[1], float(sys.argv[2])
one = "GET /nothing-%d.xml HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n"
end, asked = time.monotonic() + seconds, 0
while time.monotonic() < end:
    try:
        with socket.create_connection((address, 80), 5) as line:
            while time.monotonic() < end:
                line.sendall("".join(one % (asked % 30 + number) for number in range(50)).encode())
                answers = b""
                while answers.count(b"HTTP/1.1") < 50:
                    more = line.recv(65536)
                    if not more:
                        raise OSError("closed")
                    answers += more
                asked += 50
    except OSError:
        time.sleep(0.01)
print(asked)
"""


@contextlib.contextmanager
def phone_at(bench, server, name="enterprise"):
    """A phone with a lease, and the address on its interface: (host, mac, lease)."""
    mac, vendor, requests, _ = people()[name]
    host = bench.switch.host("c", mac=fleet.colons(mac))
    with wire.Wire(host) as line:
        options = wire.client_options(vendor, requests)

        def lease():
            _, ack = wire.full_lease(line, mac, options, 0x8000)
            expect(ack is not None and ack.kind == wire.ACK, "no lease")
            return ack.yiaddr
        host.run("ip", "addr", "add", f"{lease()}/24", "dev", host.interface)
        yield host, mac, lease


def problems(server):
    done = server.host.run("curl", "-s", "--max-time", "5", "http://127.0.0.1:8080/healthz")
    return [problem["cause"] for problem in json.loads(done.stdout)["problems"]]


def logged(server):
    with open(server.log_path, errors="replace") as file:
        return file.read()


def size(server):
    names = ("ledger.db", "ledger.db-wal")
    return sum(os.path.getsize(path) for path in (os.path.join(server.state, name) for name in names)
               if os.path.exists(path))


@case("ledger: a phone that asks thousands of times a second leaves a small ledger, and the program ends soon")
def flood(bench):
    server = bench.server(library(bench), roster()).start()
    with phone_at(bench, server) as (host, mac, _):
        flooding = host.popen(sys.executable, "-c", FLOOD, ADDRESS, "15", stdout=-1)
        most = 0
        while flooding.poll() is None:
            most = max(most, size(server))
            time.sleep(0.1)
        asked = int(flooding.stdout.read())
        began = time.monotonic()
        same("exit after SIGTERM", server.stop(patience=40), 0)
        took = time.monotonic() - began
        print(f"{asked} requests, ledger at most {most / 1e6:.1f} MB, after the end {size(server) / 1e6:.1f} MB, "
              f"end in {took:.1f} s")
        expect(asked > 5000, f"only {asked} requests: no flood")
        expect(most < 8 << 20, f"the ledger has grown to {most} bytes")
        expect(took < 15, f"the end took {took:.1f} s")
        server.start()
        expect(mac in server.status(), "the phone is forgotten")


@case("ledger: one start with the clock 40 years ahead is put right by the next start")
def wrong_clock(bench):
    server = bench.server(library(bench), roster())
    ahead = dict(server_module.preload("clock.c", bench.folder), CLOCK_AHEAD=str(YEARS * 31_536_000))
    right = dict(ahead, CLOCK_AHEAD="0")
    ledger = os.path.join(server.state, "ledger.db")

    def year(text):
        return int(text[:4])

    def latest():
        with contextlib.closing(sqlite3.connect(ledger)) as file:
            return file.execute("SELECT max(high_water, ifnull((SELECT max(at) FROM observation), 0)),"
                                " (SELECT max(expires) FROM lease) FROM ledger").fetchone()
    this_year = datetime.datetime.now(datetime.UTC).year
    server.environment = right
    server.start()
    with phone_at(bench, server) as (host, mac, lease):
        def ask():
            host.run("curl", "-s", "--max-time", "5", f"http://{ADDRESS}:6970/SEP{mac}.cnf.xml")
        for end, vouched in ((server.stop, {}), (server.kill, {}), (server.kill, {"CLOCK_TRUSTED": "1"})):
            ask()
            end()
            server.environment = ahead | vouched
            server.start()
            lease()
            ask()
            expect(year(server.status()[mac]["last_seen"]) >= this_year + YEARS - 1, "the wrong clock does not show")
            end()
            server.environment = right | vouched
            server.start()
            now = time.time() * 1000
            phone = server.status()[mac]
            for key in ("first_seen", "last_seen"):
                expect(abs(year(phone[key]) - this_year) <= 1, f"{key} is {phone[key]}")
            mark, expires = latest()
            expect(mark < now + 60_000, f"the ledger is {(mark - now) / 1000:.0f} s ahead")
            expect(expires < now + 3_700_000, f"a lease ends in {(expires - now) / 1000:.0f} s")
            expect("written under a clock that was far ahead" in logged(server), "the log does not tell of it")
            lease()
            ask()
            expect(year(server.status()[mac]["last_seen"]) <= this_year + 1, "time runs wrong")
        server.stop()
        server.start()
        same("how often the ledger was set back", logged(server).count("written under a clock that was far ahead"), 3)


@case("ledger: one that lost its log, its content or its file says so in log, check and health, until the next start")
def lost(bench):
    server = bench.server(library(bench), roster()).start()
    ledger = os.path.join(server.state, "ledger.db")

    def without_log():
        with contextlib.closing(sqlite3.connect(ledger)) as file:
            file.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        for suffix in ("-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(ledger + suffix)

    def emptied():
        with open(ledger, "w"):
            pass

    def removed():
        os.unlink(ledger)
    server.kill()
    server.start()
    same("problems after a kill", problems(server), [])
    for damage, word in ((without_log, "its log"), (emptied, "is empty"), (removed, "is gone")):
        server.kill() if damage is without_log else server.stop()
        damage()
        status, checked = server.check()
        found = next(check for check in checked["environment"] if check["check"] == "ledger")
        expect(status == 1 and not found["ok"] and word in found["cause"], f"check: {found}")
        server.start()
        told = problems(server)
        expect(any(word in cause for cause in told), f"{damage.__name__}: healthz tells {told}")
        expect(word in logged(server), f"{damage.__name__}: the log tells nothing")
        server.stop()
        server.start()
        same(f"{damage.__name__}: problems at the next start", problems(server), [])
