"""The harness itself: what would let a run pass that showed nothing, or leave something behind, must show."""

import os
import signal
import subprocess
import sys
import time

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
HEAD = "import os, time\nimport pytest\nfrom case import case\nfrom needs import need\n"


@pytest.fixture
def run(tmp_path):
    """Start pytest with this harness on one file of cases; the run, not waited for."""
    def run(text, *arguments, ci=True):
        (tmp_path / "test_them.py").write_text(HEAD + text)
        environment = {name: value for name, value in os.environ.items() if name not in ("CI", "PYTEST_CURRENT_TEST")}
        return subprocess.Popen(
            [sys.executable, "-m", "pytest", "-c", os.path.join(HERE, "pyproject.toml"), "-p", "conftest",
             "-o", f"cache_dir={tmp_path}/cache", str(tmp_path / "test_them.py"), *arguments],
            cwd=tmp_path, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
            env=dict(environment, PYTHONPATH=HERE, **({"CI": "1"} if ci else {})))
    return run


def ended(process):
    """Its exit status, and what it said."""
    said, _ = process.communicate(timeout=60)
    return process.returncode, said


TWO = '''
@case("gate: a name, with 14.4 and punctuation")
def first(): pass
@case("gate: takes long", slow=True)
def second(): pass
def test_plain(): pass
'''


@pytest.mark.parametrize("more", [(), ("-n", "2")])
def test_a_case_has_its_own_name_and_slow_ones_wait_for_long(run, more):
    status, said = ended(run(TWO, "-v", *more))
    assert status == 0 and "gate: a name, with 14.4 and punctuation" in said and "takes long" not in said, said
    status, said = ended(run(TWO, "-v", "--long", *more))
    assert status == 0 and "3 passed" in said and "gate: takes long" in said, said
    status, said = ended(run(TWO, "-v", "-k", "punctuation", *more))
    assert status == 0 and "1 passed" in said, said


def test_an_empty_selection_fails(run):
    status, said = ended(run(TWO, "-k", "nothing-like-it", ci=False))
    assert status == 5, said


@pytest.mark.parametrize("skip", [
    "def test_it(): need('no-such-program')",
    "@case('it', tools=('no-such-program',))\ndef it(): pass",
    "@pytest.mark.skip(reason='no-such-program')\ndef test_it(): pass",
    "pytest.skip('no-such-program', allow_module_level=True)",
    "@pytest.mark.xfail(reason='no-such-program')\ndef test_it(): assert False, 'no-such-program'"])
@pytest.mark.parametrize("more", [(), ("-n", "1")])
def test_a_skip_fails_in_ci_and_only_there(run, skip, more):
    status, said = ended(run(skip, *more))
    assert status not in (0, 5) and "no-such-program" in said and "which fails in CI" in said, said
    status, said = ended(run(skip, *more, ci=False))
    assert status in (0, 5) and "no-such-program" in said, said


LOGGED = '''
@pytest.fixture
def bench(logs):
    logs.append(lambda: "the last line")
    yield
    open("torn-down", "w").close()
@case("it")
def it(bench):
    print("what it printed")
    open("begun", "w").close()
    {}
'''


@pytest.mark.parametrize("more", [(), ("-n", "1")])
def test_a_failure_shows_message_output_and_log(run, more):
    status, said = ended(run(LOGGED.format("raise AssertionError('seen this')"), *more))
    assert status == 1 and all(text in said for text in ("seen this", "what it printed", "the last line")), said
    status, said = ended(run("@case('it')\ndef it(logs):\n    logs.append(lambda: 1 / 0)\n    raise AssertionError('seen this')", *more))
    assert status == 1 and "seen this" in said and "division by zero" in said, said
    status, said = ended(run(LOGGED.format("pass"), *more))
    assert status == 0 and "the last line" not in said, said


def test_a_failure_while_it_ends_is_one(run):
    status, said = ended(run("@pytest.fixture\ndef bench():\n    yield\n    raise AssertionError('panicked')\n"
                             "@case('it')\ndef it(bench): pass\n"))
    assert status == 1 and "panicked" in said, said


@pytest.mark.parametrize("more", [(), ("-n", "1")])
def test_a_case_that_hangs_is_ended_shown_and_cleaned_up_after(run, tmp_path, more):
    status, said = ended(run(LOGGED.format("time.sleep(50)"), "--timeout", "2", *more))
    assert status == 1 and "Timeout" in said and "the last line" in said, said
    assert (tmp_path / "torn-down").exists(), said


@pytest.mark.parametrize("more", [(), ("-n", "1"), ("-n", "1", "-v")])
@pytest.mark.parametrize(("end", "seconds"), [
    pytest.param(lambda pid: os.kill(pid, signal.SIGTERM), 17, id="SIGTERM"),
    pytest.param(lambda pid: os.killpg(pid, signal.SIGTERM), 0, id="timeout"),
    pytest.param(lambda pid: os.killpg(pid, signal.SIGINT), 0, id="Ctrl-C")])
def test_a_run_that_is_ended_cleans_up(run, tmp_path, end, seconds, more):
    process = run(LOGGED.replace("yield", f"yield\n    time.sleep({seconds})").format("time.sleep(50)"), *more)
    deadline = time.monotonic() + 30
    while not (tmp_path / "begun").exists():
        assert time.monotonic() < deadline and process.poll() is None, "it does not begin"
        time.sleep(0.05)
    end(process.pid)
    status, said = ended(process)
    assert status == 2 and (tmp_path / "torn-down").exists(), f"{status}: {said}"
