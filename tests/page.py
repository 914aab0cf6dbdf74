#!/usr/bin/env python3
"""The page in a real browser, against a rehearsal and against a bench that is restarted under it.

Runs as root on Debian with chromium, chromium-driver and python3-selenium. Screenshots stay in --shots.
"""

import argparse
import io
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
import zipfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

try:
    from browser import Browser, alone, contrasts, wait
except ImportError as missing:
    print(f"SKIPPED: {missing}; install python3-selenium, chromium and chromium-driver", file=sys.stderr)
    sys.exit(1 if os.environ.get("CI") else 0)
from leased import Phones
from server import ADDRESS, binary
from selenium.webdriver.common.by import By

ORIGIN = "http://127.0.0.1:8080"


def ask(path, data=None, origin=ORIGIN, token=None):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(origin + path, data=data, headers=headers, method="POST" if data is not None else "GET")
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


class Bench:
    """A `transload` that shows the page. Use it in a `with` statement."""

    def __init__(self, folder, name, *arguments, config="", origin=ORIGIN):
        self.origin = origin
        self.path = os.path.join(folder, f"{name}.toml")
        self.log = os.path.join(folder, f"{name}.log")
        with open(self.path, "w") as file:
            file.write(config)
        self.arguments = [binary(), *arguments, "--config", self.path]
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


def moving(browser, shots):
    """A rehearsal from the first plug to the last phone."""
    browser.open()
    macs = wait("phones are on the page", lambda: [p["mac"] for p in ask("/api/phones")] if browser.all("#tiles .tile") else None)
    wait("a tile moves", lambda: any((browser.tile(mac) or {}).get("percent", 0) > 0 for mac in macs))
    held = wait("a phone is under way", lambda: next((p["mac"] for p in ask("/api/phones")
                                                    if p["stage"] in ("moving", "crossing") and not p["writing"]), None)
                or next((p["mac"] for p in ask("/api/phones") if p["stage"] not in ("done",)), None))

    tabs = [browser.driver.current_window_handle, browser.open(new=True)]
    browser.go(f"#/phone/{held}")
    browser.button("Hold", "#view-phone").click()
    wait("the phone's page says so", lambda: "Held by you" in browser.text("#view-phone"))
    browser.shot("phone-held")
    browser.turn(tabs[0])
    wait("the other tab says so too", lambda: (browser.tile(held) or {}).get("stage") == "held")
    wait("it is among those that need somebody", lambda: "Held by you" in browser.text("#needs-list"))
    browser.shot("needs-you")
    browser.button("Release", ".c-operator").click()
    wait("its button releases it", lambda: next(p for p in ask("/api/phones") if p["mac"] == held)["hold"] is None)
    wait("it leaves the list", lambda: not browser.all(".c-operator"))
    browser.turn(tabs[1])
    wait("both tabs agree", lambda: "Held by you" not in browser.text("#view-phone .hero"))
    browser.turn(tabs[0])

    wait("one that writes flash is marked", lambda: any((browser.tile(mac) or {}).get("flash") for mac in macs), 60)
    browser.shot("desktop-light")
    weak = contrasts(browser)
    browser.scheme("dark")
    browser.shot("desktop-dark")
    weak += contrasts(browser)
    browser.screen(390, 844, phone=True)
    browser.shot("phone-width-dark")
    browser.scheme("light")
    browser.shot("phone-width-light")
    wide = browser.driver.execute_script("return document.documentElement.scrollWidth - innerWidth")
    assert wide <= 0, f"the page is {wide} px wider than a phone"
    browser.screen(1920, 1080)
    browser.shot("projector")
    browser.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})

    search = browser.one("#search")
    search.send_keys(macs[0].lower())
    wait("the search finds one", lambda: len([t for t in browser.all("#tiles .tile") if t.is_displayed()]) == 1)
    search.clear()
    search.send_keys(" ")
    browser.go(f"#/phone/{macs[0]}")
    wait("a phone's own page has its timeline", lambda: len(browser.all(".timeline li")) > 2)
    browser.shot("phone")
    weak += contrasts(browser)
    browser.go("#/")
    wait("phones arrive, and the page says so", lambda: int(browser.text(".figure.s-done b")) > 0, 90)
    browser.shot("done")
    assert not weak, f"too little contrast: {weak}"


def package(load):
    """A look-alike package with one load."""
    listing = b"head\0[PLATFORM_1]\nrootfs.page.sbn\nkern.page.sbn\n"
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, data in ((f"{load}.loads", listing), ("rootfs.page.sbn", b"root" * 5000), ("kern.page.sbn", b"kern")):
            archive.writestr(name, data)
    return content.getvalue()


def files(browser, folder):
    """What is dropped or chosen comes into the library, and what is wrong with it is said."""
    browser.open("#/library")
    load = "sip88xx.12-0-7MPP0201-66"
    paths = {"cmterm-88xx.12-0-7MPP0201-66_REL.zip": package(load), "holiday.zip": b"no zip at all",
             "cmterm-88xx.14-4-1-0301-6_REL.zip": package("sip88xx.14-4-1-0301-6")}
    for name, data in paths.items():
        with open(os.path.join(folder, name), "wb") as file:
            file.write(data)
    chooser = browser.driver.find_element(By.ID, "file")
    chooser.send_keys("\n".join(os.path.join(folder, name) for name in paths))
    wait("the load is in the library", lambda: load in browser.text("#view-library table"))
    wait("both loads are complete", lambda: [of["state"] for of in ask("/api/library")["loads"]] == ["complete"] * 2)
    wait("what cannot be used is said", lambda: "refused" in browser.text(".upload.bad"))
    # A drop, as a file manager makes it.
    browser.driver.execute_script("""
        const data = new DataTransfer();
        data.items.add(new File(["MAC,model,vid,location\\n001234AB4501,8851,V05,Room 1\\n"], "list.csv"));
        for (const type of ["dragenter", "dragover", "drop"])
          dispatchEvent(new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true }));""")
    wait("the roster is taken in", lambda: any(p["mac"] == "001234AB4501" for p in ask("/api/phones")))
    wait("each file is told of", lambda: len(browser.all(".upload.good")) == 3)
    browser.shot("library")
    assert not contrasts(browser), contrasts(browser)


def scanner(browser):
    """A scanner types a MAC and Enter: in large words, whether the phone is eligible and licensed."""
    browser.open()
    wait("the listed phone is there", lambda: browser.tile("001234AB4501"))
    ask("/api/import?name=e2m/001234AB4501.lic", b"license")
    verdicts = []
    for mac, words, name in (("00:12:34:AB:45:01", ("Eligible and licensed",), "scan-good"),
                             ("001234ab45ff", ("No license yet", "001234AB45FF"), "scan-new"),
                             ("1234567890123", ("Not a MAC address",), "scan-wrong")):
        browser.go("#/")
        browser.scan(mac) if len(mac) != 13 else (browser.go("#/scan"), browser.one("#scan").send_keys(mac + "\n"))
        spelled = [word.replace("001234AB45FF", "00:12:34:AB:45:FF") for word in words]
        wait(f"{mac} is judged: {spelled}, and not {browser.text('.verdict')!r}",
             lambda spelled=spelled: all(word in browser.text(".verdict") for word in spelled))
        verdicts.append(browser.one(".verdict").value_of_css_property("background-color"))
        browser.shot(name)
        assert not contrasts(browser), contrasts(browser)
    assert len(set(verdicts)) > 1, "colors differ with the verdict"
    assert {"001234AB45FF", "001234AB4501"} <= {p["mac"] for p in ask("/api/phones")}
    # One of no firmware family may not migrate at all.
    browser.go("#/scan")
    browser.one("#view-scan summary").click()
    browser.one("#preset-model").send_keys("7906")
    browser.one("#scan").send_keys("001234AB45EE\n")
    wait("an ineligible model is said at once", lambda: "Not eligible" in browser.text(".verdict"))
    browser.shot("scan-refused")


def restarted(browser, bench):
    """The server is killed and started under two tabs, and each goes on by itself."""
    browser.open()
    browser.driver.execute_script("window.kept = true")
    before = ask("/api/phones")
    bench.end(signal.SIGKILL)
    wait("the page says that nobody answers", lambda: browser.text("#link") == "Not connected"
         and "does not answer" in browser.text("#stale"))
    assert browser.tile(before[0]["mac"]), "what was known stays in sight"
    browser.shot("server-away")
    with bench:
        wait("the page is live again", lambda: browser.text("#link") == "Live" and not browser.one("#link").get_attribute("class").endswith("off"))
        ask("/api/roster", b"MAC,location\n001234AB4577,Room 7\n")
        wait("and shows what is new", lambda: "Room 7" in (browser.tile("001234AB4577") or {}).get("text", ""))
        assert browser.driver.execute_script("return window.kept"), "without having been loaded again"
        # A laptop that sleeps runs nothing: timers stand still, and its connections are dead when it wakes.
        browser.driver.execute_cdp_cmd("Network.enable", {})
        offline = {"offline": True, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
        browser.driver.execute_cdp_cmd("Network.emulateNetworkConditions", offline)
        ask("/api/roster", b"MAC,location\n001234AB4577,Room 8\n")
        browser.driver.execute_cdp_cmd("Network.emulateNetworkConditions", {**offline, "offline": False})
        wait("after a sleep it is right again", lambda: "Room 8" in browser.tile("001234AB4577")["text"])


def code(mac):
    return (next(phone for phone in ask("/api/phones") if phone["mac"] == mac)["hold"] or {}).get("code")


def hands(browser, phones):
    """The cards' fields and buttons, each on phones that came into their hold by what they asked for."""
    vid, stranger, failing, resting, poor = (f"001234AB46{n:02X}" for n in range(5))
    for load in ("sip88xx.12-5-1SR1-4", "sip88xx.TLexE2M-11-2-3C-4", "sip88xx.11-2-3MPP-398"):
        ask(f"/api/import?name={load}.zip", package(load))
    for mac in (vid, stranger, failing, resting):
        ask(f"/api/import?name=e2m/{mac}.lic", b"license")
    ask("/api/roster", "\n".join(["MAC,model,vid,load", f"{vid},8851,,sip88xx.12-5-1SR1-4", f"{failing},8851,V05,",
                                  f"{resting},8851,V05,", f"{poor},8851,V05,"]).encode())
    browser.open()
    for mac in (vid, resting, poor):
        phones.ask(mac, f"/SEP{mac}.cnf.xml")
    phones.ask(stranger, f"/Cisco/CP-8851-3PCC/{stranger.lower()}.cfg")
    profile = phones.ask(failing, f"/Cisco/CP-8851-3PCC/{failing.lower()}.cfg")
    assert f"/{failing}/1/sip88xx.11-2-3MPP-398.loads" in profile, profile
    assert "PLATFORM_1" in phones.ask(failing, f"/{failing}/1/sip88xx.11-2-3MPP-398.loads")
    for mac, wanted in ((vid, "unknown-vid"), (stranger, "not-listed"), (poor, "no-license"), (resting, "needs-restart")):
        wait(f"{mac} is held: {wanted}, not {code(mac)}", lambda mac=mac, wanted=wanted: code(mac) == wanted)
    # Its fetch stood still, and it is told no more: one attempt was allowed.
    wait("its attempts are used up", lambda: (phones.ask(failing, f"/Cisco/CP-8851-3PCC/{failing.lower()}.cfg"), code(failing) == "failed")[1])
    wait("each has a card", lambda: all(browser.all(f".c-{code(mac)}") for mac in (vid, stranger, failing, resting, poor)))
    browser.shot("needs-each")
    assert not contrasts(browser), contrasts(browser)

    browser.one(".c-unknown-vid form.vid input").send_keys("seven")
    browser.button("Enter VID", ".c-unknown-vid").click()
    assert code(vid) == "unknown-vid", "what is no VID is not sent"
    browser.one(".c-unknown-vid form.vid input").clear()
    browser.one(".c-unknown-vid form.vid input").send_keys("5")
    browser.button("Enter VID", ".c-unknown-vid").click()
    wait("the phone has its VID", lambda: next(p for p in ask("/api/phones") if p["mac"] == vid)["vid"] == "V05")
    wait("and the card is gone", lambda: not browser.all(".c-unknown-vid"))

    browser.button("Add to the roster", ".c-not-listed").click()
    wait("who was not listed is, and lacks a VID now", lambda: code(stranger) == "unknown-vid" and not browser.all(".c-not-listed"))
    browser.button("Retry", ".c-failed").click()
    wait("who failed is tried again", lambda: code(failing) is None and not browser.all(".c-failed"))
    # Nothing here can restart a phone that does not register; that is said, and not that it was done.
    browser.button("Restart", ".c-needs-restart").click()
    wait("a refusal is shown in the bench's words", lambda: "unplug it and plug it in again" in browser.text("#toasts p.wrong"))
    browser.driver.execute_script("document.getElementById('file').addEventListener('click', (event) => {"
                                  "event.preventDefault(); window.picked = true; })")
    browser.button("Import licenses", ".c-no-license").click()
    wait("files can be picked", lambda: browser.driver.execute_script("return window.picked"))
    ask(f"/api/import?name=e2m/{poor}.lic", b"license")
    wait("its card goes with its cause", lambda: not browser.all(".c-no-license"))


def forgotten(browser, phones):
    """A phone is forgotten after a second word: a stranger's tile goes, a listed phone is absent again."""
    lost, listed = "001234AB46E0", "001234AB46E1"
    ask("/api/roster", f"MAC,model,vid\n{listed},8851,V05\n".encode())
    phones.ask(lost, f"/Cisco/CP-8851-3PCC/{lost.lower()}.cfg")
    ask(f"/api/phones/{listed}/hold", b"")
    tiles = browser.open()
    wait("both are on the page", lambda: browser.tile(lost) and (browser.tile(listed) or {}).get("stage") == "held")

    def press(mac, word):
        browser.go(f"#/phone/{mac}")
        wait("its own page is open", lambda: mac[-2:] in browser.text("#view-phone h1"))
        browser.button("Forget", "#view-phone").click()
        question = browser.driver.switch_to.alert
        assert "cannot be undone" in question.text, question.text
        getattr(question, word)()
    browser.open(new=True)
    press(lost, "dismiss")
    assert any(phone["mac"] == lost for phone in ask("/api/phones")), "a second thought forgets nothing"
    own = browser.driver.current_window_handle
    browser.open(f"#/phone/{lost}", new=True)
    wait("another tab shows it", lambda: browser.all("#view-phone .hero"))
    other = browser.driver.current_window_handle
    browser.turn(own)
    press(lost, "accept")
    wait("the page says so", lambda: "is forgotten." in browser.text("#toasts"))
    wait("and shows the others", lambda: browser.driver.execute_script("return location.hash") == "#/")
    browser.turn(tiles)
    wait("its tile is gone", lambda: not browser.tile(lost))
    browser.turn(other)
    wait("its own page shows nothing of it", lambda: f"no phone {lost} was seen" in browser.text("#view-phone")
         and not browser.all("#view-phone .hero"))
    browser.turn(own)
    press(listed, "accept")
    wait("it is said how to be rid of it", lambda: "remove its line from the roster" in browser.text("#toasts"))
    browser.turn(tiles)
    wait("a listed phone is absent again", lambda: (browser.tile(listed) or {}).get("stage") == "absent")
    browser.go(f"#/phone/{listed}")
    wait("its own page tells of it", lambda: "operator: forget" in browser.text("#view-phone .timeline"))
    assert not any(button.text == "Forget" for button in browser.all("#view-phone button")), "there is nothing left to forget"


def token(browser, word):
    """From another machine the page asks for the token, once for each tab, and everything on it works with it."""
    origin = browser.origin

    def enter(text):
        browser.one("#token").send_keys(text)
        browser.button("Open", "#login").click()
    browser.driver.get(origin)
    browser.one("#login")
    assert not browser.all("#tiles .tile"), "a phone is shown to who has no token"
    browser.shot("token")
    assert not contrasts(browser), contrasts(browser)
    enter("guessed")
    wait("a wrong one is refused", lambda: browser.one("#login-wrong").text == "That is not the token.")
    enter(word)
    wait("with the right one the page is live", lambda: browser.text("#link") == "Live")
    # What is asked, what is done and what is sent all carry it.
    browser.scan("001234AB4799")
    wait("a scanned phone is judged", lambda: "Added to the roster" in browser.text(".verdict"))
    browser.go("#/phone/001234AB4799")
    browser.button("Hold", "#view-phone").click()
    wait("an order is carried out", lambda: any(act == "hold" for act in (a["act"] for p in ask(
        "/api/report?format=json", origin=origin, token=word)["phones"] for a in p["acts"])))
    browser.go("#/library")
    browser.driver.find_element(By.ID, "file").send_keys(os.path.join(browser.shots, "token.png"))
    wait("a file that is sent is answered", lambda: "refused" in browser.text(".upload.bad"))
    browser.driver.refresh()
    wait("the tab remembers it", lambda: browser.text("#link") == "Live" and not browser.all("#login[open]"))
    browser.driver.switch_to.new_window("tab")
    browser.driver.get(origin)
    browser.one("#login")


def quiet(browser, refused=()):
    """Nothing was asked of anybody else, and the browser found nothing wrong with the page, save these answers."""
    outside = [url for url in browser.requests() if not url.startswith((browser.origin, "about:", "data:"))]
    assert not outside, f"a request left the box: {outside}"
    complaints = [line for line in browser.complaints() if not any(f"status of {status}" in line for status in refused)]
    assert not complaints, complaints


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    target = os.environ.get("CARGO_TARGET_DIR", os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "target"))
    parser.add_argument("--shots", default=os.path.join(target, "page"), help="where screenshots go")
    parser.add_argument("--only", default="", help="rehearsal, bench, hands or token")
    options = parser.parse_args()
    if os.geteuid() != 0:
        print("SKIPPED: the page's tests need root, for a network namespace", file=sys.stderr)
        sys.exit(1 if os.environ.get("CI") else 0)
    alone()
    shots = os.path.abspath(options.shots)
    os.makedirs(shots, exist_ok=True)
    passed = 0

    def case(name, check, *arguments):
        nonlocal passed
        began = time.monotonic()
        try:
            check(*arguments)
        except BaseException:
            print(f"FAILED {name}")
            browser.shot("failed")
            raise
        passed += 1
        print(f"ok {name} ({time.monotonic() - began:.1f} s)", flush=True)

    with tempfile.TemporaryDirectory() as folder, Phones() as phones:
        if options.only in ("", "rehearsal"):
            rehearsal = Bench(folder, "rehearsal", "rehearse", "--phones", "24", "--page", "127.0.0.1:8080", "--speed", "20")
            with rehearsal, Browser(ORIGIN, shots) as browser:
                case("a rehearsal as it moves", moving, browser, shots)
                quiet(browser)
        if options.only in ("", "bench"):
            config = (f'[bench]\ninterface = "staging"\naddress = "{ADDRESS}/24"\nstate = "{folder}/state"\n'
                      '[dhcp]\non-foreign = "ignore"\n')
            bench = Bench(folder, "bench", "serve", config=config)
            with Browser(ORIGIN, shots) as browser:
                with bench:
                    case("files come into the library", files, browser, folder)
                    case("a scanner's barcodes", scanner, browser)
                    case("the server restarted under the page", restarted, browser, bench)
                quiet(browser)
        if options.only in ("", "hands"):
            config = (f'[bench]\ninterface = "staging"\naddress = "{ADDRESS}/24"\nstate = "{folder}/hands"\ncatalog = "current"\n'
                      '[migration]\nadmit = "listed"\n[dhcp]\non-foreign = "ignore"\n[probe]\nenabled = false\n[registrar]\n'
                      'enabled = false\n[timing]\nattempts = 1\ntransfer-idle = "1s"\nalready-there = "2s"\n')
            with Bench(folder, "hands", "serve", config=config), Browser(ORIGIN, shots) as browser:
                case("fields and buttons of those that need somebody", hands, browser, phones)
                case("phones that are forgotten", forgotten, browser, phones)
                quiet(browser, refused=("409", "404"))
        if options.only in ("", "token"):
            word, path, origin = "4711-not-to-be-guessed", os.path.join(folder, "token"), f"http://{ADDRESS}:8080"
            with open(path, "w") as file:
                file.write(word + "\n")
            config = (f'[bench]\ninterface = "staging"\naddress = "{ADDRESS}/24"\nstate = "{folder}/remote"\n[dhcp]\n'
                      f'on-foreign = "ignore"\n[admin]\nlisten = "{ADDRESS}:8080"\ntoken-file = "{path}"\n')
            with Bench(folder, "remote", "serve", config=config, origin=origin), Browser(origin, shots) as browser:
                case("the token, from another machine", token, browser, word)
                quiet(browser, refused=("401",))
    print(f"{passed} passed, 0 failed")


if __name__ == "__main__":
    main()
