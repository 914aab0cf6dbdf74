"""Starting, stopping, dying: the program's life, while phones depend on it."""

import os
import signal
import subprocess
import time

import fleet
import lookalike
import server as server_module
import wire
from cases import case, expect, same
from cases.leases import library, people, roster
from cases.migration import OLD, Technician, done_everywhere, explain, make_fleet
from lookalike import E2M, ENTERPRISE_12, M2E, MPP_11, MPP_12


def kill_rounds(bench, direction, starts, target, versions, rounds):
    """Phones walk while the server is killed again and again; all arrive, and no address is given twice."""
    # Large enough that a kill finds transfers under way.
    sizes = {f"rootfs{f}.{v}.sbn": 3_000_000 for v in versions
             for f in ("78xx", "2.78xx", "88xx", "288xx", "388xx", "8845_65", "8832", "28832", "7832")}
    firmware = bench.firmware(f"kill-{direction}", lookalike.FAMILIES, versions, sizes=sizes)
    phones = make_fleet(bench.phones, starts, rate=1_500_000)
    # One server namespace, one state folder, many processes.
    server = bench.server(firmware, phones, direction=direction).start()
    with bench.fleet(phones, firmware, factor=15) as phones_on:
        phones_on.power_on(spread=0.05)
        # The flashes that this fleet will make at the least, and so the moments that are its middle.
        total = len(phones) * 3 // 2
        for number in range(rounds):
            bench.wait_for(lambda: flashes(phones_on) >= total * number // rounds or phones_on.problems(), 120,
                           lambda: f"only {flashes(phones_on)} flashes before kill {number + 1}")
            time.sleep(bench.random.uniform(0.0, 1.5))
            phones_on.mark("server killed")
            server.kill()
            time.sleep(bench.random.uniform(0.0, 1.5))
            server.start()
            phones_on.mark("server up again")
        # What died with the server can leave it in doubt of what an Enterprise phone runs; the phone then needs one
        # restart, and status says so. That must be the exception.
        technician = Technician()
        stranded = phones_on.wait(fleet.on_target(fleet.targets(target)), 120 + 5 * len(phones),
                                  each=lambda: technician(server, phones_on))
        explain(bench, server, phones_on, stranded)
        done_everywhere(bench, server, phones_on, target, 90)
        helped = sorted(technician.next_time)
        expect(len(helped) <= len(phones) // 4, f"{len(helped)} of {len(phones)} phones needed a restart: {helped}")
        same("addresses held by two phones", phones_on.doubled(), {})
        unstable = {s["mac"]: sorted({a for _, a in s["leases"]}) for s in phones_on.states()
                    if len({a for _, a in s["leases"]}) > 1}
        same("phones whose address changed", unstable, {})


def flashes(phones_on):
    return sum(step.startswith("flash") for state in phones_on.states() for _, step in state["steps"])


@case("lifecycle: kill -9 in mid-migration and restart, E2M")
def kill_e2m(bench):
    kill_rounds(bench, "e2m", [(OLD, False), (ENTERPRISE_12, True)], MPP_11, [ENTERPRISE_12, E2M, MPP_11],
                12 if bench.long else 4)


@case("lifecycle: kill -9 in mid-migration and restart, M2E")
def kill_m2e(bench):
    kill_rounds(bench, "m2e", [(MPP_11, False), (MPP_12, False)], ENTERPRISE_12, [ENTERPRISE_12, M2E],
                12 if bench.long else 4)


@case("lifecycle: leases outlive kill -9, and nobody gets another's")
def leases_survive(bench):
    server = bench.server(library(bench), roster()).start()
    host = bench.switch.host("c", mac="02:00:00:00:00:99")
    given = {}
    with wire.Wire(host) as line:
        for round_number in range(4):
            for name, (mac, vendor, requests, _) in people().items():
                options = wire.client_options(vendor, requests)
                _, ack = wire.full_lease(line, mac, options, 0x8000)
                expect(ack is not None and ack.kind == wire.ACK, f"{name}, round {round_number}: no lease")
                same(f"{name}, round {round_number}: address", ack.yiaddr, given.setdefault(name, ack.yiaddr))
                # Killed right behind the ACK: what was acknowledged must be on disk.
                if round_number == 0 and len(given) % 3 == 0:
                    server.kill()
                    server.start()
            server.kill()
            server.start()
    same("different addresses", len(set(given.values())), len(given))


@case("lifecycle: a clock that jumped ahead ends no lease, unless something vouches for it")
def clock_jump(bench):
    server = bench.server(None, roster(), sections={"dhcp": {"pool": "10.23.45.100-10.23.45.100"}}).start()
    host = bench.switch.host("c", mac="02:00:00:00:00:99")
    (mac, vendor, requests, _), (other, *_) = people()["enterprise"], people()["mpp"]
    options = wire.client_options(vendor, requests)

    def reboot():
        request = [(50, wire.socket.inet_aton("10.23.45.100"))] + options
        reply = line.ask(wire.Message(wire.REQUEST, mac, request, flags=0x8000), mac)
        return reply and reply.kind

    def offered_to_another():
        return line.ask(wire.Message(wire.DISCOVER, other, options, flags=0x8000), other, timeout=1.5, tries=1)
    with wire.Wire(host) as line:
        _, ack = wire.full_lease(line, mac, options, 0x8000)
        same("lease", ack and (ack.kind, ack.yiaddr), (wire.ACK, "10.23.45.100"))
        for years in (1, 2):
            server.kill()
            server.environment = dict(server_module.preload("clock.c", bench.folder), CLOCK_AHEAD=str(years * 31_536_000))
            server.start()
            expect(offered_to_another() is None, f"{years} years ahead, the only address is offered to another phone")
        same("the holder, two years later", reboot(), wire.ACK)
        server.kill()
        server.environment |= {"CLOCK_AHEAD": str(3 * 31_536_000), "CLOCK_TRUSTED": "1"}
        server.start()
        offer = offered_to_another()
        same("with a trusted clock, the address is offered to another", offer and offer.yiaddr, "10.23.45.100")


@case("lifecycle: SIGTERM ends with 0, the state serves the next process")
def sigterm(bench):
    server = bench.server(library(bench), roster()).start()
    mac, vendor, requests, _ = people()["enterprise"]
    host = bench.switch.host("c", mac=fleet.colons(mac))
    with wire.Wire(host) as line:
        _, ack = wire.full_lease(line, mac, wire.client_options(vendor, requests), 0x8000)
    expect(ack is not None, "no lease")
    began = time.monotonic()
    same("exit after SIGTERM", server.stop(), 0)
    expect(time.monotonic() - began < 13, "SIGTERM took longer than the drain of 10 s")
    server.start()
    expect(mac in server.status(), "the phone is forgotten")
    same("address", server.status()[mac]["address"], ack.yiaddr)
    same("exit after SIGINT", server.stop(signal.SIGINT), 0)


@case("lifecycle: SIGHUP with a bad file changes nothing, with a good one it takes it")
def sighup(bench):
    server = bench.server(library(bench), roster()).start()
    mac, vendor, requests, _ = people()["enterprise"]
    host = bench.switch.host("c", mac=fleet.colons(mac))
    options = wire.client_options(vendor, requests)

    def router():
        with wire.Wire(host) as line:
            _, ack = wire.full_lease(line, mac, options, 0x8000)
            expect(ack is not None and ack.kind == wire.ACK, "no lease")
            return wire.addresses(ack.get(3))
    same("router", router(), ["10.23.45.1"])
    with open(server.config_path) as file:
        good = file.read()
    for bad in ("[bench\ninterface = 5", good.replace("[dhcp]", "[dhcp]\nno-such-key = 1"),
                good.replace("10.23.45.100-10.23.45.250", "10.23.45.250-10.23.45.100").replace("45.1\"", "45.9\""), ""):
        with open(server.config_path, "w") as file:
            file.write(bad)
        os.kill(server.pid(), signal.SIGHUP)
        time.sleep(1)
        expect(server.process.poll() is None, f"SIGHUP with a bad file ended the server:\n{server.log_tail()}")
        same("router after a bad file", router(), ["10.23.45.1"])
        done = server.command("reload")
        expect(done.returncode in (1, 2), f"reload of a bad file: exit {done.returncode}")
        expect(done.stderr.strip(), "reload of a bad file says nothing")
        same("router after reload of a bad file", router(), ["10.23.45.1"])
    with open(server.config_path, "w") as file:
        file.write(good.replace("10.23.45.1\"", "10.23.45.9\""))
    os.kill(server.pid(), signal.SIGHUP)
    bench.wait_for(lambda: router() == ["10.23.45.9"], 10, lambda: f"the new router is not given:\n{server.log_tail()}")


@case("lifecycle: a second process on the same state folder is refused with exit 4")
def second_process(bench):
    server = bench.server(library(bench), roster()).start()
    other_host = bench.switch.host("srv2", address="10.23.45.68/24")
    other = server_module.Server(other_host, os.path.join(bench.folder, "other"))
    other.config["bench"]["state"] = server.state
    other.config["bench"]["address"] = "10.23.45.68/24"
    other.config["dhcp"]["on-foreign"] = "ignore"
    other.write_config()
    other.start(wait=False)
    bench.servers.append(other)
    bench.wait_for(lambda: other.process.poll() is not None, 15, lambda: "it runs beside the first")
    same("exit", other.process.returncode, 4)
    lines = other.log_tail().strip().splitlines()
    expect(lines and server.state in other.log_tail(), f"it does not say which folder: {lines}")
    expect(server.process.poll() is None, "the first one ended")
    same("exit of the same configuration, started twice", start_twice(server), 4)
    mac, vendor, requests, _ = people()["mpp"]
    host = bench.switch.host("c", mac=fleet.colons(mac))
    with wire.Wire(host) as line:
        _, ack = wire.full_lease(line, mac, wire.client_options(vendor, requests), 0x8000)
    expect(ack is not None and ack.kind == wire.ACK, "the first one serves no more")


def start_twice(server):
    return server.command("serve", timeout=15).returncode


@case("lifecycle: exit 2 for a bad configuration, 4 for an address in use, 3 for a foreign DHCP server")
def exit_codes(bench):
    server = bench.server(library(bench), roster())
    with open(server.config_path) as file:
        good = file.read()
    for bad, line in (("[bench]\ninterfaces = \"e1\"\n", "interface"), ("[dhcp\n", "transload.toml:1"), ("", "interface")):
        with open(server.config_path, "w") as file:
            file.write(bad)
        done = server.command("serve", timeout=15)
        same(f"exit with {bad!r}", done.returncode, 2)
        expect(line in done.stderr.decode(), f"{bad!r}: {done.stderr.decode()!r}")
    with open(server.config_path, "w") as file:
        file.write(good)
    squatter = wire.socket_in(server.host.namespace)
    squatter.setsockopt(wire.socket.SOL_SOCKET, wire.socket.SO_REUSEADDR, 1)
    squatter.bind((server_module.ADDRESS, 6970))
    squatter.listen(1)
    done = server.command("serve", timeout=20)
    same("exit with port 6970 in use", done.returncode, 4)
    expect("6970" in done.stderr.decode() + done.stdout.decode(), f"it does not name the port: {done.stderr}")
    squatter.close()
    foreign_host = bench.switch.host("foreign", address="10.23.45.5/24")
    config = os.path.join(bench.folder, "udhcpd.conf")
    with open(config, "w") as file:
        file.write(f"start 10.23.45.50\nend 10.23.45.60\ninterface {foreign_host.interface}\n"
                   f"lease_file {bench.folder}/udhcpd.leases\npidfile {bench.folder}/udhcpd.pid\n"
                   "option subnet 255.255.255.0\n")
    foreign = foreign_host.popen("busybox", "udhcpd", "-f", config, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        time.sleep(0.5)
        done = server.command("serve", timeout=30)
        same("exit beside a foreign DHCP server", done.returncode, 3)
        _, report = server.check()
        found = {entry["check"]: entry for entry in report["environment"]}["other-dhcp"]
        expect(not found["ok"] and "10.23.45.5" in found["cause"], f"check does not name the other server: {found}")
        expect(b"10.23.45.5" in done.stderr + done.stdout, f"it does not name the server: {done.stderr.decode()}")
    finally:
        foreign.kill()
        foreign.wait()


@case("lifecycle: a server that was off when the phones were plugged in takes them up")
def late_start(bench):
    firmware = library(bench)
    phones = make_fleet(4, [(OLD, False)])
    server = bench.server(firmware, phones)
    with bench.fleet(phones, firmware) as phones_on:
        phones_on.power_on()
        time.sleep(6)
        server.start()
        stranded = phones_on.wait(fleet.on_target(fleet.targets(MPP_11)), 120)
        explain(bench, server, phones_on, stranded)
