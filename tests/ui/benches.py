"""Benches that show the page, and what is asked of them beside the browser."""

import io
import json
import os
import signal
import subprocess
import urllib.request
import zipfile

from browser import wait
from server import ADDRESS, binary

ORIGIN = "http://127.0.0.1:8080"


def ask(path, data=None, origin=ORIGIN, token=None):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(origin + path, data=data, headers=headers, method="POST" if data is not None else "GET")
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def serving(folder, bench="", more=""):
    """A configuration on the namespace's interface, with more keys for the section of the bench, and more sections."""
    return (f'[bench]\ninterface = "staging"\naddress = "{ADDRESS}/24"\nstate = "{folder}/state"\n{bench}'
            f'[dhcp]\non-foreign = "ignore"\n{more}')


class PageBench:
    """A `transload` that shows the page. Use it in a `with` statement."""

    def __init__(self, folder, *arguments, config="", origin=ORIGIN):
        self.origin = origin
        self.log = os.path.join(folder, "bench.log")
        path = os.path.join(folder, "bench.toml")
        with open(path, "w") as file:
            file.write(config)
        self.arguments = [binary(), *arguments, "--config", path]
        self.process = None

    def __enter__(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.arguments, stdout=log, stderr=log)

        def answers():
            if self.process.poll() is not None:
                raise AssertionError(f"it ended with {self.process.returncode}: {self.tail()}")
            try:
                return urllib.request.urlopen(self.origin + "/", timeout=10).read()
            except OSError:
                return None
        wait("the bench answers", answers)
        return self

    def __exit__(self, *_):
        self.end(signal.SIGTERM)

    def end(self, sign):
        self.process.send_signal(sign)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def tail(self):
        with open(self.log, errors="replace") as file:
            return file.read()[-2000:]


def package(load):
    """A look-alike package with one load."""
    listing = b"head\0[PLATFORM_1]\nrootfs.page.sbn\nkern.page.sbn\n"
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, data in ((f"{load}.loads", listing), ("rootfs.page.sbn", b"root" * 5000), ("kern.page.sbn", b"kern")):
            archive.writestr(name, data)
    return content.getvalue()


def code(mac):
    return (next(phone for phone in ask("/api/phones") if phone["mac"] == mac)["hold"] or {}).get("code")


def quiet(browser, refused=()):
    """Nothing was asked of anybody else, and the browser found nothing wrong with the page, save these answers."""
    outside = [url for url in browser.requests() if not url.startswith((browser.origin, "about:", "data:"))]
    assert not outside, f"a request left the box: {outside}"
    complaints = [line for line in browser.complaints() if not any(f"status of {status}" in line for status in refused)]
    assert not complaints, complaints
