#!/usr/bin/env python3
"""The Debian package in a clean system with its own systemd: installed, serving phones in its sandbox, watched, upgraded, backed
up and restored, downgraded, removed, purged.

    packages.py PACKAGE NEXT

PACKAGE is an amd64 .deb, NEXT the program of a release to come: built with the feature `next-ledger`. Needs root, mmdebstrap and
systemd-container; it touches nothing outside a container and network namespaces of its own. Exit status 0 only if everything was
as it should be.
"""

import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

import fleet
import lookalike
import server as server_module
from case import expect, same
from container import Container, clean_root
from netns import Switch

TOOLS = ("ip", "mmdebstrap", "systemd-nspawn", "dpkg-deb", "strip", "curl", "udhcpc", "dhclient", "dhcpcd", "tftp", "atftp")
STATE = "/var/lib/transload"
# CAP_NET_BIND_SERVICE and CAP_NET_RAW.
CAPABILITIES = 1 << 10 | 1 << 13
EXPOSURE = 2.0
PROGRAM_LIMIT = 20_000_000
MEMORY_LIMIT = 40_000
PHONES = 4


def step(text):
    print(f"-- {text}", flush=True)


def wait_for(what, condition, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not after {seconds} s: {what}")
        time.sleep(0.2)


class Packaged(server_module.Server):
    """The service of the package, where the checks of other tests expect a server."""

    def __init__(self, host, box, folder):
        self.box = box
        super().__init__(host, folder)
        del self.config["bench"]["state"]
        self.config_path = box.path("/etc/transload/transload.toml")

    def command(self, *arguments, timeout=60):
        return subprocess.run(self.box.command("transload", *arguments), capture_output=True, timeout=timeout)

    def show(self, name):
        return self.box.do("systemctl", "show", "--value", "-p", name, "transload").strip()

    def pid(self):
        return int(self.show("MainPID"))

    def journal(self):
        return self.box.do("journalctl", "-u", "transload", "-o", "cat", "--no-pager")

    def active(self):
        return self.show("ActiveState") == "active"

    def kernel_says(self, name, pid=None):
        status = self.box.do("cat", f"/proc/{pid or self.pid()}/status")
        return re.search(rf"^{name}:\s+(.*)$", status, re.MULTILINE)[1]


def next_release(package, program, folder):
    """The package as a release to come will be: a newer version, another program."""
    version = "99.0"
    work = os.path.join(folder, f"repacked-{version}")
    subprocess.run(["dpkg-deb", "-R", package, work], check=True)
    control = os.path.join(work, "DEBIAN/control")
    with open(control) as file:
        text = re.sub(r"^Version: .*$", f"Version: {version}", file.read(), flags=re.MULTILINE)
    with open(control, "w") as file:
        file.write(text)
    binary = os.path.join(work, "usr/bin/transload")
    subprocess.run(["strip", "-o", binary, program], check=True)
    target = os.path.join(folder, f"transload_{version}.deb")
    subprocess.run(["dpkg-deb", "--root-owner-group", "-Znone", "-b", work, target], check=True, capture_output=True)
    shutil.rmtree(work)
    return target


def install(box, package):
    shutil.copy(package, box.path("/root/transload.deb"))
    return box.do("dpkg", "-i", "/root/transload.deb")


def installed(box, service, package):
    step("install: nothing starts, everything is in its place")
    install(box, package)
    same("state of the service", (service.show("ActiveState"), service.show("UnitFileState")), ("inactive", "disabled"))
    same("owner and rights", box.do("stat", "-c", "%U:%G %a", STATE, "/etc/transload/token").split(),
         ["transload:transload", "750", "root:transload", "640"])
    expect(len(box.do("cat", "/etc/transload/token")) == 32, "the token is not 32 characters long")
    for name in ("man/man1/transload-serve.1.gz", "man/man5/transload.toml.5.gz", "bash-completion/completions/transload",
                 "zsh/vendor-completions/_transload", "fish/vendor_completions.d/transload.fish"):
        # Manual pages are left out of small systems, as dpkg is told there.
        expect(name in box.do("dpkg", "-L", "transload"), f"the package has no {name}")
    size = os.path.getsize(box.path("/usr/bin/transload"))
    print(f"package {os.path.getsize(package) / 1e6:.1f} MB, program {size / 1e6:.1f} MB")
    expect(size < PROGRAM_LIMIT, "the program is too large")
    said = box.do("systemd-analyze", "security", "--no-pager", "transload.service").strip().splitlines()[-1]
    print(said)
    expect(float(re.search(r"([\d.]+) \w+", said.split(":", 1)[1])[1]) <= EXPOSURE, "the sandbox is too wide")


def deliver(box, phones, firmware):
    """What a technician brings, imported by root."""
    folder = box.path("/root/delivery")
    os.makedirs(folder)
    for name in firmware.manifest:
        shutil.copy(os.path.join(firmware.folder, name), folder)
    for phone in phones:
        lookalike.write_license(folder, phone["mac"], "e2m")
    lookalike.write_roster(os.path.join(folder, "roster.csv"), phones)
    print(box.do("transload", "import", "--direction", "e2m", "/root/delivery").strip().splitlines()[-1])
    owned_by_service(box)


def owned_by_service(box):
    same("files of others than the service's user", box.do("find", STATE, "!", "-user", "transload").split(), [])


def serving(box, service):
    step("start: ready, unprivileged, in its sandbox")
    service.write_config()
    box.do("systemctl", "enable", "--now", "transload")
    same("state", (service.show("ActiveState"), service.show("Type")), ("active", "notify"))
    unprivileged(service)
    same("new privileges, system call filter", (service.kernel_says("NoNewPrivs"), service.kernel_says("Seccomp")),
         ("1", "2"))


def unprivileged(service, pid=None):
    user = service.box.do("id", "-u", "transload").strip()
    same("user", set(service.kernel_says("Uid", pid).split()), {user})
    for name in ("CapPrm", "CapEff"):
        same(name, int(service.kernel_says(name, pid), 16), CAPABILITIES)


def migration(service, phones, firmware, switch, folder):
    step(f"a whole migration of {len(phones)} phones through the sandbox")
    target = fleet.on_target(fleet.targets(lookalike.MPP_11))
    with fleet.Fleet(switch, os.path.join(folder, "phones"), phones, firmware.manifest_path) as on:
        on.power_on()
        stranded = on.wait(target, 180)
        lines = on.problems() + [f"{on.story(phone['mac'])}\n{service.status().get(phone['mac'])}" for phone in stranded[:2]]
        expect(not lines, "\n".join(lines + [service.journal()[-2000:]]))
        wait_for("every phone is done", lambda: done(service) == len(phones), 60)
    wait_for("the status line tells it", lambda: f" {len(phones)} done" in service.show("StatusText"))
    print(f"status: {service.show('StatusText')}")


def done(service):
    return sum(phone["stage"] == "done" for phone in service.status().values())


def watched(box, service):
    step("watchdog: it is fed, and a program that hangs is started anew")
    box.do("mkdir", "-p", "/run/systemd/system/transload.service.d")
    box.do("sh", "-c", "printf '[Service]\\nWatchdogSec=4\\n' > /run/systemd/system/transload.service.d/short.conf")
    box.do("systemctl", "daemon-reload")
    box.do("systemctl", "restart", "transload")
    pid = service.pid()
    fed = service.show("WatchdogTimestampMonotonic")
    wait_for("it was fed for three times the patience",
             lambda: int(service.show("WatchdogTimestampMonotonic")) > int(fed) + 12_000_000, 60)
    same("the process, and how often it was started anew", (service.pid(), service.show("NRestarts")), (pid, "0"))
    box.do("sh", "-c", f"kill -STOP {pid}")
    wait_for("it was started anew", lambda: service.active() and service.pid() not in (0, pid), 60)
    box.do("rm", "-r", "/run/systemd/system/transload.service.d")
    box.do("systemctl", "daemon-reload")
    box.do("systemctl", "restart", "transload")


def reloaded(box, service):
    step("reload")
    pid = service.pid()
    box.do("systemctl", "reload", "transload")
    wait_for("the log says so", lambda: "were read again" in service.journal())
    same("the process", (service.pid(), service.active()), (pid, True))


def idle_memory(service):
    resident = int(service.kernel_says("VmRSS").split()[0])
    print(f"memory, idle: {resident / 1000:.1f} MB")
    expect(resident < MEMORY_LIMIT, "it takes too much memory")


def ledger_of(box, name="ledger.db"):
    """Its version, and how many facts and leases it holds."""
    with sqlite3.connect(box.path(f"{STATE}/{name}")) as ledger:
        found = ledger.execute("SELECT version, (SELECT count(*) FROM observation) + (SELECT count(*) FROM snapshot),"
                               " (SELECT count(*) FROM lease) FROM ledger").fetchone()
    ledger.close()
    return found


def upgraded(box, service, package, program, folder):
    step("upgrade: the new program goes on with its configuration, and with the ledger brought up to date; the old one is kept")
    pid = service.pid()
    with open(box.path("/etc/transload/transload.toml")) as file:
        before = file.read()
    said = install(box, next_release(package, program, folder))
    expect("Configuration file" not in said, f"dpkg asks about the configuration:\n{said}")
    wait_for("it serves again", lambda: service.active() and service.pid() != pid)
    with open(box.path("/etc/transload/transload.toml")) as file:
        same("configuration", file.read(), before)
    same("phones done", done(service), PHONES)
    box.do("systemctl", "stop", "transload")
    (new, *_) = ledger_of(box)
    kept = f"ledger.db.v{new - 1}"
    expect(os.path.exists(box.path(f"{STATE}/{kept}")), "the old ledger was not kept, or NEXT has no newer one")
    old, facts, leases = ledger_of(box, kept)
    print(f"ledger: version {new}; kept beside it: version {old} with {facts} facts and {leases} leases")
    same("version of the kept ledger", old, new - 1)
    expect(facts >= PHONES and leases >= PHONES, "the kept ledger lacks something")
    box.do("transload", "backup", "/root/newer.tar")
    owned_by_service(box)


def backed_up(box, service):
    step("backup while it runs; restore refuses to disturb it, then brings everything back")
    print(box.do("transload", "backup", "/root/backup.tar").strip())
    refused = box.run("transload", "restore", "/root/backup.tar")
    expect(refused.returncode == 4 and "stop the other" in refused.stderr, f"restore: {refused}")
    box.do("systemctl", "stop", "transload")
    box.do("sh", "-c", f"rm -r {STATE}/ledger.db* {STATE}/licenses {STATE}/firmware; echo spoiled > {STATE}/roster.csv")
    box.do("sh", "-c", "echo '# spoiled' >> /etc/transload/transload.toml")
    print(box.do("transload", "restore", "/root/backup.tar").strip())
    owned_by_service(box)
    expect("spoiled" not in box.do("cat", "/etc/transload/transload.toml"), "the configuration was not restored")
    same("what was there", box.do("sh", "-c", f"cat {STATE}/replaced-*/roster.csv").strip(), "spoiled")
    box.do("systemctl", "start", "transload")
    same("phones done", done(service), PHONES)
    verified = box.run("transload", "check", "--verify")
    expect(" 0 for the first time, 0 damaged" in verified.stderr, f"check --verify: {verified.stderr}")


def downgraded(box, service, package):
    step("downgrade: a newer ledger, and a newer backup, are refused and left alone; with the kept ledger the old program goes on")
    path = box.path(f"{STATE}/ledger.db")
    with open(path, "rb") as file:
        before = file.read()
    (version, *_) = ledger_of(box)
    install(box, package)
    box.run("systemctl", "start", "transload")
    wait_for("the log says why", lambda: "written by a newer release" in service.journal())
    print(next(line for line in service.journal().splitlines() if "written by a newer release" in line))
    box.run("systemctl", "stop", "transload")
    refused = box.run("transload", "restore", "/root/newer.tar")
    expect(refused.returncode != 0 and f"ledger version {version}" in refused.stderr, f"restore: {refused}")
    print(refused.stderr.strip())
    with open(path, "rb") as file:
        same("the ledger is as it was", file.read() == before, True)
    box.do("cp", "-p", f"{STATE}/ledger.db.v{version - 1}", f"{STATE}/ledger.db")
    box.run("systemctl", "reset-failed", "transload")
    box.do("systemctl", "start", "transload")
    same("phones done", done(service), PHONES)


def by_hand(box, service):
    step("started as root by hand, it is the service's user")
    box.do("systemctl", "stop", "transload")
    process = subprocess.Popen(box.command("transload", "serve"), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        wait_for("it serves", lambda: service.get("http://127.0.0.1:8080/healthz").returncode == 0)
        pid = box.do("cat", f"{STATE}/lock").strip()
        unprivileged(service, pid)
        owned_by_service(box)
        box.do("sh", "-c", f"kill {pid}")
        same("exit status", process.wait(30), 0)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
    box.do("systemctl", "start", "transload")


def removed(box, service):
    step("remove keeps state and configuration; purge leaves nothing")
    box.do("dpkg", "-r", "transload")
    expect(service.get("http://127.0.0.1:8080/healthz").returncode != 0, "it still serves")
    for name in (f"{STATE}/ledger.db", "/etc/transload/transload.toml", "/etc/transload/token"):
        expect(os.path.exists(box.path(name)), f"{name} is gone")
    expect(not os.path.lexists(box.path("/etc/systemd/system/multi-user.target.wants/transload.service")), "still enabled")
    box.do("dpkg", "-P", "transload")
    left = box.do("find", "/etc", "/usr", "/var/lib", "/lib/systemd", "-xdev", "-iname", "*transload*").split()
    same("files left behind", left, [])


def run(package, program, folder):
    archive = os.path.join(os.path.dirname(os.path.abspath(package)), "clean-root.tar")
    root = os.path.join(folder, "root")
    os.makedirs(root)
    step("a clean system")
    clean_root(root, archive)
    firmware = lookalike.Firmware(os.path.join(folder, "firmware"))
    for version in (lookalike.ENTERPRISE_12, lookalike.E2M, lookalike.MPP_11):
        for family in lookalike.FAMILIES:
            firmware.load(family, version)
    firmware.manifest_path = os.path.join(folder, "manifest.json")
    firmware.save_manifest(firmware.manifest_path)
    phones = [fleet.phone(model, 0x700 + n, lookalike.ENTERPRISE_12, roster_load=True)
              for n, model in enumerate(("8851", "7841", "8865", "8832")[:PHONES])]
    with Switch() as switch:
        host = switch.host("srv", address=f"{server_module.ADDRESS}/24")
        host.small_buffers()
        with Container(root, host) as box:
            service = Packaged(host, box, os.path.join(folder, "server"))
            installed(box, service, package)
            deliver(box, phones, firmware)
            serving(box, service)
            idle_memory(service)
            migration(service, phones, firmware, switch, folder)
            reloaded(box, service)
            watched(box, service)
            backed_up(box, service)
            upgraded(box, service, package, program, folder)
            downgraded(box, service, package)
            by_hand(box, service)
            for word in ("panicked", "not permitted", "Permission denied"):
                lines = [line for line in service.journal().splitlines() if word in line]
                same(f"lines of the log that say {word!r}", lines[:3], [])
            removed(box, service)


def main():
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    lacking = [tool for tool in TOOLS if shutil.which(tool) is None]
    if os.geteuid() != 0 or lacking:
        print(f"SKIPPED: the package was not tested: it needs {', '.join(lacking) or 'root'}", file=sys.stderr)
        return 1 if os.environ.get("CI") else 0
    folder = tempfile.mkdtemp(prefix="packages-", dir="/var/tmp")
    try:
        run(*sys.argv[1:], folder)
    except AssertionError as error:
        print(f"FAILED: {error}", file=sys.stderr)
        return 1
    finally:
        subprocess.run(["rm", "-rf", "--one-file-system", folder], check=False)
    print("the package is as it should be")
    return 0


if __name__ == "__main__":
    sys.exit(main())
