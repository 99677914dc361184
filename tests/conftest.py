"""For all tests."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import settings

if TYPE_CHECKING:
    import pytest

# A busy machine is not a failure: no test asserts a time.
settings.register_profile("stepchat", deadline=None)
settings.load_profile("stepchat")


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Whole folders run in several processes, because most of the time is waiting; single files, as benchmarks, in one."""
    return 4 if all(Path(argument).is_dir() for argument in config.args) else 0
