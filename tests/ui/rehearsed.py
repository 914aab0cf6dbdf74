"""The page while a rehearsal goes on."""

from browser import contrasts, wait
from case import case
from ui.benches import ask, quiet


@case("a rehearsal as it moves")
def moving(start, browse):
    """From the first plug to the last phone."""
    start("rehearse", "--phones", "24", "--page", "127.0.0.1:8080", "--speed", "20")
    browser = browse()
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
    quiet(browser)
