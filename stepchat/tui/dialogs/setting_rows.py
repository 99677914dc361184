"""What the settings screen lists: a line for each parameter, drawn from the table and the scopes. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from stepchat.parameters.table import GROUPS, PARAMETERS, Parameter, allowed_text
from stepchat.parameters.values import format_value
from stepchat.reasoning.effort import REJECTED_SETTING
from stepchat.text.sanitize import sanitize
from stepchat.text.widths import pad, truncate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from stepchat.parameters.scopes import ResolvedSetting, Scope, Scopes
    from stepchat.tui.dialogs.list_view import Piece

NAME_WIDTH: Final = max(len(row.name) for row in PARAMETERS)
SOURCE_WIDTH: Final = 7
GAP: Final = 2
_SHORTEST: Final = 12
"""Cells below which the beginning of a sentence says nothing."""
VALUE_AT: Final = NAME_WIDTH + GAP
SOURCES: Final[dict[Scope, str]] = {
    "config": "config",
    "profile": "profile",
    "preset": "preset",
    "session": "session",
    "once": "once",
}
WRITABLE: Final[tuple[Scope, ...]] = ("session", "once", "preset")
"""The scopes a person can write to from the window, in the order of the key."""
MEANINGS: Final[dict[Scope, str]] = {
    "session": "for this session",
    "once": "for the next question",
    "preset": "for the preset",
}


@dataclass(frozen=True, slots=True)
class SettingRow:
    """One parameter as it stands."""

    parameter: Parameter
    decided: ResolvedSetting
    reason: str = ""
    """Why the model does not take it, if so."""
    default: str = ""
    """What applies when nothing is sent, in words."""

    @property
    def is_set(self) -> bool:
        return self.decided.value is not None


def setting_rows(
    scopes: Scopes,
    why_not: Callable[[Parameter, Any], str],
    typed: str = "",
    defaults: Mapping[str, Any] | None = None,
) -> list[tuple[str, list[SettingRow]]]:
    """The groups with the rows that have all the words that were typed. `defaults` are the model's own."""
    own = {name: f"{format_value(value)}, the model's default" for name, value in (defaults or {}).items()}
    words = typed.casefold().split()
    found: list[tuple[str, list[SettingRow]]] = []
    for group in GROUPS:
        rows = [
            SettingRow(
                parameter, decided, why_not(parameter, decided.value), own.get(parameter.name, parameter.default)
            )
            for parameter in group.rows
            if _has(words, parameter, group.title, decided := scopes.resolve(parameter.name))
        ]
        if rows:
            found.append((group.title, rows))
    return found


def _has(words: Sequence[str], parameter: Parameter, group: str, decided: ResolvedSetting) -> bool:
    state = "set" if decided.value is not None else ""
    text = f"{parameter.name} {parameter.help} {group} {decided.scope or ''} {state}".casefold()
    return all(word in text for word in words)


def line_of(row: SettingRow, width: int) -> list[Piece]:
    """Name, value, where it comes from; and, as room allows, what applies otherwise or why the model does not take it."""
    value_width = value_room(width)
    source = SOURCES[row.decided.scope] if row.decided.scope else ""
    quiet = bool(row.reason)
    pieces: list[Piece] = [
        (pad(row.parameter.name, VALUE_AT), "dim" if quiet else "text"),
        (f"{pad(_value(row), value_width)}{'':{GAP}}", "sign" if row.is_set and not quiet else "dim"),
    ]
    room = width - VALUE_AT - value_width - GAP
    if source:
        # Where nothing decides, there is as much more room for the rest.
        pieces.append((pad(source, min(room, SOURCE_WIDTH + GAP)), "dim"))
        room -= SOURCE_WIDTH + GAP
    if room >= _SHORTEST:
        pieces.append((truncate(_aside(row), room), "warning" if quiet and row.is_set else "dim"))
    return pieces


def _aside(row: SettingRow) -> str:
    if row.reason:
        return sanitize(row.reason, keep_newlines=False)
    return "" if row.is_set or not row.default else sanitize(f"unset: {row.default}", keep_newlines=False)


def value_room(width: int) -> int:
    """How wide the column of values is."""
    rest = width - VALUE_AT - GAP - SOURCE_WIDTH - GAP
    return max(8, min(24, rest * 2 // 5, rest)) if rest > 20 else max(8, rest + GAP)


def _value(row: SettingRow) -> str:
    if row.is_set:
        return sanitize(format_value(row.decided.value), keep_newlines=False)
    return "not sent" if row.decided.scope else "·"


def description_lines(row: SettingRow) -> Iterator[str]:
    """What the lines below the list say of the row under the cursor."""
    parameter = row.parameter
    words = allowed_text(parameter)
    help_text = f"{parameter.help} {words[0].upper()}{words[1:]}."
    if row.reason:
        sent = (
            " It is not sent; choosing it anew tries it again."
            if row.reason == REJECTED_SETTING
            else " It is sent all the same."
        )
        reason = sanitize(row.reason, keep_newlines=False)
        yield f"{reason[:1].upper()}{reason[1:]}." + (sent if row.is_set else "")
        yield help_text
        return
    yield help_text
    if row.is_set:
        yield f"Now {sanitize(format_value(row.decided.value), keep_newlines=False)}, from {row.decided.scope}."
    elif row.decided.scope:
        yield f"Not sent: {row.decided.scope} says so."
    else:
        yield sanitize(f"Not sent, so it is {row.default}." if row.default else "Not sent.", keep_newlines=False)
