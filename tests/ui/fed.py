"""The page of a bench that is given files and barcodes, and of one that is killed under it."""

import os
import signal

from selenium.webdriver.common.by import By

from browser import contrasts, wait
from case import case
from ui.benches import ask, package, quiet, serving

LOADS = ("sip88xx.12-0-7MPP0201-66", "sip88xx.14-4-1-0301-6")


def fed(start, folder):
    """A bench with both loads and a listed phone."""
    bench = start("serve", config=serving(folder))
    for load in LOADS:
        ask(f"/api/import?name={load}.zip", package(load))
    ask("/api/roster", b"MAC,model,vid,location\n001234AB4501,8851,V05,Room 1\n")
    return bench


@case("files come into the library")
def files(start, browse, folder):
    """What is dropped or chosen comes into the library, and what is wrong with it is said."""
    start("serve", config=serving(folder))
    browser = browse()
    browser.open("#/library")
    load, other = LOADS
    paths = {"cmterm-88xx.12-0-7MPP0201-66_REL.zip": package(load), "holiday.zip": b"no zip at all",
             "cmterm-88xx.14-4-1-0301-6_REL.zip": package(other)}
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
    quiet(browser)


@case("a scanner's barcodes")
def scanner(start, browse, folder):
    """A scanner types a MAC and Enter: in large words, whether the phone is eligible and licensed."""
    fed(start, folder)
    browser = browse()
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
    quiet(browser)


@case("the server restarted under the page")
def restarted(start, browse, folder):
    """The server is killed and started, and the page goes on by itself."""
    bench = fed(start, folder)
    browser = browse()
    browser.open()
    browser.driver.execute_script("window.kept = true")
    before = ask("/api/phones")
    bench.end(signal.SIGKILL)
    wait("the page says that nobody answers", lambda: browser.text("#link") == "Not connected"
         and "does not answer" in browser.text("#stale"))
    assert browser.tile(before[0]["mac"]), "what was known stays in sight"
    browser.shot("server-away")
    with bench:
        wait("the page is live again", lambda: browser.text("#link") == "Live"
             and not browser.one("#link").get_attribute("class").endswith("off"))
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
    quiet(browser)
