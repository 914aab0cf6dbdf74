"""How a phone gets a file: curl for HTTP, one of three clients for TFTP."""

import contextlib
import os
import subprocess

OK, MISSING, BROKEN = "ok", "missing", "broken"


def http(url, target, user_agent, patience, rate=0):
    """GET one URL. Returns (outcome, content type); a 404 is missing, everything else that fails is broken."""
    done = subprocess.run(
        ["curl", "-s", "-S", "-L", "--path-as-is", "--globoff", "-A", user_agent or "", "--connect-timeout", "2",
         "--speed-time", str(patience), "--speed-limit", "1", "-o", target,
         "--limit-rate", str(rate), "-w", "%{http_code} %{content_type}", url],
        capture_output=True, text=True)
    code, _, content_type = done.stdout.partition(" ")
    if done.returncode == 0 and code == "200":
        return OK, content_type
    remove(target)
    return (MISSING if done.returncode == 0 and code == "404" else BROKEN), f"{code} {done.stderr.strip()}"


def tftp(client, host, name, target, blksize, patience):
    """Read one file by TFTP in octet mode. Returns (outcome, message)."""
    if client == "atftp":
        command = ["atftp", "--option", f"blksize {blksize}", "--option", "tsize 0", "-g", "-r", name, "-l", target,
                   host, "69"]
    elif client == "hpa":
        command = ["tftp", "-4", "-m", "octet", host, "-c", "get", name, target]
    else:
        command = ["curl", "-s", "-S", "--path-as-is", "--globoff", "--tftp-blksize", str(blksize),
                   "--speed-time", str(patience), "--speed-limit", "1", "--connect-timeout", str(patience),
                   "-o", target, f"tftp://{host}/{name}"]
    remove(target)
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    except subprocess.TimeoutExpired:
        remove(target)
        return BROKEN, f"{client}: no end after ten minutes"
    message = " ".join((done.stdout + done.stderr).split())
    lowered = message.lower()
    if "not found" in lowered or done.returncode == 68:
        remove(target)
        return MISSING, message
    # tftp-hpa ends with 0 whatever happened and says it by its output; atftp also tells of retries that went well.
    failed = client == "hpa" and ("error" in lowered or "timed out" in lowered)
    if failed or done.returncode != 0 or not os.path.exists(target):
        remove(target)
        return BROKEN, message
    return OK, message


def remove(path):
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
