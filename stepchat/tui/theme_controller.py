"""Puts a theme on the window, and notes what the next start shall paint before it knows any theme."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from rich.style import Style

from stepchat.errors import ConfigError
from stepchat.tui.terminal.handover import write_first_frame
from stepchat.tui.themes import find_themes, palette, textual_theme

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from textual.app import App

    from stepchat.config.paths import Paths
    from stepchat.transcript.palette import Palette
    from stepchat.tui.chat.screen import ChatScreen as Chat
    from stepchat.tui.themes import Theme
    from stepchat.tui.transcript.view import TranscriptView


class ThemeController:
    """The theme that is on, and how to have another."""

    def __init__(self, chat: Chat, theme: Theme) -> None:
        self._chat = chat
        self.theme = theme

    def names(self) -> Sequence[str]:
        return list(find_themes(self._chat.workspace.paths.user_themes, lambda _: None))

    async def choose(self, name: str) -> None:
        chat = self._chat
        theme = named_theme(name, chat.workspace.paths.user_themes, self._report)
        if os.environ.get("NO_COLOR"):
            await chat.workspace.store.set_setting("theme", name)
            chat.flash("NO_COLOR is set: the theme is kept for the next start with colours.")
            return
        self.theme = theme
        apply_theme(chat.app, chat.view, self.theme)
        self.remember()
        await chat.workspace.store.set_setting("theme", name)

    def remember(self) -> None:
        """For the next start."""
        write_theme_for_next_start(self._chat.workspace.paths, self.theme, self._chat.workspace.model)

    def _report(self, error: ConfigError) -> None:
        self._chat.view.notice(error.message, error.hint, kind="warning")


def apply_theme(app: App[Any], view: TranscriptView, theme: Theme) -> None:
    """Show everything in this theme."""
    app.register_theme(textual_theme(theme))
    app.theme = theme.name
    view.set_palette(palette(theme))


def named_theme(name: str, user_themes: Path, report: Callable[[ConfigError], None]) -> Theme:
    """A theme by name; files that cannot be used are reported. Raises ConfigError."""
    themes = find_themes(user_themes, report)
    if name not in themes:
        raise ConfigError(f"No theme named {name!r}.", f"Available: {', '.join(themes)}.")
    return themes[name]


def write_theme_for_next_start(paths: Paths, theme: Theme, model: str) -> None:
    """For the first frame of the next start (first_frame/frame.py)."""
    write_first_frame(paths.first_frame, model, [], _styles(palette(theme)))


def _styles(colours: Palette) -> dict[str, Style]:
    text = colours.text
    swapped = Style(color=text.bgcolor, bgcolor=text.color)
    return {
        "ground": text,
        "text": text,
        "key": text,
        "placeholder": colours.dim,
        "status": colours.dim,
        "rule": colours.rule,
        "sign": colours.accent,
        "cursor": swapped if text.color and text.bgcolor else text + Style(reverse=True),
    }
