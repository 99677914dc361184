"""A line that is typed or pasted and not shown."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from stepchat.text.sanitize import sanitize
from stepchat.tui import workers
from stepchat.tui.dialogs.key_hints import KeyHints

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from textual.app import ComposeResult

    from stepchat.config.api_keys import Key
    from stepchat.errors import StepchatError


class SecretPrompt(ModalScreen["Key | None"]):
    """Returns the key that `accept` makes of what was given, None when nothing was. It stays until that is done; what `accept`
    raises StepchatError for is told, and can be given anew: closed, what is pasted next would be seen.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Close", show=False)]

    def __init__(self, title: str, text: str, accept: Callable[[str], Awaitable[Key]], *, busy_text: str = "") -> None:
        """`busy_text` is said until `accept` is done."""
        super().__init__()
        self._heading = title
        self._words = text
        self._take = accept
        self._meanwhile = busy_text
        self._field = Input(password=True, placeholder="Paste it here; it is not shown", compact=True)
        self._told = Static(markup=False, classes="dialog-told")

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(sanitize(self._heading, keep_newlines=False), classes="dialog-title", markup=False)
            yield Static(sanitize(self._words), markup=False, classes="dialog-words")
            yield self._field
            yield self._told
            yield KeyHints((("Enter", "take it"), ("Esc", "close")))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        given = event.value.strip()
        if not given:
            self.dismiss(None)
            return
        self._told.update(Content.styled(self._meanwhile, "$dim"))
        workers.run_task(self, partial(self._try, given), self._refuse, group="secret", exclusive=True)

    async def _try(self, given: str) -> None:
        self.dismiss(await self._take(given))

    def _refuse(self, error: StepchatError) -> None:
        self._told.update(Content.styled(sanitize(f"{error.message} {error.hint}".strip()), "$error"))
        # What is pasted now takes its place; Enter tries the same once more.
        self._field.select_all()
