"""StepchatApp, the Textual app: the first screen, themes, the leader, quitting, and the report of internal errors."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, ClassVar, Final

from rich.style import Style
from textual import constants, on
from textual.app import App
from textual.binding import Binding, BindingType
from textual.events import Event, Key, MouseDown, Paste
from textual.screen import ModalScreen
from textual.worker import WorkerFailed

from stepchat.chat.crash_report import summary, write_crash_report
from stepchat.chat.drafts import without_sent
from stepchat.chat.rescue import describe_files, describe_unsaved, rescue_directories, write_rescue
from stepchat.config.file import in_line_order
from stepchat.errors import ConfigError
from stepchat.text.sanitize import sanitize_for_clipboard
from stepchat.text.widths import unpad
from stepchat.transcript.markdown.inline import Display
from stepchat.tui import changed_keys, workers
from stepchat.tui.chat.screen import ChatScreen, Opening
from stepchat.tui.chat.turn_status import idle_hints
from stepchat.tui.commands import BY_NAME, COMMANDS, KEY_ROWS, complete, find, unknown_command
from stepchat.tui.commands.command import applies_now, remember_used, run
from stepchat.tui.commands.conversation import go_to_words
from stepchat.tui.commands.message import code_count, menu, open_link
from stepchat.tui.commands.prompts import ask_with, is_prompt, offers
from stepchat.tui.commands.view import reasoning_view
from stepchat.tui.composer.composer import Composer
from stepchat.tui.dialog_keys import FIND, LIST, PAGE
from stepchat.tui.dialogs.key_hints import KeyHints
from stepchat.tui.dialogs.list_view import LOW, NARROW
from stepchat.tui.dialogs.unsaved import UNSAVED, unsaved_picker
from stepchat.tui.keymap import CHAT, MESSAGE, PROMPT, WELCOME, bindings, build_keymap, key_errors, key_label
from stepchat.tui.leader import Leader, Step
from stepchat.tui.message_keys import CHAT_ROWS
from stepchat.tui.terminal.handover import Handover, write_first_frame
from stepchat.tui.themes import AUTO, choose_theme, find_themes, palette, textual_theme

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from textual.dom import DOMNode
    from textual.driver import Driver
    from textual.message import Message
    from textual.widget import Widget

    from stepchat.chat.workspace import Workspace
    from stepchat.first_frame.frame import FirstFrame
    from stepchat.sessions.records import Session
    from stepchat.tui.commands.command import Command
    from stepchat.tui.composer.completion import Completion
    from stepchat.tui.keymap import KeyRow
    from stepchat.tui.terminal.driver import HandoverDriver
    from stepchat.tui.themes import Theme


FAULT_LIMIT: Final = 3
"""How often the same exception may occur within FAULT_SECONDS before stepchat gives up."""
FAULT_SECONDS: Final = 30.0
QUIT_SECONDS: Final = 2.0
"""Seconds within which a second press of the interrupt key quits."""
_SHARED: Final = (LIST, PAGE, PROMPT)
"""Contexts of several dialogs, the inner ones first."""
_USEFUL: Final = ("retry", "sessions", "new", "model", "reasoning", "find", "copy")
"""The commands that the status bar lists first while the leader is pending; others follow in the order of the table."""


class StepchatApp(App[str]):
    """The window. `run` returns what to print in the terminal after it has closed."""

    CSS_PATH = "app.tcss"
    TITLE = "stepchat"
    BINDINGS: ClassVar[list[BindingType]] = [
        # Saves and quits from anywhere, also from a dialog.
        Binding("ctrl+q", "quit", "Save and quit", show=False, priority=True, id="quit"),
        *bindings(KEY_ROWS, CHAT, {row.name: f"command('{row.name}')" for row in COMMANDS if row.name != "quit"}),
        *bindings(KEY_ROWS, MESSAGE, {row.name: f"message('{row.name}')" for row in COMMANDS if row.message_key}),
        *bindings(
            KEY_ROWS, MESSAGE, {f"copy-code-{digit}": f"message('copy-code', '{digit}')" for digit in "123456789"}
        ),
        Binding("ctrl+c", "message('copy')", show=False),
        *bindings(KEY_ROWS, CHAT, {row.id: row.id.replace("-", "_") for row in CHAT_ROWS if row.id != "suspend"}),
        # Besides the key that quits, dialogs pass on only this one.
        *bindings(KEY_ROWS, CHAT, {"suspend": "suspend"}, priority=True),
        *bindings(KEY_ROWS, CHAT, {f"tab-{digit}": f"open_tab({digit})" for digit in "123456789"}),
        *bindings(KEY_ROWS, CHAT, {"tab-next": "step_tab(1)", "tab-previous": "step_tab(-1)"}),
    ]
    ENABLE_COMMAND_PALETTE = False
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (NARROW, "-roomy")]  # noqa: RUF012 - Textual declares it so
    VERTICAL_BREAKPOINTS = [(0, "-low"), (LOW, "-high")]  # noqa: RUF012 - Textual declares it so

    def __init__(self, workspace: Workspace, opening: Opening, handover: Handover) -> None:
        if not os.environ.get("NO_COLOR"):
            os.environ.pop("NO_COLOR", None)  # an empty one counts for Textual
        # Without colours, Textual must drop them: it would turn them into greys, unlike the terminal's own colours.
        super().__init__(driver_class=driver_class(handover), ansi_color="NO_COLOR" in os.environ or None)
        self._workspace = workspace
        self._opening = opening
        self._handover = handover
        self._look = theme = opening.theme
        self._theme_choice, self._on_light = opening.theme_choice, opening.on_light
        self.start_problems: Sequence[ConfigError] = ()
        """What is wrong with the theme, to be reported once the window is there."""
        self._chat: ChatScreen | None = None
        self._theme_file = self._stamp(theme)
        """When the user's file of the theme was changed."""
        self.shows_formulas = workspace.config.formulas
        """Formulas are Unicode text where that is readable, otherwise TeX."""
        self._is_ready = False
        self.faults: list[tuple[float, str]] = []
        """Recent exceptions that no handler caught, with their times."""
        self.keymap = build_keymap(KEY_ROWS, workspace.config.keys, is_vi=workspace.config.editing == "vi")
        self.leader = Leader()
        self._announced = changed_keys.ALL
        """The keys whose new meaning was announced; loaded after the first paint."""
        self.wants_temporary = False
        """Quit, and start a temporary session."""
        self._quits_until = float("-inf")
        """The time until which another press of the interrupt key quits."""
        defaults = {row.name: row.single_keys for row in KEY_ROWS}
        # Contains only rebound keys, because Textual searches all of it at every key.
        self.set_keymap({name: keys for name, keys in self.keymap.single_keys().items() if keys != defaults[name]})
        # Before the stylesheet is read: it uses the theme's variables.
        self.register_theme(textual_theme(theme))
        self.theme = theme.name

    @property
    def workspace(self) -> Workspace:
        """The workspace in use. Switching the server replaces it."""
        return self._workspace if self._chat is None else self._chat.workspace

    @property
    def text_display(self) -> Display:
        """How the transcript shows composed emoji and formulas."""
        return Display(self._handover.joins_emoji, self.shows_formulas)

    def toggle_formulas(self) -> None:
        self.shows_formulas = not self.shows_formulas
        if self._chat is not None:
            self._chat.set_palette(palette(self._look))

    @property
    def session(self) -> Session | None:
        """The session on screen."""
        return None if self._chat is None else self._chat.conversation.session

    def get_default_screen(self) -> ChatScreen:
        typed = self._handover.type_ahead()
        text, cursor = self._opening.draft, None
        if typed.text or typed.pending:
            row, column = typed.cursor
            text, cursor = typed.text, sum(len(line) + 1 for line in typed.text.split("\n")[:row]) + column
        self._chat = ChatScreen(
            self.workspace, self._opening, _complete, palette(self._opening.theme), typed=text, cursor=cursor
        )
        return self._chat

    def on_handover_driver_emoji_joined(self) -> None:
        """Handle the terminal's report when it arrives after the start."""
        if self._chat is not None:
            self._chat.set_palette(palette(self._look))

    def on_ready(self) -> None:
        """Do what can wait until after the first paint."""
        self._is_ready = True
        self._handover.prompt_is_ready(self._rescue)
        if self._chat is not None:
            self._report_config_problems()
            for problem in self.start_problems:
                self._report_problem(problem)
            workers.run_task(self, partial(self._after_first_paint, self._chat), group="load")

    async def _after_first_paint(self, screen: ChatScreen) -> None:
        """Load the welcome, labels, the connection, the catalogue and late costs. If one fails, the others still run."""
        conversation, pane = screen.conversation, screen.pane
        words = screen.workspace.start_options.resume or ""
        if screen.workspace.choose_session:
            self._run(BY_NAME["sessions"], words)
        elif conversation.session is None:
            await pane.run_optional(partial(self._greet, screen))
        if reason := screen.workspace.store.not_saved:
            screen.notice("Nothing is saved.", reason, kind="warning")
        await pane.run_optional(screen.announce_interrupted)
        await pane.run_optional(screen.load_history)
        await pane.run_optional(self._load_announced)
        if words and not screen.workspace.choose_session:
            await pane.run_optional(partial(go_to_words, screen, words))
        if files := screen.workspace.start_options.files:
            screen.start(partial(screen.attach, [Path(name) for name in files]))
        await pane.run_optional(pane.load_details)
        # What exists now lives as long as the program, so later garbage collections skip it.
        gc.collect()
        gc.freeze()
        gc.enable()
        await asyncio.to_thread(screen.workspace.client.prepare)
        await asyncio.to_thread(_import_dialogs)
        self._keep_for_next_start()
        screen.load_catalogue()
        screen.load_late_costs()

    async def _greet(self, screen: ChatScreen) -> None:
        """Ask a user who has neither a key nor a session how to start."""
        workspace = screen.workspace
        await screen.greet()
        if workspace.key_error is not None and not await workspace.store.sessions(limit=1):
            self.action_command("login")

    def on_app_focus(self) -> None:
        """Tell the screen, which does not get this event."""
        if self._chat is not None:
            self._reload_theme()
            self._chat.come_to_front()

    def on_app_blur(self) -> None:
        if self._chat is not None:
            self._chat.go_behind()

    def watch_app_focus(self, focus: bool) -> None:  # noqa: FBT001 - a watcher
        """Focus a screen that opened while the terminal was in the background; no key would work otherwise."""
        if focus and self.screen.focused is None:
            self.screen._update_auto_focus()  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]

    # Theme

    def on_handover_driver_background_reported(self, event: HandoverDriver.BackgroundReported) -> None:
        """Follow the terminal, unless the user has chosen a theme."""
        name = "light" if event.is_light else "dark"
        if self._theme_choice == AUTO and "NO_COLOR" not in os.environ and self.theme != name:
            self.show_theme(AUTO, on_light=event.is_light)
            self._keep_for_next_start()
        if event.is_light != self._on_light:
            self._on_light = event.is_light
            # What cannot be stored is reported again by the next start.
            workers.run_task(self, partial(self.workspace.store.set_setting, "background", name), group="background")

    @property
    def theme_choice(self) -> str:
        """The name of the chosen theme, which may be `auto`."""
        return self._theme_choice

    def show_theme(self, name: str, *, on_light: bool | None = None) -> None:
        """Show a theme without remembering it."""
        light = self._on_light if on_light is None else on_light
        self._apply_theme(named_theme(name, self.workspace.paths.user_themes, self._report_problem, on_light=light))

    def _apply_theme(self, theme: Theme) -> None:
        self._look, self._theme_file = theme, self._stamp(theme)
        self.register_theme(textual_theme(theme))
        if self.theme == theme.name:  # its file has changed
            self._invalidate_css()
            self.refresh_css(animate=False)
        else:
            self.theme = theme.name
        if self._chat is not None:
            self._chat.set_palette(palette(theme))

    def _stamp(self, theme: Theme) -> float:
        """When the user's file of this theme was changed; 0 for a shipped one."""
        with suppress(OSError):
            return (self.workspace.paths.user_themes / f"{theme.name}.toml").stat().st_mtime
        return 0

    def _reload_theme(self) -> None:
        """The user comes back, perhaps from editing the file of the theme."""
        stamp = self._stamp(self._look)
        if stamp and stamp != self._theme_file and "NO_COLOR" not in os.environ:
            self._theme_file = stamp
            with suppress(ConfigError):
                self.show_theme(self._look.name)

    async def action_choose_theme(self, name: str) -> None:
        """Switch to a theme and remember it. Raises ConfigError."""
        workspace = self.workspace
        theme = named_theme(name, workspace.paths.user_themes, self._report_problem, on_light=self._on_light)
        if "NO_COLOR" in os.environ:
            await workspace.store.set_setting("theme", name)
            if self._chat is not None:
                self._chat.flash("NO_COLOR is set: the theme applies from the next start with colours.")
            return
        self._theme_choice = name
        self._apply_theme(theme)
        self._keep_for_next_start()
        await workspace.store.set_setting("theme", name)

    def _keep_for_next_start(self) -> None:
        """Save the style of the next first frame, which is painted before any theme is read."""
        hints = [(self.keymap.fill(key), word) for key, word in idle_hints()]
        write_first_frame(self.workspace.paths.first_frame, self.workspace.model, [], hints, frame_styles(self._look))

    def _report_config_problems(self) -> None:
        """Report the first problem of config.toml, and how to see the others."""
        path = self.workspace.paths.config_file
        if errors := in_line_order([*self.workspace.config.problems, *key_errors(self.keymap, path)]):
            more = f" {len(errors) - 1} more: stepchat config check" if len(errors) > 1 else ""
            self._report_problem(ConfigError(errors[0].message, errors[0].hint + more))

    def _report_problem(self, error: ConfigError) -> None:
        if self._chat is not None:
            self._chat.notice(error.message, error.hint, kind="warning")

    def copy_to_clipboard(self, text: str) -> None:
        super().copy_to_clipboard(sanitize_for_clipboard(unpad(text)))

    # Internal errors

    def _register(self, parent: DOMNode, *widgets: Widget, **options: Any) -> list[Widget]:
        for widget in widgets:
            self._guard(widget)
        return super()._register(parent, *widgets, **options)  # pyright: ignore[reportUnknownMemberType]

    def _start_widget(self, parent: Widget, widget: Widget) -> None:
        self._guard(widget)
        super()._start_widget(parent, widget)

    def _guard(self, widget: Widget) -> None:
        """Catch exceptions of a widget's handlers, which would otherwise end its message loop."""
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
        """Report an exception and continue. Give up if it occurs repeatedly, or before there is a window."""
        if isinstance(error, WorkerFailed) and isinstance(error.error, Exception):
            error = error.error
        now, same = monotonic(), self.workspace.client.redact(summary(error))
        self.faults = [(at, which) for at, which in self.faults if now - at < FAULT_SECONDS] + [(now, same)]
        count = sum(which == same for _, which in self.faults)
        if self._exit or not self._is_ready or count > FAULT_LIMIT or len(self.faults) > 3 * FAULT_LIMIT:
            super()._handle_exception(error)
            return
        report = "" if count > 1 else self._write_report(error)
        if count > 1 and isinstance(self.screen, ModalScreen):
            self.screen.dismiss()  # perhaps this cannot be painted either
        if self._chat is not None and count == 1:
            hint = f"Everything received is saved. Report: {report}" if report else "Everything received is saved."
            self._chat.view.notice(f"An internal error occurred; stepchat continues: {same}", hint)

    def _write_report(self, error: Exception) -> str:
        path = write_crash_report(self.workspace.paths.state, error, self.workspace.client.redact)
        return "" if path is None else str(path)

    def _fatal_error(self) -> None:
        """Show an exception as Textual does, but without the values of variables, which may contain the conversation or a key."""
        from rich.traceback import Traceback

        if self._chat is not None:
            self._chat.interrupt()
        self.bell()
        self.panic(Traceback(width=None))

    # The leader

    async def on_event(self, event: Event) -> None:
        """Handle the leader and the key after it before anything else does."""
        if isinstance(event, Key) and not event.is_forwarded:
            if await self._leader_takes(event.key):
                return
            self._announce(event.key)
        if isinstance(event, (Paste, MouseDown)) and self.leader.pending:
            self.leader.cancel()
            self._show_pending()
        await super().on_event(event)

    async def _load_announced(self) -> None:
        """Load which changed keys were announced. A setup without sessions never had the old keys. Raises StoreError."""
        store = self.workspace.store
        announced = await store.setting(changed_keys.SETTING)
        if announced is None and not await store.sessions(limit=1):
            announced = changed_keys.ALL
            await store.set_setting(changed_keys.SETTING, announced)
        self._announced = announced or ""

    def _announce(self, key: str) -> None:
        """When a key with a new meaning is pressed for the first time, name the key that now does what it did."""
        if self._announced == changed_keys.ALL:
            return
        row = changed_keys.changed_key(self.keymap, self._key_contexts(), key, self._announced)
        if row is None or self._chat is None:
            return
        self._announced = f"{self._announced} {changed_keys.name(row)}".strip()
        text = changed_keys.announcement(row, self.keymap)
        if isinstance(self.screen, ModalScreen):
            self._report_key(text)
        else:
            self._chat.notice(text)
        save = partial(self.workspace.store.set_setting, changed_keys.SETTING, self._announced)
        workers.run_task(self, partial(self._chat.pane.run_optional, save), group="announced")

    async def _leader_takes(self, key: str) -> bool:
        step = self.leader.press(self.keymap, self._key_contexts(), key, monotonic())
        if step.kind == "pass":
            return False
        self._show_pending()
        if step.row is not None and not await self._run_binding(step.row.name):
            # Bound in the prompt's context, which this field does not have.
            step = Step("unknown", label=self.keymap.written(f"leader {key}"))
        if step.kind == "unknown":
            self._report_key(f"{step.label} is not assigned.")
        return True

    def _report_key(self, text: str) -> None:
        """Show a line about a key in the dialog's last line, otherwise in the status bar."""
        if isinstance(self.screen, ModalScreen):
            for hints in self.screen.query(KeyHints):
                hints.show_message(text)
        elif self._chat is not None:
            self._chat.flash(text)

    def _key_contexts(self) -> tuple[str, ...]:
        """The contexts of keys that apply now, the innermost first."""
        names = [binding.id or "" for _, map_ in self.screen._modal_binding_chain for _, binding in map_]  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
        found = dict.fromkeys(name.partition(".")[0] for name in names if "." in name)
        if isinstance(self.screen, ChatScreen):
            inner = MESSAGE if self.screen.view.has_focus else PROMPT
            inner = WELCOME if self.screen.pane.welcome.is_selecting else inner
            return (*((FIND,) if FIND in found else ()), inner, CHAT)
        # A dialog's own context comes before that of all lists and pages, and both before the field's.
        return tuple(sorted(found, key=lambda name: _SHARED.index(name) if name in _SHARED else -1))

    async def _run_binding(self, name: str) -> bool:
        """Run the action of a key id in the focused widget or its parents; False if none of them has it."""
        for node, bindings_map in self.screen._binding_chain:  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
            for _, binding in bindings_map:
                if binding.id == name:
                    await self.run_action(binding.action, node)
                    return True
        return False

    def _show_pending(self) -> None:
        """List the keys that may follow the leader, while it is pending."""
        if isinstance(self.screen, ModalScreen):
            for hints in self.screen.query(KeyHints):
                hints.set_pending(pending=self.leader.pending)
            return
        if self._chat is None:
            return
        rows: list[tuple[str, KeyRow]] = []
        if self.leader.pending:
            for context in reversed(self._key_contexts()):
                rows += self.keymap.following(context).items()
            rows = [row for row in rows if self._applies(row[1])]
            rows.sort(key=lambda row: _USEFUL.index(row[1].id) if row[1].id in _USEFUL else len(_USEFUL))
        self._chat.show_pending_keys(
            key_label(self.keymap.leader), [(key_label(key), row.id) for key, row in rows if row.id != "help"]
        )

    def _applies(self, row: KeyRow) -> bool:
        """Whether a key can do something now, as far as that is known."""
        command = BY_NAME.get(row.id) if row.context == CHAT else None
        return command is None or self._chat is None or applies_now(self._chat, command)

    # Commands

    def action_command(self, name: str) -> None:
        """Run a command on the chat screen."""
        self._run(BY_NAME[name])

    def action_message(self, name: str, argument: str = "") -> None:
        """Run a command on the focused message."""
        self._run(BY_NAME[name], argument)

    def action_open_tab(self, number: int) -> None:
        if self._chat is not None:
            self._chat.open_tab(number)

    def action_step_tab(self, by: int) -> None:
        if self._chat is not None:
            self._chat.step_tab(by)

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

    @on(Composer.CommandEntered)
    def _command_entered(self, event: Composer.CommandEntered) -> None:
        chat = self._chat
        if chat is None:
            return
        if (found := find(event.line)) is not None:
            self._run_entered(chat, *found, event.line)
        elif is_prompt(chat, event.line):
            chat.start(partial(ask_with, chat, event.line), event.line)
        elif (found := find(event.line, by_synonym=True)) is not None:
            self._run_entered(chat, *found, event.line)
        elif (error := unknown_command(event.line)) is not None:
            chat.prompt.restore_command(event.line)
            chat.refuse(error)
        else:
            chat.submit(chat.composer.with_attachments(event.line))

    def _run_entered(self, chat: ChatScreen, command: Command, argument: str, line: str) -> None:
        self._run(command, argument, line)
        workers.run_task(
            self, partial(chat.pane.run_optional, partial(remember_used, chat, command)), group="recent commands"
        )

    @on(ChatScreen.LinkChosen)
    def _link_chosen(self, event: ChatScreen.LinkChosen) -> None:
        if self._chat is not None:
            self._chat.start(partial(open_link, self._chat, event.address))

    def _run(self, command: Command, argument: str = "", line: str = "") -> None:
        if self._chat is not None:
            self._chat.start(partial(run, self._chat, command, argument), line)

    async def action_temporary(self) -> None:
        """Quit like `action_quit`; a window with a temporary session follows."""
        await self.action_quit()
        self.wants_temporary = True

    async def action_quit(self) -> None:
        """Save and quit, also from a dialog. Asks before anything that cannot be saved is lost."""
        self.wants_temporary = False
        if self._chat is None:
            self.exit()
        elif not any(screen.has_class(UNSAVED) for screen in self.screen_stack):
            self._chat.start(partial(self._quit, self._chat))

    async def _quit(self, screen: ChatScreen) -> None:
        failed = ""
        while True:
            refused = await screen.finish_turns()
            text = screen.composer.unsaved_text
            if not refused and not text:
                await self._end(screen)
                return
            lost = [describe_unsaved(one) for one in refused] + (["the prompt's text"] if text else [])
            choice = await self.push_screen_wait(unsaved_picker(lost, failed))
            failed = ""
            if choice == "lose":
                await self._end(screen)
                return
            if choice == "file":
                written = self._write_rescue(screen)
                if len(written) == len(refused) + bool(text):
                    await self._end(screen, describe_files(written))
                    return
                failed = "No file could be written. "
            elif choice != "again":
                return

    async def _end(self, screen: ChatScreen, message: str = "") -> None:
        await screen.stop_turns()
        await screen.save_page()
        self.exit(message)

    def _write_rescue(self, screen: ChatScreen) -> list[Path]:
        conversations = [pane.conversation for pane in screen.panes.all]
        directories = rescue_directories(screen.workspace.paths.state)
        return write_rescue(conversations, screen.composer.unsaved_text, directories)

    def _rescue(self) -> str:
        """Write what cannot be saved to rescue files, because a signal ends the program. Returns what to print, or ""."""
        written = [] if self._chat is None else self._write_rescue(self._chat)
        return f"stepchat: {describe_files(written)}\n" if written else ""

    def action_interrupt(self) -> None:
        """Stop the answer. If there is nothing to stop either, the next press quits."""
        if self._chat is None:
            return
        if self._chat.conversation.busy:
            self.action_command("stop")
        elif monotonic() < self._quits_until:
            self.action_command("quit")
        else:
            self._quits_until = monotonic() + QUIT_SECONDS
            self._chat.flash("Press {key:interrupt} again to quit.")

    def action_edit_last(self) -> None:
        self.action_command("edit")

    def action_end_of_input(self) -> None:
        if isinstance(self.screen, ChatScreen) and not self.screen.prompt.text:
            self.action_command("quit")

    def action_suspend(self) -> None:
        if self._driver is not None and self._driver.can_suspend and sys.platform != "win32":
            self.action_suspend_process()
        elif self._chat is not None:
            self._chat.flash("This terminal has no job control.")


def named_theme(
    name: str, user_themes: Path, report: Callable[[ConfigError], None], *, on_light: bool = False
) -> Theme:
    """Load a theme by name, and report unusable files. Raises ConfigError."""
    if name == AUTO:
        return choose_theme(AUTO, user_themes, report, on_light=on_light)
    themes = find_themes(user_themes, report)
    if name not in themes:
        raise ConfigError(f"No theme named {name!r}.", f"Available: {', '.join((AUTO, *themes))}.")
    return themes[name]


def frame_styles(theme: Theme) -> dict[str, Style]:
    """The style of each role of the first frame."""
    colours = palette(theme)
    text = colours.text
    swapped = Style(color=text.bgcolor, bgcolor=text.color)
    return {
        "ground": text,
        "text": text,
        "key": text,
        "placeholder": colours.dim,
        "status": colours.dim,
        "rule": colours.rule,
        "sign": colours.accent,
        "cursor": swapped if text.color and text.bgcolor else text + Style(reverse=True),
    }


def driver_class(handover: Handover) -> type[Driver] | None:
    """The driver that continues from the first frame; None, Textual's own choice, without a POSIX terminal."""
    if os.name != "posix" or constants.DRIVER is not None:
        return None
    from stepchat.tui.terminal.driver import driver_class  # cannot be imported on Windows

    return driver_class(handover)


def _import_dialogs() -> None:
    """Import the most used dialogs ahead of time, so that they open quickly the first time as well."""
    from stepchat.tui.dialogs import models, sessions, settings  # noqa: F401 # pyright: ignore[reportUnusedImport]


async def prepare(workspace: Workspace, report: Callable[[ConfigError], None], *, folded: bool = False) -> Opening:
    """Read what the window shows first. `folded` hides streaming reasoning. Raises StoreError."""
    store, config = workspace.store, workspace.config
    # Without colours, importance must show in bold and italics, which is a theme of its own.
    chosen = config.theme or await store.setting("theme") or AUTO
    wanted = "mono" if os.environ.get("NO_COLOR") else chosen
    on_light = await store.setting("background") == "light"
    view = config.reasoning_view if config.reasoning_view != "tail" else await store.setting("reasoning_view")
    session = workspace.session
    path = await store.complete_path(session.id) if session else []
    return Opening(
        theme=choose_theme(wanted, workspace.paths.user_themes, report, on_light=on_light),
        theme_choice=chosen,
        on_light=on_light,
        reasoning_view="hidden" if folded else reasoning_view(view or ""),
        path=path,
        draft=without_sent(await store.draft(session.id if session else None), path),
    )


def _complete(line: str, screen: ChatScreen) -> Sequence[Completion]:
    return complete(line, screen, offers(screen))


def open_window(workspace: Workspace, frame: FirstFrame | None, *, folded: bool) -> int | None:
    """Run the window until the user quits; returns the exit code, or None if a temporary session is to follow."""
    problems: list[ConfigError] = []
    in_use = workspace
    try:
        opening = asyncio.run(prepare(workspace, problems.append, folded=folded))
        app = StepchatApp(workspace, opening, Handover(frame))
        app.start_problems = problems
        try:
            message = app.run()
        finally:
            in_use = app.workspace
    finally:
        asyncio.run(in_use.close())
    if message:
        print(f"stepchat: {message}", file=sys.stderr)
    if app.session is not None and sys.stderr.isatty() and not app.return_code:
        is_temporary = workspace.start_options.temporary
        resume = f"Resume with: stepchat --resume {app.session.id}"
        print("Nothing of the temporary session is stored." if is_temporary else resume, file=sys.stderr)
    if app.return_code:
        print(
            "stepchat crashed; this is a bug. Everything received is saved. Resume with: stepchat --continue",
            file=sys.stderr,
        )
        return app.return_code
    return None if app.wants_temporary else 0
