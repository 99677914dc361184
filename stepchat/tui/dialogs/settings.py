"""The settings screen: every request parameter with its value and where that comes from, changed in place."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Final, cast

from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from stepchat.errors import UsageError
from stepchat.parameters.values import format_value, parse_text
from stepchat.reasoning.effort import REJECTED_SETTING
from stepchat.text.sanitize import sanitize
from stepchat.tui import workers
from stepchat.tui.dialogs.key_hints import KeyHints
from stepchat.tui.dialogs.list_view import MOVES, VirtualList
from stepchat.tui.dialogs.pick import Choice, Picker
from stepchat.tui.dialogs.setting_rows import (
    MEANINGS,
    VALUE_AT,
    WRITABLE,
    SettingRow,
    description_lines,
    line_of,
    setting_rows,
    value_room,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from textual.app import ComposeResult

    from stepchat.errors import StepchatError
    from stepchat.messages import Json
    from stepchat.parameters.scopes import Scope, Scopes
    from stepchat.parameters.table import Parameter
    from stepchat.tui.dialogs.list_view import Piece, Step

KEYS: Final = (("Enter", "change"), ("Del", "unset"), ("Tab", "scope"), ("Esc", "close"))
EDIT_KEYS: Final = (("Enter", "take it, or unset it when empty"), ("Esc", "leave it"))
_OTHER: Final = "another value ..."
_UNSET: Final = "not sent"


class SettingsScreen(ModalScreen[None]):
    """Changes go out through `write` at once; it keeps them, and raises what went wrong."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Close", show=False, priority=True),
        *MOVES,
        Binding("delete", "unset", show=False, priority=True),
        Binding("tab", "scope", show=False, priority=True),
    ]

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
        super().__init__()
        self._scopes = scopes
        self._why_not = why_not
        self._write = write
        self._pick = pick
        self._model = model
        self._defaults = defaults
        self._scope: Scope = "session"
        self._writing = asyncio.Lock()
        """One change after the other, each on top of those before."""
        self._rows: list[SettingRow | str] = []
        """What is listed: parameters below the titles of their groups."""
        self._editing: SettingRow | None = None
        self._heading = Static(classes="dialog-title", markup=False)
        self._filter = Input(typed, placeholder="Type to filter; `set` shows what is set", compact=True)
        self._list = VirtualList(self._line, wraps_around=True)
        self._list.empty_text = "No parameter has these words."
        self._list.skip = lambda index: isinstance(self._rows[index], str)
        self._about = Static(id="setting-about", markup=False)
        self._keys = KeyHints(KEYS)
        self._value = Input(compact=True, select_on_focus=False, id="setting-value")

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog wide", id="settings"):
            yield self._heading
            yield self._filter
            yield self._list
            yield self._about
            yield self._keys
            yield self._value

    def on_mount(self) -> None:
        self._value.display = False
        self._show_heading()
        self._fill()

    def on_resize(self) -> None:
        if self._editing is not None:
            # Once the list has its new place.
            self.call_after_refresh(self._place_value)

    # What is shown

    def _show_heading(self) -> None:
        meaning = MEANINGS[self._scope] + (f" {self._scopes.preset_name}" if self._scope == "preset" else "")
        self._heading.update(
            Content.assemble("Settings ", (sanitize(f"{meaning} · {self._model}", keep_newlines=False), "$dim"))
        )

    def _fill(self) -> None:
        chosen = self._chosen()
        rows: list[SettingRow | str] = []
        for title, group in setting_rows(self._scopes, self._why_not, self._filter.value, self._defaults):
            rows += [title, *group]
        self._rows = rows
        names = ["" if isinstance(row, str) else row.parameter.name for row in rows]
        wanted = chosen.parameter.name if chosen is not None else ""
        self._list.show(len(rows), names.index(wanted) if wanted and wanted in names else 0)
        self._tell()

    def _line(self, index: int, _part: int, width: int) -> list[Piece]:
        row = self._rows[index]
        return [(row, "title")] if isinstance(row, str) else line_of(row, width)

    def _chosen(self) -> SettingRow | None:
        row = self._rows[self._list.cursor] if self._list.cursor < len(self._rows) else None
        return None if isinstance(row, str) else row

    def _tell(self, problem: str = "") -> None:
        row = self._editing or self._chosen()
        if problem:
            self._about.update(Content.styled(sanitize(problem), "$error"))
        else:
            self._about.update(Content("\n".join(description_lines(row))) if row else "")

    def on_virtual_list_moved(self) -> None:
        self._tell()

    def on_input_changed(self, event: Input.Changed) -> None:
        if event.input is self._filter:
            self._fill()
        elif self._editing is not None:
            self._check()

    # What the person does

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if event.input is self._filter:
            self._change()
        else:
            workers.run_task(self, self._take_typed, self._refuse, group="settings")

    def on_virtual_list_opened(self) -> None:
        self._change()

    def action_move(self, by: Step) -> None:
        if self._editing is None:
            self._list.step(by)

    def action_leave(self) -> None:
        if self._editing is None:
            self.dismiss()
        else:
            self._stop_editing()

    def action_scope(self) -> None:
        if self._editing is not None:
            return
        can: list[Scope] = [scope for scope in WRITABLE if scope != "preset" or self._scopes.preset_name]
        self._scope = can[(can.index(self._scope) + 1) % len(can)]
        self._show_heading()

    def action_unset(self) -> None:
        """First what this scope says, then what a weaker one says."""
        if self._editing is not None:
            self._value.action_delete_right()
        elif row := self._chosen():
            name = row.parameter.name
            self._start(lambda: self._unset(name))

    def _unset(self, name: str) -> Scopes:
        without = self._scopes.without(self._scope, name)
        return without if without != self._scopes else self._scopes.with_setting(self._scope, name, None)

    def _toggled(self, name: str) -> Scopes:
        following = {None: True, True: False, False: None}[self._scopes.resolve(name).value]
        return self._scopes.with_setting(self._scope, name, following)

    def _change(self) -> None:
        row = self._chosen()
        if row is None:
            return
        parameter = row.parameter
        if parameter.kind == "bool":
            self._start(lambda: self._toggled(parameter.name))
        elif parameter.choices:
            workers.run_task(self, partial(self._choose, row), self._refuse, group="settings")
        else:
            self._edit(row)

    async def _choose(self, row: SettingRow) -> None:
        """From a list; where other values are possible, too, by typing."""
        parameter = row.parameter
        now = row.decided.value if row.is_set else _UNSET
        shown: Any = cast("Json", now).get("type") if isinstance(now, dict) else now
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

    def _place_value(self) -> None:
        """Over the column of values, in the row under the cursor."""
        place, width = self._list.region, self._list.line_width
        dialog = self.query_one("#settings").content_region
        self._value.styles.offset = (place.x - dialog.x + VALUE_AT, place.y - dialog.y + self._list.cursor_line)
        self._value.styles.width = max(width - VALUE_AT, value_room(width))

    def _edit(self, row: SettingRow) -> None:
        self._place_value()
        self._editing = row
        self._value.value = format_value(row.decided.value)
        self._value.cursor_position = len(self._value.value)
        self._value.display = True
        self._value.focus()
        self._keys.set_keys(EDIT_KEYS)
        self._tell()

    def _stop_editing(self) -> None:
        self._editing = None
        self._value.display = False
        self._filter.focus()
        self._keys.set_keys(KEYS)
        self._tell()

    def _check(self) -> None:
        """Wrong input is told while it is typed; files are only looked at in the end."""
        if self._editing is None:
            return
        text = self._value.value
        try:
            if not text.startswith("@"):
                self._with_text(self._editing.parameter, text)
        except UsageError as error:
            self._tell(error.message)
        else:
            self._tell()

    def _with_text(self, parameter: Parameter, text: str) -> Scopes:
        return self._scopes.with_setting(self._scope, parameter.name, parse_text(parameter.name, text))

    async def _take_typed(self) -> None:
        if self._editing is None:
            return
        parameter, text = self._editing.parameter, self._value.value
        await self._set(lambda: self._with_text(parameter, text))
        self._stop_editing()

    def _start(self, change: Callable[[], Scopes]) -> None:
        workers.run_task(self, partial(self._set, change), self._refuse, group="settings")

    async def _set(self, change: Callable[[], Scopes]) -> None:
        async with self._writing:
            changed = change()
            await self._write(changed)
            self._scopes = changed
            self._fill()

    def _refuse(self, error: StepchatError) -> None:
        self._tell(str(error))
