"""stepchat's main screen as small as it can be: the layout of first_frame/picture.py in real widgets."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.style import Style
from textual.binding import Binding
from textual.containers import Horizontal
from textual.widgets import Static, TextArea

from stepchat.first_frame.picture import MARGIN, PLACEHOLDER, SIGN, prompt_row_limit, prompt_width

if TYPE_CHECKING:
    from collections.abc import Iterator

    from textual.events import Key, Paste
    from textual.geometry import Size
    from textual.widget import Widget

    from stepchat.first_frame.type_ahead import TypeAhead

GROUND, TEXT, DIM, LINE, ACCENT = "#0f1113", "#d8dadd", "#868d96", "#2c3136", "#76bccb"
CSS = f"""
Screen {{ background: {GROUND}; color: {TEXT}; }}
#space {{ height: 1fr; }}
#prompt {{ height: auto; border-top: solid {LINE}; }}
#sign {{ width: {MARGIN}; color: {ACCENT}; }}
TextArea, TextArea:focus {{
    width: 1fr; height: auto; margin: 0 {MARGIN} 0 0; border: none; padding: 0; scrollbar-size: 0 0;
    background: {GROUND}; color: {TEXT};
}}
TextArea .text-area--placeholder {{ color: {DIM}; }}
TextArea .text-area--cursor {{ color: {GROUND}; background: {TEXT}; text-style: none; }}
#status {{ height: 1; }}
"""


def styles() -> dict[str, Style]:
    """The colours of CSS, for write_first_frame."""
    colours = {
        "ground": TEXT,
        "text": TEXT,
        "key": TEXT,
        "placeholder": DIM,
        "status": DIM,
        "rule": LINE,
        "sign": ACCENT,
    }
    on_ground = {role: Style(color=colour, bgcolor=GROUND) for role, colour in colours.items()}
    return {**on_ground, "cursor": Style(color=GROUND, bgcolor=TEXT)}


class Prompt(TextArea):
    BINDINGS: ClassVar = [Binding("ctrl+j,alt+enter,shift+enter", "newline"), Binding("ctrl+c", "clear")]

    def __init__(self, text: str, first_width: int) -> None:
        self.first_width = first_width
        super().__init__(text, placeholder=PLACEHOLDER, highlight_cursor_line=False, compact=True)
        self.cursor_blink = False
        self.sent: list[str] = []
        self._rewrap_and_refresh_virtual_size()

    @property
    def wrap_width(self) -> int:
        # The first paint comes before the first layout tells a width: without it a long text would be one row then.
        return super().wrap_width or self.first_width

    def action_newline(self) -> None:
        self._replace_via_keyboard("\n", *self.selection)

    def action_clear(self) -> None:
        self.text = ""

    async def _on_key(self, event: Key) -> None:
        if event.key == "enter":
            event.stop()
            event.prevent_default()
            self.sent.append(self.text)
            self.text = ""
            return
        # Left to bubble, a binding would run in the app's queue: after the keys typed behind it in the same burst.
        for binding in self._bindings.key_to_bindings.get(event.key, ()):
            event.stop()
            event.prevent_default()
            await self.run_action(binding.action)
            return
        await super()._on_key(event)

    async def _on_paste(self, event: Paste) -> None:
        event.prevent_default()
        text = event.text.replace("\r\n", "\n").replace("\r", "\n")
        if result := self._replace_via_keyboard(text, *self.selection):
            self.move_cursor(result.end_location)


def main_screen(typed: TypeAhead, size: Size) -> Iterator[Widget]:
    yield Static(id="space")
    prompt = Prompt(typed.text, prompt_width(size.width))
    prompt.styles.max_height = prompt_row_limit(size.height)
    prompt.move_cursor(typed.cursor)
    yield Horizontal(Static(SIGN, id="sign"), prompt, id="prompt")
    yield Static(id="status")
