"""What a running Textual app has on its screen, as text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from stepchat.text.widths import unpad

if TYPE_CHECKING:
    from rich.style import Style
    from textual.app import App
    from textual.strip import Strip


@dataclass(frozen=True, slots=True)
class Cell:
    """One character as painted; a wide character fills its first cell, the second one is empty text."""

    text: str
    style: Style | None


def _strips(app: App) -> list[Strip]:
    return app.screen._compositor.render_strips(app.screen.size)


def screen_rows(app: App) -> list[str]:
    """Every row of the current screen from top to bottom, without the blanks at the right end."""
    return [unpad(strip.text).rstrip() for strip in _strips(app)]


def screen_text(app: App) -> str:
    """The rows in one string, without blank rows at the end."""
    return "\n".join(screen_rows(app)).rstrip("\n")


def screen_cells(app: App, row: int) -> list[Cell]:
    """One row cell by cell, with the styles the terminal gets; negative rows count from the bottom."""
    cells: list[Cell] = []
    for segment in _strips(app)[row]:
        for char in segment.text:
            cells.append(Cell(char, segment.style))
            cells.extend([Cell("", segment.style)] * (len_in_cells(char) - 1))
    return cells


def len_in_cells(text: str) -> int:
    from rich.cells import cell_len

    return cell_len(text)
