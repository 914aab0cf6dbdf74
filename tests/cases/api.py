"""The admin plane: what programs ask of it, and who cannot reach it."""

import json
import os
import re
import shutil
import subprocess
import venv

import lookalike
import server as server_module
from cases import case, expect, same
from cases.leases import roster
from cases.migration import OLD, make_fleet
from lookalike import E2M, ENTERPRISE_12, MPP_11

SCHEMATHESIS = "4.32.5"
HERE = os.path.dirname(os.path.abspath(__file__))


def schemathesis():
    """Its program, in an environment of its own that is made once."""
    target = os.environ.get("CARGO_TARGET_DIR", os.path.join(HERE, "..", "..", "target"))
    folder = os.path.abspath(os.path.join(target, f"schemathesis-{SCHEMATHESIS}"))
    program, made = os.path.join(folder, "bin", "st"), os.path.join(folder, "made")
    if not os.path.exists(made):
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([os.path.join(folder, "bin", "pip"), "install", "-q", f"schemathesis=={SCHEMATHESIS}"],
                       check=True, timeout=300)
        open(made, "w").close()
    return program


@case("api: fuzzed from its own description while phones migrate, it never fails and never says what it did not announce")
def fuzzed(bench):
    program = schemathesis()
    firmware = bench.firmware("api", lookalike.FAMILIES, [ENTERPRISE_12, E2M, MPP_11])
    phones = make_fleet(12, [(OLD, False), (ENTERPRISE_12, True)])
    server = bench.server(firmware, phones, timing={"quiet": "1s"})
    token = os.path.join(bench.folder, "token")
    with open(token, "w") as file:
        file.write("a-token-of-the-fuzzer\n")
    server.config["admin"]["token-file"] = token
    server.write_config()
    server.start()
    hooks = os.path.join(HERE, "..", "api")
    environment = dict(os.environ, SCHEMATHESIS_HOOKS="hooks", PYTHONPATH=hooks,
                       TRANSLOAD_PHONES=",".join(phone["mac"] for phone in phones))
    seconds = 600 if bench.long else 40
    url = "http://127.0.0.1:8080"
    with bench.fleet(phones, firmware) as phones_on:
        phones_on.power_on()
        done = server.host.run(
            program, "--config-file", os.path.join(hooks, "schemathesis.toml"), "run", f"{url}/api/openapi.json",
            "--phases", "examples,coverage,fuzzing",
            "--header", "Authorization: Bearer a-token-of-the-fuzzer", "--exclude-path", "/api/events",
            "--max-time", seconds, "--seed", bench.seed, "--request-timeout", "20", "--no-color",
            cwd=bench.folder, env=environment, timeout=seconds + 240)
        said = done.stdout.decode()
        expect(done.returncode == 0, said[-6000:] + done.stderr.decode()[-2000:])
        # What it did, it did to phones that there are.
        expect("5 operations repeatedly returned 404" not in said, said[-3000:])


ROUTES = ("/healthz", "/metrics", "/api/phones", "/api/phones/{mac}", "/api/library", "/api/openapi.json", "/api/events",
          "/api/report")
ACTIONS = ("/api/phones/{mac}/hold", "/api/phones/{mac}/restart", "/api/phones/forget", "/api/import", "/api/roster")


def listening(server):
    """The TCP ports that anything in the server's namespace listens on."""
    lines = server.host.run("ss", "-H", "-l", "-t", "-n").stdout.decode().splitlines()
    return sorted({int(line.split()[3].rsplit(":", 1)[1]) for line in lines})


def answers(client, port, mac):
    """What each admin route says to somebody on the staging network who knows no token: (method, path, Host, status)."""
    seen = []
    asked = [("GET", path) for path in ROUTES] + [("POST", path) for path in ACTIONS]
    asked.append(("DELETE", "/api/phones/{mac}"))
    for method, path in asked:
        for name in (f"{server_module.ADDRESS}:{port}", "localhost", "127.0.0.1:8080"):
            url = f"http://{server_module.ADDRESS}:{port}{path.format(mac=mac)}"
            done = client.run("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--max-time", "5", "-X", method,
                              "-H", f"Host: {name}", "--path-as-is", url)
            seen.append((method, path, name, int(done.stdout or 0)))
    return seen


@case("api: from the staging network no admin route can be reached, whatever is asked for and by whatever name")
def two_planes(bench):
    phones = roster()
    mac = phones[0]["mac"]
    token = os.path.join(bench.folder, "token")
    with open(token, "w") as file:
        file.write("a-token-nobody-knows\n")
    server = bench.server(None, phones).start()
    client = bench.switch.host("c", address=f"{server_module.NETWORK}.7/24")
    expect(8080 in listening(server), f"the admin plane is not up: {listening(server)}")
    # As shipped: on loopback, which the staging network does not reach at all.
    done = client.run("curl", "-s", "--max-time", "5", f"http://{server_module.ADDRESS}:8080/api/phones")
    expect(done.returncode == 7, f"port 8080 answers: {done.returncode} {done.stdout!r}")
    for port in listening(server):
        for method, path, name, status in answers(client, port, mac):
            # 0: nobody there, or no HTTP. The doors for files know GET, and no such names.
            expect(status in (0, 400, 404, 405), f"port {port}: {method} {path} as {name}: {status}")
    # On every address, as on a box with one socket: it is there, and says nothing to those without the token.
    server.stop()
    server.config["admin"] = {"listen": "0.0.0.0:8080", "token-file": token}
    server.write_config()
    server.start()
    for method, path, name, status in answers(client, 8080, mac):
        expect(status == 401, f"{method} {path} as {name}: {status}")
    with_token = ["-H", "Authorization: Bearer a-token-nobody-knows"]
    for status, options in ((200, []), (403, ["-H", "Origin: http://evil.example"]),
                            (403, ["-H", "Sec-Fetch-Site: cross-site"])):
        done = client.run("curl", "-s", "-w", "\n%{http_code}", "--max-time", "5", "-X", "POST", *with_token, *options,
                          f"http://{server_module.ADDRESS}:8080/api/phones/{mac}/hold")
        same(f"hold with {options}", done.stdout.decode().rsplit("\n", 1)[1], str(status))
    done = server.command("status", "--json")
    same("status, which reads the token", done.returncode, 0)


@case("api: figures pass promtool, count what happened, and every query of the dashboard finds its own")
def figures(bench):
    firmware = bench.firmware("api", lookalike.FAMILIES, [ENTERPRISE_12, E2M, MPP_11])
    phones = make_fleet(6, [(OLD, False), (ENTERPRISE_12, True)])
    server = bench.server(firmware, phones).start()
    url = "http://127.0.0.1:8080/metrics"
    same("samples that are not the program's", [line for line in sample(server, url) if "transload_" not in line], [])
    with bench.fleet(phones, firmware) as phones_on:
        phones_on.power_on()

        def done():
            value = sample(server, url)['transload_phones{stage="done"}']
            return expect(value == 6, f"{value} done") or True
        bench.wait_for(done, 120, lambda: str(server.status()))
    values = sample(server, url)
    same("leases", values['transload_leases{state="bound"}'], 6)
    expect(values['transload_dhcp_messages_total{type="request",outcome="acknowledged"}'] >= 12, "too few ACKs")
    expect(values["transload_dhcp_reply_duration_seconds_count"] >= 24, "too few replies timed")
    expect(values["transload_ledger_commit_duration_seconds_count"] > 0, "no commit timed")
    moved = sum(value for name, value in values.items() if name.startswith("transload_file_transfer_bytes_total"))
    expect(moved > 6 * 100_000, f"{moved} bytes")
    same("transfers under way", sum(value for name, value in values.items() if "in_progress" in name), 0)
    checked = server.host.run(promtool(), "check", "metrics", input=server.get(url).stdout)
    same("promtool", (checked.returncode, (checked.stdout + checked.stderr).decode()), (0, ""))
    opened = server.get(url, "-H", "Accept: application/openmetrics-text").stdout.decode()
    expect(opened.endswith("# EOF\n"), opened[-200:])
    names = {name.split("{")[0] for name in values}
    with open(os.path.join(HERE, "..", "..", "appliance", "packaging", "grafana", "transload.json")) as file:
        queries = re.findall(r"\btransload_\w+", json.dumps(json.load(file)["panels"]))
    expect(len(set(queries)) > 15, f"queries: {queries}")
    same("names in queries that no sample has", sorted(set(queries) - names), [])


def sample(server, url):
    """All samples, by name with labels."""
    lines = server.get(url).stdout.decode().splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}


def promtool():
    """Prometheus' own tool, out of Debian's package, which is not installed: it would start a service."""
    found = shutil.which("promtool")
    target = os.environ.get("CARGO_TARGET_DIR", os.path.join(HERE, "..", "..", "target"))
    folder = os.path.abspath(os.path.join(target, "promtool"))
    tool = os.path.join(folder, "usr", "bin", "promtool")
    if found or os.path.exists(tool):
        return found or tool
    os.makedirs(folder, exist_ok=True)
    subprocess.run("apt-get download -q prometheus && dpkg-deb -x prometheus_*.deb . && rm prometheus_*.deb",
                   shell=True, cwd=folder, check=True, timeout=300, capture_output=True)
    return tool
