"""The page as another machine sees it."""

import os

from selenium.webdriver.common.by import By

from browser import contrasts, wait
from case import case
from server import ADDRESS
from ui.benches import ask, quiet, serving


@case("the token, from another machine")
def token(start, browse, folder):
    """From another machine the page asks for the token, once for each tab, and everything on it works with it."""
    word, path, origin = "4711-not-to-be-guessed", os.path.join(folder, "token"), f"http://{ADDRESS}:8080"
    with open(path, "w") as file:
        file.write(word + "\n")
    admin = f'[admin]\nlisten = "{ADDRESS}:8080"\ntoken-file = "{path}"\n'
    start("serve", config=serving(folder, more=admin), origin=origin)
    browser = browse(origin)

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
    quiet(browser, refused=("401",))
