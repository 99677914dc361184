"""The terminal window's title."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stepchat.transcript.clean import clean

if TYPE_CHECKING:
    from textual.app import App

LONGEST = 60


def set_title(app: App[Any], title: str, *, busy: bool) -> None:
    """Show a session's title, with a mark while an answer is on its way."""
    driver = app._driver  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - Textual has no public way
    if driver is not None and not app.is_headless:
        text = clean(title, keep_newlines=False)[:LONGEST]
        driver.write(f"\x1b]0;{'● ' if busy else ''}{text or 'stepchat'}\x07")
