"""What the cases of the page work with: benches and browsers, in a network namespace without a way out."""

import contextlib
import os

import pytest

from browser import Browser
from leased import Phones
from needs import need
from netns import alone
from ui.benches import ORIGIN, PageBench


@pytest.fixture
def namespace():
    need("ip", "chromium", "chromedriver")
    with alone():
        yield


@pytest.fixture
def start(namespace, folder, logs):
    """Start a bench that shows the page; it ends with the case."""
    with contextlib.ExitStack() as benches:
        def start(*arguments, config="", origin=ORIGIN):
            bench = PageBench(folder, *arguments, config=config, origin=origin)
            logs.append(bench.tail)
            return benches.enter_context(bench)
        yield start


@pytest.fixture
def browse(namespace, logs, pytestconfig):
    """Open a browser; it ends with the case, and is photographed if the case fails."""
    target = os.environ.get("CARGO_TARGET_DIR", os.path.join(pytestconfig.rootpath, "..", "target"))
    shots = os.path.abspath(pytestconfig.option.shots or os.path.join(target, "page"))
    os.makedirs(shots, exist_ok=True)
    with contextlib.ExitStack() as browsers:
        def browse(origin=ORIGIN):
            browser = browsers.enter_context(Browser(origin, shots))
            logs.append(lambda: browser.shot("failed"))
            return browser
        yield browse


@pytest.fixture
def phones(start):
    """Phones at the other end of the server's cable."""
    with Phones() as there:
        yield there
