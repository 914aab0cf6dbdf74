"""The page's cards of phones that need somebody, and phones that are forgotten."""

from browser import contrasts, wait
from case import case
from ui.benches import ask, code, package, quiet, serving


def hold_at_once(folder):
    """The configuration of a bench that holds whom it does not know, and gives up soon."""
    return serving(folder, 'catalog = "current"\n',
                   '[migration]\nadmit = "listed"\n[probe]\nenabled = false\n[registrar]\nenabled = false\n'
                   '[timing]\nattempts = 1\ntransfer-idle = "1s"\nalready-there = "2s"\n')


@case("fields and buttons of those that need somebody")
def hands(start, browse, phones, folder):
    """The cards' fields and buttons, each on phones that came into their hold by what they asked for."""
    start("serve", config=hold_at_once(folder))
    browser = browse()
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

    def used_up():
        phones.ask(failing, f"/Cisco/CP-8851-3PCC/{failing.lower()}.cfg")
        return code(failing) == "failed"
    wait("its attempts are used up", used_up)
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
    quiet(browser, refused=("409", "404"))


@case("phones that are forgotten")
def forgotten(start, browse, phones, folder):
    """A phone is forgotten after a second word: a stranger's tile goes, a listed phone is absent again."""
    start("serve", config=hold_at_once(folder))
    browser = browse()
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
    quiet(browser, refused=("409", "404"))
