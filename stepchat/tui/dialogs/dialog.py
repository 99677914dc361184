"""The base of all dialogs."""

from __future__ import annotations

from typing import TypeVar

from textual.await_complete import AwaitComplete
from textual.screen import ModalScreen

T = TypeVar("T")


class Dialog(ModalScreen[T]):
    """A dialog closes once: a key that was pressed before it has gone would close the screen below."""

    _is_closed = False

    def dismiss(self, result: T | None = None) -> AwaitComplete:
        if self._is_closed:
            return AwaitComplete()
        self._is_closed = True
        return super().dismiss(result)
