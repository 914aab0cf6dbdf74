"""The harness: how cases are collected, what they get, and what ends a run.

Cases are functions that `@case` names; `-k` finds them by words of their names. Fixtures clean up after a case, whatever
happens to it. In CI nothing is skipped: what would be is a failure.
"""

import contextlib
import os
import shutil
import signal
import sys
import tempfile
import time
import types
from pathlib import Path

import pytest

import server
from needs import need
from netns import Switch

IMAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "target", "images", "transload-pi.img")
# Seconds in which interrupted workers clean up.
ENDING = 120


def pytest_addoption(parser):
    group = parser.getgroup("transload", "end-to-end tests of transload")
    group.addoption("--phones", type=int, default=24, help="phones per migration")
    group.addoption("--seed", type=int, help="seed of everything random; it is shown at the start")
    group.addoption("--long", action="store_true", help="the slow cases too, and more rounds of killing and of garbage")
    group.addoption("--keep", action="store_true", help="keep the scratch folders, and say where they are")
    group.addoption("--server", choices=("transload", "kea"), default="transload", help="the server to which conform/ talks")
    group.addoption("--kills", type=int, default=200, help="kills in durability.py")
    group.addoption("--cuts", type=int, default=50, help="power cuts in durability.py and image.py")
    group.addoption("--sick", type=int, default=10, help="power cuts in durability.py after syncs that failed")
    group.addoption("--shots", help="where pictures go: of the page (default target/page), of the image's screen (default nowhere)")
    group.addoption("--image", default=IMAGE, help="what image.py puts into the emulated machine")


def pytest_configure(config):
    options = config.option
    if is_worker(config):
        options.seed, options.scratch = config.workerinput["seed"], config.workerinput["scratch"]
        at_work(config).touch()
        for sign in (signal.SIGINT, signal.SIGTERM):
            signal.signal(sign, interrupt_once)
        return
    # SIGTERM ends a run as Ctrl-C does: fixtures are torn down.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if options.seed is None:
        options.seed = int(time.time())
    options.scratch = tempfile.mkdtemp(prefix="transload-tests-")


def is_worker(config):
    return hasattr(config, "workerinput")


def at_work(config):
    """A file that is there as long as this worker is at work, named by its process."""
    return Path(config.option.scratch, f"worker.{os.getpid()}")


def interrupt_once(*_):
    """Interrupt the case, and then not what cleans up after it: execnet sends another signal after five seconds."""
    for sign in (signal.SIGINT, signal.SIGTERM):
        signal.signal(sign, signal.SIG_IGN)
    raise KeyboardInterrupt


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session, exitstatus):
    """End interrupted workers and wait for them: xdist gives them ten seconds, and many phones take longer to end."""
    if is_worker(session.config) or exitstatus != pytest.ExitCode.INTERRUPTED:
        return
    workers = list(Path(session.config.option.scratch).glob("worker.*"))
    for worker in workers:
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(worker.suffix[1:]), signal.SIGTERM)
    deadline = time.monotonic() + ENDING
    while time.monotonic() < deadline and any(worker.exists() and Path("/proc", worker.suffix[1:]).exists() for worker in workers):
        time.sleep(0.1)


@pytest.hookimpl(tryfirst=True)
def pytest_xdist_newgateway(gateway):
    """Answer what -v would ask the worker first: execnet might then run the tests outside of its main thread, where no signal
    comes, and no fixture would be torn down."""
    gateway._cache_rinfo = types.SimpleNamespace(
        version_info=sys.version_info, platform=sys.platform, cwd=os.getcwd(), executable=sys.executable)


def pytest_configure_node(node):
    """Give a worker of xdist the seed and the scratch folder of the whole run."""
    node.workerinput.update(seed=node.config.option.seed, scratch=node.config.option.scratch)


def pytest_unconfigure(config):
    if is_worker(config):
        at_work(config).unlink(missing_ok=True)
    elif not config.option.keep:
        shutil.rmtree(config.option.scratch, ignore_errors=True)


def pytest_report_header(config):
    kept = [f"kept: {config.option.scratch}"] if config.option.keep else []
    return [f"seed {config.option.seed}, {server.binary()}", *kept]


# Collecting


def pytest_pycollect_makeitem(collector, obj):
    """Collect a function with cases once for each, by its name."""
    if not isinstance(obj, types.FunctionType) or obj.__module__ != collector.obj.__name__ or not hasattr(obj, "cases"):
        return None
    return [collected(collector, obj, case) for case in obj.cases]


class CaseItem(pytest.Function):
    def reportinfo(self):
        """The function's name stands behind the case's; pytest would take the dots of a bare name for those of a path."""
        path, line, _ = super().reportinfo()
        return path, line, f"{self.name} ({self.obj.__name__})"


def collected(collector, function, case):
    item = CaseItem.from_parent(collector, name=case.name, callobj=function)
    item.case = case
    item.add_marker("root")
    if case.slow:
        item.add_marker("long")
    return item


def pytest_collection_modifyitems(config, items):
    if not config.option.long:
        config.hook.pytest_deselected(items=[item for item in items if item.get_closest_marker("long")])
        items[:] = [item for item in items if not item.get_closest_marker("long")]


# Skipping and failing


def pytest_runtest_setup(item):
    if item.get_closest_marker("root") and os.geteuid() != 0:
        pytest.skip("it needs root")
    need(*(item.case.tools if hasattr(item, "case") else ()))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed case shows its logs. In CI a skipped case is a failed one."""
    report = (yield).get_result()
    if report.failed and call.when != "teardown":
        report.sections += [("log", end_of(log)) for log in getattr(item, "funcargs", {}).get("logs", ())]
    refuse_skip(report)


def end_of(log):
    try:
        return str(log())
    except Exception as error:      # of a browser that crashed, say: what failed before shall still be told
        return f"not to be had: {error}"


@pytest.hookimpl(hookwrapper=True)
def pytest_make_collect_report():
    refuse_skip((yield).get_result())


def refuse_skip(report):
    if report.skipped and os.environ.get("CI"):
        report.outcome = "failed"
        vars(report).pop("wasxfail", None)      # an expected failure would count as none
        report.longrepr = f"skipped, which fails in CI: {report.longrepr}"


# What cases work with


@pytest.fixture(scope="session")
def store(pytestconfig):
    """What is made once for many cases, and the folder for it: each process of the run has its own."""
    return {"folder": tempfile.mkdtemp(prefix="store-", dir=pytestconfig.option.scratch)}


@pytest.fixture
def folder(pytestconfig):
    """A scratch folder."""
    made = tempfile.mkdtemp(prefix="case-", dir=pytestconfig.option.scratch)
    yield made
    if not pytestconfig.option.keep:
        shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def switch():
    """A switch made of network namespaces; everything on it is ended with the case."""
    need("ip")
    with Switch() as made:
        yield made


@pytest.fixture
def logs():
    """Functions that give the end of a log each: what they give is shown if the case fails."""
    return []
