"""A small app around the prompt, for its tests."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from textual.app import App
from textual.widgets import Input, Static

import stepchat.tui
from stepchat.tui.composer.completion import Completion
from stepchat.tui.composer.composer import Composer
from stepchat.tui.composer.prompt import Prompt
from stepchat.tui.themes import find_themes, textual_theme

if TYPE_CHECKING:
    from textual import events

COMMANDS = [
    Completion("/help", "Show the keys and commands"),
    Completion("/theme ", "Choose a theme"),
    Completion("/title ", "Name this session"),
    *[Completion(f"/x{number}", f"Extra {number}") for number in range(12)],
]
SIZES = pytest.mark.parametrize("size", [(60, 16), (120, 40)])


def complete(line: str) -> list[Completion]:
    if line.startswith("/theme "):
        return [each for each in (Completion("/theme dark"), Completion("/theme light")) if each.text.startswith(line)]
    return [command for command in COMMANDS if command.text.startswith(line)]


class PromptApp(App):
    CSS_PATH = Path(stepchat.tui.__file__).parent / "app.tcss"
    CSS = "#above { height: 1fr; } #other { height: 1; border: none; }"

    def __init__(self):
        super().__init__()
        self.register_theme(textual_theme(find_themes(Path("/nonexistent"), print)["dark"]))
        self.theme = "dark"
        self.sent: list[str] = []
        self.keys: list[str] = []

    def compose(self):
        yield Static("\n".join(f"row {number}" for number in range(60)), id="above")
        yield Input(id="other")
        yield Composer(complete)

    def on_mount(self):
        self.prompt.focus()

    def on_key(self, event: events.Key):
        self.keys.append(event.key)

    def on_composer_submitted(self, event: Composer.Submitted):
        self.sent.append(event.text)

    def on_composer_command_entered(self, event: Composer.CommandEntered):
        self.sent.append(event.line)

    @property
    def prompt(self) -> Prompt:
        return self.query_one(Prompt)


def running(size=(60, 16)):
    app = PromptApp()
    return app, app.run_test(size=size)


async def type_in(pilot, text: str) -> None:
    await pilot.press(*text)
