"""Commands about the conversation: stop, continue, interrupted answers, new and other sessions, the system prompt."""

from __future__ import annotations

from dataclasses import replace
from time import time
from typing import TYPE_CHECKING

from stepchat.chat.interrupted import CONTINUE, describe_others, interrupted_at_end, name
from stepchat.chat.tool_calls import calls_without_result
from stepchat.errors import AmbiguousSessionError, StepchatError, UsageError
from stepchat.messages import AssistantMessage, ToolMessage
from stepchat.servers.wire import is_reasoning_only
from stepchat.tui.commands.command import Command
from stepchat.tui.dialogs.pick import Choice, Picker
from stepchat.tui.dialogs.session_list import age, read_options, write_options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stepchat.sessions.recovery import InterruptedAnswer
    from stepchat.tui.chat.screen import ChatScreen

SESSION_VIEW = "session screen"
"""The setting that remembers how the session screen was left."""


async def stop(screen: ChatScreen, _argument: str) -> None:
    """Stop the answer; queued questions and text that is not on disk return to the prompt. When idle, dismiss the
    notice; twice on an empty prompt, edit the last question.
    """
    if screen.conversation.busy:
        screen.take_queue()
        await screen.conversation.stop()
    elif screen.dismiss_notice():
        pass
    elif screen.in_side_session:
        await screen.close_side()
        screen.flash("The side question is closed; {key:sessions} lists it among the deleted sessions for 30 days.")
    elif screen.is_second_escape():
        await screen.run_action("app.edit_last")
    else:
        screen.flash("Nothing to stop. {key:interrupt} clears the prompt, {key:quit} quits.")


async def continue_(screen: ChatScreen, _argument: str) -> None:
    """Continue from the partial answer, from the question if there is none; in an empty session open an interrupted answer."""
    conversation = screen.conversation
    last = conversation.path[-1].message if conversation.path else None
    if last is None:
        if cuts := await screen.workspace.store.interrupted_answers():
            await _open(screen, cuts[0])
        else:
            screen.flash("There is nothing to continue.")
    elif isinstance(last, ToolMessage) or calls_without_result(conversation.path):
        # Calls that have not run are asked about again; results that are there are sent.
        screen.ask(None, conversation.path)
    elif not isinstance(last, AssistantMessage):
        screen.ask(None)
    elif last.complete and is_reasoning_only(last):
        # The same reasoning might end in the same place: ask for the answer from what there is.
        screen.ask(None, conversation.path)
    elif _is_whole(last):
        screen.flash("The last answer is complete.")
    else:
        screen.ask(CONTINUE if last.text else None, is_typed=False)


def _is_whole(answer: AssistantMessage) -> bool:
    has_content = bool(answer.text or answer.tool_calls or answer.refusal)
    return answer.complete and answer.stop != "length" and has_content


def _is_unfinished(screen: ChatScreen) -> bool:
    """Whether the branch ends with something to continue; in an empty session, whether another one does."""
    path = screen.conversation.path
    if not path:
        return screen.pane.welcome.has_interrupted
    last = path[-1].message
    return not isinstance(last, AssistantMessage) or not _is_whole(last) or bool(calls_without_result(path))


def _has_queue(screen: ChatScreen) -> bool:
    return bool(screen.conversation.queue)


async def keep(screen: ChatScreen, argument: str) -> None:
    """Keep the side session on screen; otherwise dismiss the interrupted answer at the end of the branch, or all of them."""
    if screen.in_side_session and not argument:
        screen.keep_side()
        screen.flash("Kept as a separate session.")
        return
    if argument not in {"", "all"}:
        raise UsageError(f"There is no {argument!r} to keep.", "Use /keep for the answer shown here, or /keep all.")
    store = screen.workspace.store
    cuts = await store.interrupted_answers()
    here = interrupted_at_end(screen.conversation.path, cuts)
    chosen = cuts if argument else [here] if here is not None else []
    await store.dismiss_interrupted([cut.answer for cut in chosen])
    more = describe_others([cut for cut in cuts if cut not in chosen], also=True)
    if chosen:
        screen.notice("Kept as it is." if len(chosen) == 1 else f"All {len(chosen)} are kept as they are.", more)
    else:
        screen.flash(f"No interrupted answer here. {more}".strip())


async def interrupted(screen: ChatScreen, _argument: str) -> None:
    cuts, now = await screen.workspace.store.interrupted_answers(), time()
    rows = [
        Choice(cut.answer, name(cut), (age(cut.started, now),), f"{cut.characters:,} characters received")
        for cut in cuts
    ]
    chosen = await screen.app.push_screen_wait(
        Picker("Answers interrupted when stepchat exited", rows, empty_text="No interrupted answers.")
    )
    for cut in cuts:
        if cut.answer == chosen:
            await _open(screen, cut)


async def _open(screen: ChatScreen, cut: InterruptedAnswer) -> None:
    """Open the session of an interrupted answer, on the branch that ends with it."""
    await screen.open(await screen.workspace.store.session(cut.session))
    conversation = screen.conversation
    if not conversation.busy and all(stored.id != cut.answer for stored in conversation.path):
        await screen.show_leaf(cut.answer)
        screen.view.scroll_to_end()
        await screen.announce_interrupted()


def _keeping(_screen: ChatScreen) -> Sequence[tuple[str, str]]:
    return [("all", "every interrupted answer")]


async def new(screen: ChatScreen, _argument: str) -> None:
    await screen.open(None)


async def close(screen: ChatScreen, _argument: str) -> None:
    await screen.close_session()


async def btw(screen: ChatScreen, argument: str) -> None:
    """Ask in a side session with a copy of the conversation so far; a running answer continues."""
    if not argument:
        raise UsageError("There is no question.", "Write it after the command: /btw QUESTION")
    await screen.open_side(argument)


async def temporary(screen: ChatScreen, argument: str) -> None:
    """Start a session that is not stored, after saving and leaving this one."""
    if screen.workspace.start_options.temporary:
        await new(screen, argument)
    else:
        await screen.run_action("app.temporary")


async def sessions(screen: ChatScreen, argument: str) -> None:
    from stepchat.tui.dialogs.sessions import SessionScreen

    store = screen.workspace.store
    found: Sequence[str] = ()
    if argument:
        try:
            await screen.open(await store.find(argument))
            await go_to_words(screen, argument)
        except AmbiguousSessionError as error:
            found = [session_id for session_id, _ in error.candidates]
        else:
            return
    options = read_options(await store.setting(SESSION_VIEW))
    current = screen.conversation.session
    dialog = SessionScreen(store, options, screen.panes.answering_sessions, typed=argument, found=found)
    await dialog.read()
    chosen = await screen.app.push_screen_wait(dialog)
    if chosen is not None:
        await screen.open(await store.session(chosen))
        hits = dialog.opened.hits if dialog.opened is not None else ()
        await screen.pane.reveal_hit(dialog.typed, hits, screen.prompt.text)
    elif current is not None and (await store.session(current.id)).deleted is not None:
        await screen.open(None)
    screen.check_tabs()
    if dialog.options != options:
        await store.set_setting(SESSION_VIEW, write_options(dialog.options))


async def go_to_words(screen: ChatScreen, text: str) -> None:
    """Go to the last match if the session was found by its text. Raises StoreError."""
    if words := await screen.pane.reveal_words(text):
        screen.flash(f"Last match. Search again with /find {words}")


async def queue(screen: ChatScreen, _argument: str) -> None:
    """List what is queued; a message to edit goes back into the prompt, a removed one into its history."""
    conversation, composer = screen.conversation, screen.composer
    if not conversation.queue:
        screen.flash("Nothing is queued.")
        return
    # Not needed by the first frame.
    from stepchat.tui.composer.queue_lines import one_line
    from stepchat.tui.dialogs.queue import QueueDialog

    def remove(index: int) -> None:
        composer.prompt.remember(conversation.take_queued(index))
        screen.refresh_status()

    def move(index: int, by: int) -> None:
        conversation.move_queued(index, by)
        screen.refresh_status()

    dialog = QueueDialog(lambda: conversation.queue, composer.queue_lines, one_line, remove=remove, move=move)
    chosen = await screen.app.push_screen_wait(dialog)
    if chosen is not None:
        composer.give_back(conversation.take_queued(chosen))


async def system(screen: ChatScreen, argument: str) -> None:
    """Without text, show it, wherever it comes from; a session that has started keeps its own."""
    conversation, workspace = screen.conversation, screen.workspace
    session = conversation.session
    if not argument:
        shown = workspace.system if session is None else session.system
        if not shown:
            screen.flash("No system prompt.")
        elif session is not None:
            screen.notice(f"System prompt of this session: {shown}")
        else:
            screen.notice(f"System prompt of the new session: {shown}", "/system off clears it.")
        return
    if session is not None:
        raise StepchatError("The system prompt belongs to the whole session.", "Start a new one first: /new")
    system = None if argument == "off" else argument
    screen.panes.set_workspace(replace(workspace, system=system))
    screen.flash("No system prompt." if system is None else "System prompt set for the new session.")


def _sessions(screen: ChatScreen, typed: str) -> Sequence[tuple[str, str]]:
    """The sessions whose title or ID is typed, the newest first."""
    words = typed.casefold().split()
    found = [(session.id, session.title or "untitled") for session in screen.known_sessions]
    return [(id_, title) for id_, title in found if all(word in f"{id_} {title}".casefold() for word in words)]


COMMANDS: tuple[Command, ...] = (
    Command(
        "stop",
        "Stop generating (keeps the partial answer)",
        stop,
        ("escape",),
        synonyms=("cancel", "abort"),
        is_offered=lambda screen: screen.conversation.busy,
    ),
    Command(
        "continue",
        "Continue a truncated, stopped or interrupted answer",
        continue_,
        ("alt+g", "leader g"),
        needs=("idle",),
        is_offered=_is_unfinished,
    ),
    Command(
        "keep",
        "Keep a side session, or an interrupted answer without further reminders",
        keep,
        ("alt+o", "leader o"),
        "[all]",
        _keeping,
        is_offered=lambda screen: screen.in_side_session or _is_unfinished(screen),
    ),
    Command(
        "interrupted",
        "List answers interrupted by a crash",
        interrupted,
        ("alt+i", "leader i"),
        is_offered=lambda screen: bool(screen.conversation.path) or screen.pane.welcome.has_interrupted,
    ),
    Command("queue", "Edit, remove or reorder queued messages", queue, synonyms=("pending",), is_offered=_has_queue),
    Command("new", "Start a new session", new, ("ctrl+n", "leader n"), synonyms=("clear", "reset")),
    Command("close", "Close this session's tab", close, needs=("idle",)),
    Command(
        "btw",
        "Ask a side question without interrupting this session",
        btw,
        argument="QUESTION",
        synonyms=("side", "ask"),
    ),
    Command("temporary", "Start a session that is not stored", temporary, synonyms=("incognito", "private")),
    Command(
        "sessions",
        "Open another session",
        sessions,
        ("ctrl+o", "leader s"),
        "[ID or text]",
        completions=_sessions,
        takes_any=True,
        synonyms=("resume", "history", "chats", "open", "switch"),
    ),
    Command(
        "system",
        "Show the system prompt, or set it for a new session",
        system,
        (),
        "[TEXT|off]",
        synonyms=("role", "instructions"),
    ),
)
