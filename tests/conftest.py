"""What all tests share: how hard Hypothesis tries, and where the large data files are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# The usual run draws the same examples every time, so that it fails only when the code changed. The
# thorough one draws new ones. Neither has a deadline: a test machine may be slow, which is no error.
settings.register_profile("usual", max_examples=50, derandomize=True, deadline=None)
settings.register_profile(
    "thorough", max_examples=500, deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("usual")


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of real data that TAPEGRAD_DATA names; a test that needs it is skipped where there is none."""
    name = os.environ.get("TAPEGRAD_DATA")
    if not name:
        pytest.skip("needs real data: set TAPEGRAD_DATA to the folder that holds mnist/ and reviews/")
    folder = Path(name)
    if not folder.is_dir():
        pytest.fail(f"TAPEGRAD_DATA is {name!r}, which is not a folder")
    return folder
