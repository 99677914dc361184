"""Gives the mouse to the terminal, whose own selection then works, and takes it back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from textual.app import App

_MODES: Final = (1000, 1003, 1015, 1006)
"""What Textual asks for: presses, moves, and two ways to tell of them."""


def report_mouse(app: App[Any], *, on: bool) -> None:
    """Whether the terminal tells the program about the mouse."""
    driver = app._driver  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - Textual has no public way
    if driver is not None:
        driver.write("".join(f"\x1b[?{mode}{'h' if on else 'l'}" for mode in _MODES))
        driver.flush()
