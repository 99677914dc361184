"""For all tests."""

from __future__ import annotations

from hypothesis import settings

# A busy machine is not a failure: no test asserts a time.
settings.register_profile("stepchat", deadline=None)
settings.load_profile("stepchat")
