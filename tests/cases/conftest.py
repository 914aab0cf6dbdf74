"""What the end-to-end cases work with."""

import pytest

from bench import TOOLS, Bench
from needs import need


@pytest.fixture
def bench(switch, folder, store, logs, pytestconfig):
    need(*TOOLS)
    made = Bench(switch, folder, store, pytestconfig.option)
    logs.append(made.logs)
    yield made
    made.end()
