"""A headless Chromium on the page, in a network namespace that has no way out."""

import json
import os
import time

from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

PATIENCE = 30


def wait(what, condition, patience=PATIENCE):
    """Wait until `condition()` is true; returns what it gave."""
    deadline = time.monotonic() + patience
    while True:
        try:
            found = condition()
        except StaleElementReferenceException:
            found = None
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {patience} s: {what}")
        time.sleep(0.05)


class Browser:
    """One window or several. Use it in a `with` statement."""

    def __init__(self, origin, shots, size=(1360, 900)):
        self.origin = origin
        self.shots = shots
        options = webdriver.ChromeOptions()
        for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                         "--disable-background-networking", "--disable-component-update", "--disable-sync",
                         "--disable-backgrounding-occluded-windows", "--disable-renderer-backgrounding",
                         "--disable-background-timer-throttling", f"--window-size={size[0]},{size[1]}"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
        self.driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)
        self.asked = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.driver.quit()

    def open(self, fragment="", new=False):
        """Open the page, in a new tab if `new`; returns the tab."""
        if new:
            self.driver.switch_to.new_window("tab")
        self.driver.get("about:blank")
        self.driver.get(f"{self.origin}/{fragment}")
        wait("the page is live", lambda: self.text("#link") == "Live")
        return self.driver.current_window_handle

    def turn(self, tab):
        self.driver.switch_to.window(tab)

    def go(self, fragment):
        self.driver.execute_script("location.hash = arguments[0]", fragment)

    def all(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def one(self, selector):
        return wait(f"{selector} is there", lambda: next((e for e in self.all(selector) if e.is_displayed()), None))

    def text(self, selector):
        """The text of the first match, shown or not; empty where there is none."""
        return self.driver.execute_script(
            "return document.querySelector(arguments[0])?.textContent.trim() ?? ''", selector)

    def button(self, word, within="main"):
        def find():
            buttons = self.all(f"{within} button")
            return next((b for b in buttons if b.is_displayed() and b.is_enabled() and b.text.strip() == word), None)
        found = wait(f"a button {word!r}", find)
        # Not under the header, which stays where it is.
        self.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", found)
        return found

    def type(self, text, gap=0.0):
        """Keys to whatever has the focus, as a scanner or a hand types them."""
        for key in text:
            self.driver.switch_to.active_element.send_keys(key)
            time.sleep(gap)

    def scan(self, text):
        """A barcode: all keys at once, then Enter, to wherever the page is."""
        self.driver.find_element(By.TAG_NAME, "body").send_keys(text + Keys.ENTER)

    def tile(self, mac):
        """What a phone's tile says; None where there is none."""
        return self.driver.execute_script("""
            const link = document.querySelector(`#tiles a[href="#/phone/${arguments[0]}"]`);
            return link && {stage: /s-(\\w+)/.exec(link.className)[1], text: link.textContent,
                            flash: !link.querySelector(".flash").hidden,
                            percent: Number(link.querySelector(".bar").getAttribute("aria-valuenow"))}""", mac)

    def scheme(self, name):
        feature = {"name": "prefers-color-scheme", "value": name}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})

    def screen(self, width, height, phone=False):
        metrics = {"width": width, "height": height, "deviceScaleFactor": 2 if phone else 1, "mobile": phone}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def shot(self, name):
        path = os.path.join(self.shots, f"{name}.png")
        self.driver.save_screenshot(path)
        return path

    def requests(self):
        """Every address that the browser asked for so far."""
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                self.asked.append(message["params"]["request"]["url"])
        return self.asked

    def complaints(self):
        """What the browser found wrong, save that a server which is away does not answer."""
        said = [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] == "SEVERE"]
        return [line for line in said if "net::ERR_" not in line]


def contrasts(browser):
    """Texts on the page that are too weak for WCAG AA (4.5 to 1; 3 to 1 for large ones), with their ratio."""
    return browser.driver.execute_script(r"""
        const parse = (color) => (color.match(/[\d.]+/g) ?? []).map(Number);
        const light = ([r, g, b]) => [r, g, b].map((v) => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
          .reduce((sum, v, at) => sum + v * [.2126, .7152, .0722][at], 0);
        const ground = (element) => {
          for (let e = element; e; e = e.parentElement) {
            const color = parse(getComputedStyle(e).backgroundColor);
            if (color.length === 3 || color[3] === 1) return color;
          }
          return [255, 255, 255];
        };
        const weak = new Map();
        const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
        for (let node = walker.nextNode(); node; node = walker.nextNode()) {
          const element = node.parentElement;
          if (!node.data.trim() || !element.checkVisibility?.() || element.closest("option, noscript, .hidden, :disabled")) continue;
          const style = getComputedStyle(element);
          const [a, b] = [light(parse(style.color)), light(ground(element))].sort((x, y) => y - x);
          const ratio = (a + .05) / (b + .05);
          const size = parseFloat(style.fontSize);
          const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
          const text = node.data.trim().slice(0, 40);
          if (ratio < (large ? 3 : 4.5)) weak.set(`${element.tagName}.${element.className}`, `${ratio.toFixed(2)} ${text}`);
        }
        return [...weak].map((line) => line.join(": "));""")
