"""The settings screen: every request parameter with its value and where that comes from, edited in place."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Final, cast

from textual.content import Content
from textual.widgets import Static

from stepchat.errors import UsageError
from stepchat.parameters.table import GROUPS, PARAMETERS, Parameter, allowed_text
from stepchat.parameters.values import format_value, parse_text
from stepchat.reasoning.effort import REJECTED_SETTING
from stepchat.text.sanitize import sanitize
from stepchat.text.widths import pad, truncate
from stepchat.tui import workers
from stepchat.tui.dialog_keys import bindings
from stepchat.tui.dialogs.filter_dialog import FilterDialog
from stepchat.tui.dialogs.list_view import VirtualList
from stepchat.tui.dialogs.pick import Choice, Picker

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence

    from textual.app import ComposeResult
    from textual.binding import BindingType

    from stepchat.errors import StepchatError
    from stepchat.messages import Json
    from stepchat.parameters.scopes import ResolvedSetting, Scope, Scopes
    from stepchat.tui.dialogs.list_view import Piece

HINTS: Final = (
    ("list.accept", "change"), ("list.delete settings.unset", "unset"), ("settings.scope", "scope"),
    ("list.close", "close"),
)  # fmt: skip
EDIT_HINTS: Final = (("list.accept", "save; empty unsets"), ("list.close", "cancel"))
WRITABLE: Final[tuple[Scope, ...]] = ("session", "once", "preset")
"""The scopes that can be changed in the window, in the order of the key."""
SCOPE_TITLES: Final[dict[Scope, str]] = {
    "session": "for this session",
    "once": "for the next question",
    "preset": "for the preset",
}
_OTHER: Final = "another value ..."
_UNSET: Final = "not sent"


class SettingsScreen(FilterDialog[None]):
    """Each change is passed to `write` at once, which saves it or raises."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("settings", {"unset": "unset", "scope": "scope"})

    def __init__(
        self,
        scopes: Scopes,
        why_not: Callable[[Parameter, Any], str],
        write: Callable[[Scopes], Awaitable[None]],
        pick: Callable[[Picker], Awaitable[str | None]],
        *,
        model: str,
        defaults: Mapping[str, Any] | None = None,
        typed: str = "",
    ) -> None:
        """`why_not` returns why the model does not support a value, "" if it does; `defaults` are the model's own."""
        super().__init__(
            VirtualList(self._line, settings_head, wraps_around=True),
            HINTS,
            placeholder="Type to filter; `set` lists what is set",
            typed=typed,
        )
        self._scopes = scopes
        self._why_not = why_not
        self._write = write
        self._pick = pick
        self._model = model
        self._defaults = defaults
        self._scope: Scope = "session"
        self._writing = asyncio.Lock()
        """Changes are made one after the other, each based on the last."""
        self._rows: list[SettingRow | str] = []
        """Parameters, below the titles of their groups."""
        self._edited: SettingRow | None = None
        self._list.empty_text = "No matches."
        self._list.skip = lambda index: isinstance(self._rows[index], str)
        self._about = Static(id="setting-about", markup=False)

    def body(self) -> ComposeResult:
        yield self._list
        yield self._about

    def on_mount(self) -> None:
        self._update_title()
        self._fill()

    # ---- what is shown

    def _update_title(self) -> None:
        scope = SCOPE_TITLES[self._scope] + (f" {self._scopes.preset_name}" if self._scope == "preset" else "")
        self._title.update(
            Content.assemble("Settings ", (sanitize(f"{scope} · {self._model}", keep_newlines=False), "$dim"))
        )

    def _fill(self) -> None:
        current = self._current
        rows: list[SettingRow | str] = []
        for title, group in setting_rows(self._scopes, self._why_not, self._filter.value, self._defaults):
            rows += [title, *group]
        self._rows = rows
        names = ["" if isinstance(row, str) else row.parameter.name for row in rows]
        wanted = current.parameter.name if current is not None else ""
        self._list.show(len(rows), names.index(wanted) if wanted and wanted in names else 0)
        self._describe()

    def _line(self, index: int, _part: int, width: int) -> list[Piece]:
        row = self._rows[index]
        return [(row, "strong")] if isinstance(row, str) else line_of(row, width)

    @property
    def _current(self) -> SettingRow | None:
        row = self._rows[self._list.cursor] if self._list.cursor < len(self._rows) else None
        return None if isinstance(row, str) else row

    def _describe(self, problem: str = "") -> None:
        row = self._edited or self._current
        if problem:
            self._about.update(Content.styled(sanitize(problem), "$error"))
        else:
            self._about.update(Content("\n".join(description_lines(row))) if row else "")

    def _show_error(self, error: StepchatError) -> None:
        self._describe(str(error))

    def cursor_moved(self) -> None:
        self._describe()

    def filter_changed(self, typed: str) -> None:  # noqa: ARG002 - read in `_fill`
        self._fill()

    # ---- changes

    def action_scope(self) -> None:
        scopes: list[Scope] = [scope for scope in WRITABLE if scope != "preset" or self._scopes.preset_name]
        self._scope = scopes[(scopes.index(self._scope) + 1) % len(scopes)]
        self._update_title()

    def action_unset(self) -> None:
        """Drop the value of this scope; if it has none, do not send that of a weaker scope either."""
        if row := self._current:
            name = row.parameter.name
            self._start(lambda: self._unset(name))

    def _unset(self, name: str) -> Scopes:
        without = self._scopes.without(self._scope, name)
        return without if without != self._scopes else self._scopes.with_setting(self._scope, name, None)

    def _toggled(self, name: str) -> Scopes:
        following = {None: True, True: False, False: None}[self._scopes.resolve(name).value]
        return self._scopes.with_setting(self._scope, name, following)

    def delete(self) -> None:
        self.action_unset()

    def accept(self) -> None:
        row = self._current
        if row is None:
            return
        parameter = row.parameter
        if parameter.kind == "bool":
            self._start(lambda: self._toggled(parameter.name))
        elif parameter.choices:
            workers.run_task(self, partial(self._choose, row), self._show_error, group="settings")
        else:
            self._edit(row)

    async def _choose(self, row: SettingRow) -> None:
        """Choose from a list; where other values are possible, the last row allows typing one."""
        parameter = row.parameter
        value = row.decided.value if row.is_set else _UNSET
        shown: Any = cast("Json", value).get("type") if isinstance(value, dict) else value
        rows = [
            Choice(name, name, ("•" if name == shown else "",), reason, reason not in {"", REJECTED_SETTING})
            for name in (*parameter.choices, _UNSET)
            for reason in ("" if name == _UNSET else self._why_not(parameter, name),)
        ]
        if parameter.kind == "any":
            rows.append(Choice(_OTHER, _OTHER, ("",), "JSON or @FILE"))
        chosen = await self._pick(Picker(parameter.name, rows))
        if chosen == _OTHER:
            self._edit(row)
        elif chosen is not None:
            text = "" if chosen == _UNSET else chosen
            await self._set(lambda: self._with_text(parameter, text))

    def _with_text(self, parameter: Parameter, text: str) -> Scopes:
        return self._scopes.with_setting(self._scope, parameter.name, parse_text(parameter.name, text))

    def _start(self, change: Callable[[], Scopes]) -> None:
        workers.run_task(self, partial(self._set, change), self._show_error, group="settings")

    async def _set(self, change: Callable[[], Scopes]) -> None:
        async with self._writing:
            changed = change()
            await self._write(changed)
            self._scopes = changed
            self._fill()

    # ---- typing a value, in the row itself

    def _edit(self, row: SettingRow) -> None:
        self._edited = row
        self.edit_in_row(format_value(row.decided.value))
        self._hints.set_hints(EDIT_HINTS)
        self._describe()

    def editor_span(self, width: int) -> tuple[int, int]:
        return VALUE_AT, max(width - VALUE_AT, value_width(width))

    def editor_changed(self, text: str) -> None:
        """Report a wrong value while it is typed. Files are read only when it is accepted."""
        if self._edited is None:
            return
        try:
            if not text.startswith("@"):
                self._with_text(self._edited.parameter, text)
        except UsageError as error:
            self._describe(error.message)
        else:
            self._describe()

    def editor_accepted(self, text: str) -> None:
        workers.run_task(self, partial(self._save, text), self._show_error, group="settings")

    async def _save(self, text: str) -> None:
        if self._edited is not None:
            parameter = self._edited.parameter
            await self._set(lambda: self._with_text(parameter, text))
            self.stop_editing()

    def stop_editing(self) -> None:
        super().stop_editing()
        self._edited = None
        self._hints.set_hints(HINTS)
        self._describe()


# ---- rows

NAME_WIDTH: Final = max(len(row.name) for row in PARAMETERS)
SOURCE_WIDTH: Final = 7
GAP: Final = 2
VALUE_AT: Final = NAME_WIDTH + GAP
_MIN_NOTE: Final = 12
"""The fewest cells in which the beginning of a sentence is useful."""


@dataclass(frozen=True, slots=True)
class SettingRow:
    """A parameter with the value in force."""

    parameter: Parameter
    decided: ResolvedSetting
    reason: str = ""
    """Why the model does not support it; "" if it does."""
    default: str = ""
    """What applies if nothing is sent."""

    @property
    def is_set(self) -> bool:
        return self.decided.value is not None


def setting_rows(
    scopes: Scopes,
    why_not: Callable[[Parameter, Any], str],
    typed: str = "",
    defaults: Mapping[str, Any] | None = None,
) -> list[tuple[str, list[SettingRow]]]:
    """The groups with the rows that contain all the words typed; what the model does not support comes last."""
    own = {name: f"{format_value(value)}, the model's default" for name, value in (defaults or {}).items()}
    words = typed.casefold().split()
    found: list[tuple[str, list[SettingRow]]] = []
    for group in GROUPS:
        rows = [
            SettingRow(
                parameter, decided, why_not(parameter, decided.value), own.get(parameter.name, parameter.default)
            )
            for parameter in group.rows
            if _matches(words, parameter, group.title, decided := scopes.resolve(parameter.name))
        ]
        if rows:
            found.append((group.title, sorted(rows, key=lambda row: bool(row.reason) and not row.is_set)))
    return found


def _matches(words: Sequence[str], parameter: Parameter, group: str, decided: ResolvedSetting) -> bool:
    state = "set" if decided.value is not None else ""
    text = f"{parameter.name} {parameter.help} {group} {decided.scope or ''} {state}".casefold()
    return all(word in text for word in words)


def settings_head(width: int) -> list[Piece]:
    """The line above the columns of `line_of`."""
    columns = f"{'parameter':{VALUE_AT}}{'value':{value_width(width) + GAP}}{'set for':{SOURCE_WIDTH + GAP}}default"
    return [(truncate(columns, width), "dim")]


def line_of(row: SettingRow, width: int) -> list[Piece]:
    """Name, value, scope; where there is space, the default or why the model does not support the parameter."""
    quiet = bool(row.reason)
    pieces: list[Piece] = [
        (pad(row.parameter.name, VALUE_AT), "dim" if quiet else "text"),
        (f"{pad(_value(row), value_width(width))}{'':{GAP}}", "sign" if row.is_set and not quiet else "dim"),
    ]
    rest = width - VALUE_AT - value_width(width) - GAP
    pieces.append((pad(row.decided.scope or "", min(rest, SOURCE_WIDTH + GAP)), "dim"))
    rest -= SOURCE_WIDTH + GAP
    if rest >= _MIN_NOTE:
        pieces.append((truncate(_note(row), rest), "warning" if quiet and row.is_set else "dim"))
    return pieces


def _note(row: SettingRow) -> str:
    if row.reason:
        return sanitize(row.reason, keep_newlines=False)
    return "" if row.is_set or not row.default else sanitize(row.default, keep_newlines=False)


def value_width(width: int) -> int:
    """Cells of the column of values in a list of this width."""
    rest = width - VALUE_AT - GAP - SOURCE_WIDTH - GAP
    return max(8, min(24, rest * 2 // 5, rest)) if rest > 20 else max(8, rest + GAP)


def _value(row: SettingRow) -> str:
    if row.is_set:
        return sanitize(format_value(row.decided.value), keep_newlines=False)
    return _UNSET if row.decided.scope else "·"


def description_lines(row: SettingRow) -> Iterator[str]:
    """The lines below the list about the row at the cursor."""
    parameter = row.parameter
    allowed = allowed_text(parameter)
    help_text = f"{parameter.help} {allowed[0].upper()}{allowed[1:]}."
    if row.reason:
        sent = " Not sent; set it again to retry." if row.reason == REJECTED_SETTING else " Sent anyway."
        reason = sanitize(row.reason, keep_newlines=False)
        if reason.split(" ")[0].isalpha():  # not the name of a model
            reason = reason[:1].upper() + reason[1:]
        yield f"{reason}." + (sent if row.is_set else "")
        yield help_text
        return
    yield help_text
    if row.is_set:
        yield f"Value: {sanitize(format_value(row.decided.value), keep_newlines=False)} ({row.decided.scope})."
    elif row.decided.scope:
        yield f"Not sent (unset for {row.decided.scope})."
    else:
        yield sanitize(f"Not sent. Default: {row.default}." if row.default else "Not sent.", keep_newlines=False)
