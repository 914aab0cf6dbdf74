"""What a case cannot do without: it is skipped where that is missing."""

import shutil

import pytest


def need(*tools):
    """Skip the case if one of these programs is not installed."""
    lacking = [tool for tool in tools if shutil.which(tool) is None]
    if lacking:
        pytest.skip(f"it needs {', '.join(lacking)}")
