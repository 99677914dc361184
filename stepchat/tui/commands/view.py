"""Commands about what is on screen: folding, scrolling, searching, the mouse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stepchat.errors import UsageError
from stepchat.tui.commands.command import Command, has_messages
from stepchat.tui.terminal.title import repaint, report_mouse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stepchat.transcript.answer import ReasoningView
    from stepchat.tui.chat.screen import ChatScreen

_VIEWS = (
    ("tail", "last lines while thinking"),
    ("full", "all of it while thinking"),
    ("hidden", "only the header while thinking"),
)


def reasoning_view(word: str) -> ReasoningView:
    """The setting of this name; "tail" if there is none."""
    match word:
        case "full" | "hidden":
            return word
        case _:
            return "tail"


async def reasoning(screen: ChatScreen, argument: str) -> None:
    if argument and argument not in dict(_VIEWS):
        raise UsageError(f"There is no reasoning view {argument!r}.", f"Views: {', '.join(dict(_VIEWS))}.")
    if argument:
        screen.panes.set_reasoning_view(reasoning_view(argument))
        await screen.workspace.store.set_setting("reasoning_view", argument)
        screen.flash(f"Reasoning view: {dict(_VIEWS)[argument]}.")
    else:
        screen.view.toggle_reasoning()


async def reasoning_all(screen: ChatScreen, _argument: str) -> None:
    screen.view.toggle_all_reasoning()


async def page_up(screen: ChatScreen, _argument: str) -> None:
    screen.view.scroll_page(-1)


async def page_down(screen: ChatScreen, _argument: str) -> None:
    screen.view.scroll_page(1)


async def half_up(screen: ChatScreen, _argument: str) -> None:
    screen.view.scroll_page(-0.5)


async def half_down(screen: ChatScreen, _argument: str) -> None:
    screen.view.scroll_page(0.5)


async def row_up(screen: ChatScreen, _argument: str) -> None:
    screen.view.scroll_lines(-1)


async def row_down(screen: ChatScreen, _argument: str) -> None:
    screen.view.scroll_lines(1)


async def top(screen: ChatScreen, _argument: str) -> None:
    screen.view.scroll_home()


async def end(screen: ChatScreen, _argument: str) -> None:
    screen.view.scroll_to_end()


async def find(screen: ChatScreen, argument: str) -> None:
    await screen.open_find(argument)


async def mouse(screen: ChatScreen, _argument: str) -> None:
    """Release the mouse to the terminal, whose own selection then works, or take it back."""
    free = not screen.panes.mouse_is_free
    screen.panes.set_mouse_free(free=free)
    report_mouse(screen.app, on=not free)
    screen.flash("Mouse released to the terminal. {key:mouse} takes it back." if free else "Mouse captured again.")


async def formulas(screen: ChatScreen, _argument: str) -> None:
    """Show formulas as TeX, or as Unicode text again."""
    app: Any = screen.app  # StepchatApp, which imports this table
    app.toggle_formulas()
    screen.flash("Formulas are Unicode text." if app.shows_formulas else "Formulas are TeX. /formulas changes back.")


async def redraw(screen: ChatScreen, _argument: str) -> None:
    repaint(screen.app)


def _views(_screen: ChatScreen) -> Sequence[tuple[str, str]]:
    return _VIEWS


COMMANDS: tuple[Command, ...] = (
    Command(
        "reasoning",
        "Fold or open the reasoning",
        reasoning,
        ("ctrl+t", "leader space"),
        "[tail|full|hidden]",
        _views,
        synonyms=("thoughts", "thinking"),
    ),
    Command(
        "reasoning-all", "Fold or open all reasoning", reasoning_all, ("alt+t", "leader t"), is_offered=has_messages
    ),
    Command("page-up", "Scroll a page up", page_up, ("pageup",), is_offered=has_messages),
    Command("page-down", "Scroll a page down", page_down, ("pagedown",), is_offered=has_messages),
    Command("half-up", "Scroll half a page up", half_up, ("leader u",), is_offered=has_messages),
    Command("half-down", "Scroll half a page down", half_down, ("leader d",), is_offered=has_messages),
    Command("row-up", "Scroll a row up", row_up, ("alt+k", "leader k"), is_offered=has_messages),
    Command("row-down", "Scroll a row down", row_down, ("alt+j", "leader j"), is_offered=has_messages),
    Command("top", "Go to the beginning", top, ("ctrl+home", "leader less_than_sign"), is_offered=has_messages),
    Command(
        "end",
        "Go to the end and follow new text",
        end,
        ("ctrl+end", "leader greater_than_sign"),
        is_offered=has_messages,
    ),
    Command(
        "find",
        "Find in the conversation",
        find,
        ("ctrl+f", "leader f"),
        "[WORDS]",
        synonyms=("search", "grep"),
        is_offered=has_messages,
    ),
    Command(
        "mouse",
        "Release the mouse to the terminal, or take it back",
        mouse,
        ("f2", "leader left_square_bracket"),
        synonyms=("select",),
    ),
    Command("formulas", "Show formulas as TeX, or as text again", formulas, synonyms=("latex", "math", "tex")),
    Command("redraw", "Repaint the whole screen", redraw, synonyms=("refresh", "repaint", "cls")),
)
