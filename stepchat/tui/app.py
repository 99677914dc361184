"""StepchatApp: themes, the first screen, the palette, and what is said when something breaks."""

from __future__ import annotations

import asyncio
import os
import sys
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any, ClassVar, Final

from textual.app import App
from textual.binding import Binding, BindingType
from textual.events import Event, Key, MouseDown, Paste
from textual.screen import ModalScreen
from textual.worker import WorkerFailed

from stepchat.chat.crash_report import summary, write_crash_report
from stepchat.chat.drafts import fresh
from stepchat.errors import StepchatError
from stepchat.text.sanitize import sanitize_for_clipboard
from stepchat.text.widths import unpad
from stepchat.tui import workers
from stepchat.tui.after_first_paint import load
from stepchat.tui.chat.screen import ChatScreen, Opening
from stepchat.tui.commands import BY_NAME, COMMANDS, KEY_ROWS, complete, find, unknown_command
from stepchat.tui.commands.command import run
from stepchat.tui.commands.message import code_count, menu, open_link
from stepchat.tui.commands.view import reasoning_view
from stepchat.tui.dialog_keys import LIST
from stepchat.tui.dialogs.list_view import LOW, NARROW
from stepchat.tui.keymap import CHAT, MESSAGE, PROMPT, bindings, build_keymap, key_label
from stepchat.tui.leader import Leader
from stepchat.tui.message_keys import CHAT_ROWS
from stepchat.tui.terminal.handover import Handover
from stepchat.tui.themes import choose_theme, textual_theme

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.dom import DOMNode
    from textual.message import Message
    from textual.widget import Widget

    from stepchat.chat.workspace import Workspace
    from stepchat.errors import ConfigError
    from stepchat.first_frame.frame import FirstFrame
    from stepchat.sessions.records import Session
    from stepchat.tui.commands.command import Command
    from stepchat.tui.keymap import KeyRow


FAULT_LIMIT: Final = 3
"""How often the same exception may come within FAULT_SECONDS before stepchat gives up."""
FAULT_SECONDS: Final = 30.0
QUIT_SECONDS: Final = 2.0
"""Within this time a second press of the interrupt key quits."""
_USEFUL: Final = ("retry", "sessions", "new", "model", "reasoning", "find", "copy")
"""What the status bar lists first while the leader is pending; the others follow in the order of the table."""


class StepchatApp(App[str]):
    """The window. It returns what is to be said in the terminal when it is gone."""

    CSS_PATH = "app.tcss"
    TITLE = "stepchat"
    BINDINGS: ClassVar[list[BindingType]] = [
        # Saves and quits from everywhere, also over a dialog.
        Binding("ctrl+q", "quit", "Save and quit", show=False, priority=True, id="quit"),
        *bindings(KEY_ROWS, CHAT, {row.name: f"command('{row.name}')" for row in COMMANDS if row.name != "quit"}),
        *bindings(KEY_ROWS, MESSAGE, {row.name: f"message('{row.name}')" for row in COMMANDS if row.message_key}),
        *bindings(
            KEY_ROWS, MESSAGE, {f"copy-code-{digit}": f"message('copy-code', '{digit}')" for digit in "123456789"}
        ),
        Binding("ctrl+c", "message('copy')", show=False),
        *bindings(KEY_ROWS, CHAT, {row.id: row.id.replace("-", "_") for row in CHAT_ROWS}),
    ]
    ENABLE_COMMAND_PALETTE = False
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (NARROW, "-roomy")]  # noqa: RUF012 - Textual declares it so
    VERTICAL_BREAKPOINTS = [(0, "-low"), (LOW, "-high")]  # noqa: RUF012 - Textual declares it so

    def __init__(self, workspace: Workspace, opening: Opening, handover: Handover) -> None:
        if not os.environ.get("NO_COLOR"):
            os.environ.pop("NO_COLOR", None)  # an empty one counts for Textual
        # Without colours Textual is to drop them; it would make greys of them, which the terminal's own colours are not.
        super().__init__(driver_class=handover.driver_class(), ansi_color="NO_COLOR" in os.environ or None)
        self._workspace = workspace
        self._opening = opening
        self._handover = handover
        theme = opening.theme
        self._chat: ChatScreen | None = None
        self._is_ready = False
        self.faults: list[tuple[float, str]] = []
        """When an exception reached no handler lately, and which."""
        self.keymap = build_keymap(KEY_ROWS, workspace.config.keys)
        self.leader = Leader()
        self._quits_until = float("-inf")
        """Until when another press of the interrupt key quits."""
        defaults = {row.name: row.single_keys for row in KEY_ROWS}
        # Only what was rebound: Textual goes through all of it at every key.
        self.set_keymap({name: keys for name, keys in self.keymap.single_keys().items() if keys != defaults[name]})
        # Before the stylesheet is read: it uses the theme's variables.
        self.register_theme(textual_theme(theme))
        self.theme = theme.name

    @property
    def workspace(self) -> Workspace:
        """The one in use: switching the server replaces it."""
        return self._workspace if self._chat is None else self._chat.workspace

    @property
    def session(self) -> Session | None:
        """The session on screen."""
        return None if self._chat is None else self._chat.conversation.session

    def get_default_screen(self) -> ChatScreen:
        typed = self._handover.type_ahead()
        if not (typed.text or typed.pending):
            self._chat = ChatScreen(self.workspace, self._opening, complete, typed=self._opening.draft)
            return self._chat
        row, column = typed.cursor
        before = typed.text.split("\n")[:row]
        cursor = sum(len(line) + 1 for line in before) + column
        self._chat = ChatScreen(self.workspace, self._opening, complete, typed=typed.text, cursor=cursor)
        return self._chat

    def on_ready(self) -> None:
        """The first paint is done: now what can wait."""
        self._is_ready = True
        self._handover.prompt_is_ready(None if self._chat is None else self._chat.rescue)
        if self._chat is not None:
            workers.run_task(self, partial(load, self._chat), group="load")

    def on_app_focus(self) -> None:
        """Only the app hears of it, no screen does."""
        if self._chat is not None:
            self._chat.standing.come_to_front()

    def on_app_blur(self) -> None:
        if self._chat is not None:
            self._chat.standing.go_behind()

    def copy_to_clipboard(self, text: str) -> None:
        super().copy_to_clipboard(sanitize_for_clipboard(unpad(text)))

    # Faults in stepchat itself

    def _register(self, parent: DOMNode, *widgets: Widget, **options: Any) -> list[Widget]:
        for widget in widgets:
            self._guard(widget)
        return super()._register(parent, *widgets, **options)  # pyright: ignore[reportUnknownMemberType]

    def _start_widget(self, parent: Widget, widget: Widget) -> None:
        self._guard(widget)
        super()._start_widget(parent, widget)

    def _guard(self, widget: Widget) -> None:
        """An exception in a handler would end the widget's message loop; here it ends that one message."""
        dispatch = widget._dispatch_message  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]

        async def guarded(message: Message) -> None:
            try:
                await dispatch(message)
            except Exception as error:  # noqa: BLE001 - whatever it is, the window stays
                self._handle_exception(error)

        if getattr(dispatch, "__name__", "") != guarded.__name__:
            widget._dispatch_message = guarded  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]

    async def _dispatch_message(self, message: Message) -> None:
        try:
            await super()._dispatch_message(message)
        except Exception as error:  # noqa: BLE001 - whatever it is, the window stays
            self._handle_exception(error)

    def _handle_exception(self, error: Exception) -> None:
        """Report it and go on; give up when the same comes again and again, or before there is a window."""
        if isinstance(error, WorkerFailed) and isinstance(error.error, Exception):
            error = error.error
        now, same = monotonic(), summary(error)
        self.faults = [(at, which) for at, which in self.faults if now - at < FAULT_SECONDS] + [(now, same)]
        count = sum(which == same for _, which in self.faults)
        if self._exit or not self._is_ready or count > FAULT_LIMIT or len(self.faults) > 3 * FAULT_LIMIT:
            super()._handle_exception(error)
            return
        report = "" if count > 1 else self._write_report(error)
        if count > 1 and isinstance(self.screen, ModalScreen):
            self.screen.dismiss()  # it may be what cannot be painted
        if self._chat is not None and count == 1:
            hint = f"Everything received is saved. Report: {report}" if report else "Everything received is saved."
            self._chat.view.notice(f"An internal error occurred; stepchat continues: {same}", hint)

    def _write_report(self, error: Exception) -> str:
        path = write_crash_report(self.workspace.paths.state, error, self.workspace.client.redact)
        return "" if path is None else str(path)

    def _fatal_error(self) -> None:
        """As Textual shows an exception, but without the values of variables: they hold the conversation, perhaps a key."""
        from rich.traceback import Traceback

        if self._chat is not None:
            self._chat.interrupt()
        self.bell()
        self.panic(Traceback(width=None))

    # The leader

    async def on_event(self, event: Event) -> None:
        """Before anything else sees a key: the leader, and the key after it, are nobody else's."""
        if isinstance(event, Key) and not event.is_forwarded and await self._leader_takes(event.key):
            return
        if isinstance(event, (Paste, MouseDown)) and self.leader.pending:
            self.leader.cancel()
            self._show_pending()
        await super().on_event(event)

    async def _leader_takes(self, key: str) -> bool:
        step = self.leader.press(self.keymap, self._key_contexts(), key, monotonic())
        if step.kind == "pass":
            return False
        self._show_pending()
        if step.kind == "unknown" and self._chat is not None:
            self._chat.flash(f"{step.label} is not assigned.")
        if step.row is not None:
            await self._run_binding(step.row.name)
        return True

    def _key_contexts(self) -> tuple[str, ...]:
        """The contexts in which a key means something now, the innermost first."""
        if isinstance(self.screen, ChatScreen):
            return (MESSAGE if self.screen.view.has_focus else PROMPT, CHAT)
        names = [binding.id or "" for _, binding in self.screen._bindings]  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
        # A dialog's own context comes before that of all lists.
        return tuple(sorted({name.partition(".")[0] for name in names if "." in name}, key=LIST.__eq__))

    async def _run_binding(self, name: str) -> None:
        """Run what is bound to a key id, wherever in the focused chain it is."""
        for node, bindings_map in self.screen._binding_chain:  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
            for _, binding in bindings_map:
                if binding.id == name:
                    await self.run_action(binding.action, node)
                    return

    def _show_pending(self) -> None:
        """List the keys that may follow the leader, while it is pending."""
        if self._chat is None:
            return
        rows: list[tuple[str, KeyRow]] = []
        if self.leader.pending:
            for context in reversed(self._key_contexts()):
                rows += self.keymap.following(context).items()
            rows.sort(key=lambda row: _USEFUL.index(row[1].id) if row[1].id in _USEFUL else len(_USEFUL))
        self._chat.show_pending_keys(
            key_label(self.keymap.leader), [(key_label(key), row.id) for key, row in rows if row.id != "help"]
        )

    # Commands

    def action_command(self, name: str) -> None:
        """Run a command on the chat screen."""
        self._run(BY_NAME[name])

    def action_message(self, name: str, argument: str = "") -> None:
        """Run a command on the focused message."""
        self._run(BY_NAME[name], argument)

    def action_message_menu(self) -> None:
        if self._chat is not None:
            self._chat.start(partial(menu, self._chat, COMMANDS))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action not in {"message", "message_menu"}:
            return super().check_action(action, parameters)
        focused = None if self._chat is None or not self._chat.view.has_focus else self._chat.view.focused_message
        if focused is None or self._chat is None:
            return False
        if action == "message_menu":
            return focused.stored is not None
        command, number = BY_NAME[str(parameters[0])], str(parameters[1]) if len(parameters) > 1 else ""
        return command.applies(self._chat, focused) and (not number or int(number) <= code_count(self._chat, focused))

    def on_chat_screen_command_entered(self, event: ChatScreen.CommandEntered) -> None:
        chat = self._chat
        if chat is None:
            return
        if (found := find(event.line)) is not None:
            self._run(*found, line=event.line)
        elif name := unknown_command(event.line):
            hint = "F1 lists all commands. To send it as a message, start with a space."
            chat.prompt.restore_command(event.line)
            chat.refuse(StepchatError(f"There is no command {name}.", hint))
        else:
            chat.submit(event.line)

    def on_chat_screen_link_chosen(self, event: ChatScreen.LinkChosen) -> None:
        if self._chat is not None:
            self._chat.start(partial(open_link, self._chat, event.address))

    def _run(self, command: Command, argument: str = "", line: str = "") -> None:
        if self._chat is not None:
            self._chat.start(partial(run, self._chat, command, argument), line)

    async def action_quit(self) -> None:
        """Ctrl+Q anywhere, also over a dialog: what runs is saved first."""
        if self._chat is None:
            self.exit()
        else:
            self.action_command("quit")

    def action_interrupt(self) -> None:
        """With nothing to copy or to clear: stop the answer. Only a press that finds nothing to do arms quitting."""
        if self._chat is None:
            return
        if self._chat.conversation.busy:
            self.action_command("stop")
        elif monotonic() < self._quits_until:
            self.action_command("quit")
        else:
            self._quits_until = monotonic() + QUIT_SECONDS
            self._chat.flash("Press {key:interrupt} again to quit.")

    def action_end_of_input(self) -> None:
        if isinstance(self.screen, ChatScreen) and not self.screen.prompt.text:
            self.action_command("quit")

    def action_suspend(self) -> None:
        if self._driver is not None and self._driver.can_suspend and sys.platform != "win32":
            self.action_suspend_process()
        elif self._chat is not None:
            self._chat.flash("This terminal has no job control.")


async def prepare(workspace: Workspace, report: Callable[[ConfigError], None], *, folded: bool = False) -> Opening:
    """What the window shows first. `folded` hides the reasoning while it comes. Raises StoreError."""
    store, config = workspace.store, workspace.config
    # Without colours rank must be told by weight and slant, which is a theme of its own.
    wanted = "mono" if os.environ.get("NO_COLOR") else config.theme or await store.setting("theme") or ""
    view = config.reasoning_view if config.reasoning_view != "tail" else await store.setting("reasoning_view")
    session = workspace.session
    path = await store.complete_path(session.id) if session else []
    return Opening(
        theme=choose_theme(wanted, workspace.paths.user_themes, report),
        reasoning_view="hidden" if folded else reasoning_view(view or ""),
        path=path,
        draft=fresh(await store.draft(session.id if session else None), path),
    )


def open_window(workspace: Workspace, frame: FirstFrame | None, *, folded: bool) -> int:
    """Run the window until it is left; returns the exit code."""
    problems: list[ConfigError] = []
    in_use = workspace
    try:
        opening = asyncio.run(prepare(workspace, problems.append, folded=folded))
        app = StepchatApp(workspace, opening, Handover(frame))
        try:
            told = app.run()
        finally:
            in_use = app.workspace
    finally:
        asyncio.run(in_use.close())
    for problem in (*problems, *filter(None, [told])):
        print(f"stepchat: {problem}", file=sys.stderr)
    if app.session is not None and sys.stderr.isatty() and not app.return_code:
        print(f"Resume with: stepchat --resume {app.session.id}", file=sys.stderr)
    if app.return_code:
        print(
            "stepchat crashed; this is a bug. Everything received is saved. Resume with: stepchat --continue",
            file=sys.stderr,
        )
    return app.return_code or 0
