"""Asks for an API key, which is typed or pasted without being shown."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from stepchat.text.sanitize import sanitize
from stepchat.tui import workers
from stepchat.tui.dialog_keys import bindings
from stepchat.tui.dialogs.dialog import Dialog
from stepchat.tui.dialogs.key_hints import KeyHints
from stepchat.tui.field import Field

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from textual.app import ComposeResult
    from textual.binding import BindingType

    from stepchat.config.api_keys import Key
    from stepchat.errors import StepchatError


class SecretPrompt(Dialog["Key | None"]):
    """Returns what `accept` makes of the input; None if it is closed or nothing was typed.

    A StepchatError of `accept` is shown, and the dialog stays open: a key pasted after it closed would be visible.
    """

    BINDINGS: ClassVar[list[BindingType]] = bindings("secret", {"accept": "accept", "close": "dismiss(None)"})

    def __init__(self, title: str, text: str, accept: Callable[[str], Awaitable[Key]], *, busy_text: str = "") -> None:
        """`busy_text` is shown while `accept` runs."""
        super().__init__()
        self._heading = title
        self._text = text
        self._accept = accept
        self._busy_text = busy_text
        self._field = Field(password=True, placeholder="Paste the key here; it is not shown")
        self._message = Static(markup=False, classes="dialog-message")

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(sanitize(self._heading, keep_newlines=False), classes="dialog-title", markup=False)
            yield Static(sanitize(self._text), markup=False, classes="dialog-text")
            yield self._field
            yield self._message
            yield KeyHints((("secret.accept", "save"), ("secret.close", "cancel")))

    def action_accept(self) -> None:
        typed = self._field.value.strip()
        if not typed:
            self.dismiss(None)
            return
        self._message.update(Content.styled(self._busy_text, "$dim"))
        workers.run_task(self, partial(self._try, typed), self._show_error, group="secret", exclusive=True)

    async def _try(self, typed: str) -> None:
        self.dismiss(await self._accept(typed))

    def _show_error(self, error: StepchatError) -> None:
        self._message.update(Content.styled(sanitize(f"{error.message} {error.hint}".strip()), "$error"))
        # The next paste replaces the key; Enter tries the same one again.
        self._field.select_all()
