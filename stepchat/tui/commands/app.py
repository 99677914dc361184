"""Commands about the program: theme, help, palette, quit."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from stepchat.errors import UsageError
from stepchat.manual import TOPICS, find_topic
from stepchat.tui.commands.command import RECENT_COMMANDS, Command, applies_now, remember_used, run
from stepchat.tui.dialogs.pick import Choice, Picker
from stepchat.tui.keymap import MESSAGE, PROMPT, keymap_of
from stepchat.tui.terminal import clipboard
from stepchat.tui.themes import AUTO, find_themes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stepchat.tui.chat.screen import ChatScreen

Groups: TypeAlias = "tuple[tuple[str, tuple[Command, ...]], ...]"
"""The table of commands: the title of each group of the help, and its rows."""


async def theme(screen: ChatScreen, argument: str) -> None:
    """Switch to this theme, or to one of a list that shows each at once."""
    app: Any = screen.app  # StepchatApp, which imports this table
    current: str = app.theme_choice
    name: str | None = argument
    if not argument:
        rows = [Choice(name, name, ("•" if name == current else "",), about) for name, about in _themes(screen)]
        name = await screen.app.push_screen_wait(Picker("Theme", rows, at=current, preview=app.show_theme))
    if name is None:
        app.show_theme(current)
    else:
        await screen.run_action(f"app.choose_theme({name!r})")


def _themes(screen: ChatScreen) -> Sequence[tuple[str, str]]:
    themes = find_themes(screen.workspace.paths.user_themes, lambda _: None)
    return [
        (AUTO, "follows the terminal's background"),
        *((name, "dark" if one.dark else "light") for name, one in themes.items()),
    ]


async def _help(table: Callable[[], Groups], screen: ChatScreen, argument: str) -> None:
    from stepchat.tui.dialogs.help import MOUSE, HelpRow, HelpScreen

    if argument:
        await _open_manual(screen, argument)
        return
    keymap = keymap_of(screen)
    groups = [
        (title, [HelpRow(f"/{row.name}", keymap.label(row.name), row.help, row.argument, row.synonyms) for row in rows])
        for title, rows in table()
    ]
    inner = [
        (
            title,
            [
                HelpRow("", keymap.label(row.name), row.help)
                for row in keymap.rows
                if row.context == context and row.keys
            ],
        )
        for title, context in (("Writing", PROMPT), ("On a focused message", MESSAGE))
    ]
    await screen.app.push_screen_wait(HelpScreen([inner[0], *groups, inner[1], ("Mouse", [MOUSE])]))


async def _open_manual(screen: ChatScreen, name: str) -> None:
    topic = find_topic(name.lower())
    if topic is None:
        raise UsageError(f"The manual has no page {name!r}.", f"Pages: {', '.join(topic.name for topic in TOPICS)}.")
    # Not needed by the first frame.
    from stepchat.tui.dialogs.manual import ManualScreen

    await screen.app.push_screen_wait(
        ManualScreen(topic, screen.palette, lambda text: screen.app.notify(clipboard.copy(screen.app, text)))
    )


def _topics(_screen: ChatScreen) -> Sequence[tuple[str, str]]:
    return TOPICS


async def _palette(table: Callable[[], Groups], screen: ChatScreen, _argument: str) -> None:
    """Lists the commands that apply now, those used last first."""
    recent = (await screen.workspace.store.setting(RECENT_COMMANDS) or "").split()
    commands = [row for _, rows in table() for row in rows if applies_now(screen, row)]
    commands.sort(key=lambda row: recent.index(row.name) if row.name in recent else len(recent))
    choices = [
        Choice(
            row.name,
            row.help,
            detail=f"/{row.name}  {keymap_of(screen).label(row.name)}",
            names=(row.name, *row.synonyms),
        )
        for row in commands
    ]
    chosen = await screen.app.push_screen_wait(Picker("Commands", choices, empty_text="No matching command."))
    for row in commands:
        if row.name == chosen:
            await screen.pane.run_optional(partial(remember_used, screen, row))
            if row.argument and not row.argument.startswith("["):
                screen.prompt.prefill(f"/{row.name} ")
            else:
                await run(screen, row)


async def _quit(screen: ChatScreen, _argument: str) -> None:
    await screen.run_action("app.quit")


def commands(table: Callable[[], Groups]) -> tuple[Command, ...]:
    """The rows of this group. Help and palette show the whole table, which holds them too."""
    return (
        Command(
            "theme", "Switch theme", theme, (), "[NAME]", _themes, synonyms=("color", "colors", "colour", "appearance")
        ),
        Command(
            "help",
            "Show commands and keys, or a page of the manual",
            partial(_help, table),
            ("f1", "leader question_mark"),
            "[TOPIC]",
            _topics,
            synonyms=("h", "keys", "shortcuts", "man"),
        ),
        Command(
            "commands", "Search the commands", partial(_palette, table), ("ctrl+p", "leader p"), synonyms=("palette",)
        ),
        Command("quit", "Save and quit", _quit, ("ctrl+q",), synonyms=("exit", "q", "bye", "wq")),
    )
