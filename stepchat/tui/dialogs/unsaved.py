"""The question before quitting while something cannot be saved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stepchat.tui.dialogs.pick import Choice, Picker

if TYPE_CHECKING:
    from collections.abc import Sequence

UNSAVED: Final = "not-saved"
"""The class of this dialog."""


def unsaved_picker(lost: Sequence[str], failed: str = "") -> Picker:
    """Returns "again", "file", "lose" or "back"; None if it was closed.

    `lost` names what is not on disk; `failed` is what happened to the last attempt.
    """
    rows = [
        Choice("again", "Try again", detail="when there is space"),
        Choice("file", "Save it as a file and quit", detail="prints the path"),
        Choice("lose", "Quit without it", detail="it is lost"),
        Choice("back", "Back", detail="keeps retrying"),
    ]
    picker = Picker(f"{failed}Not saved: {' and '.join(lost)}", rows)
    picker.add_class(UNSAVED)
    return picker
