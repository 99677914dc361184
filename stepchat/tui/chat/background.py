"""Sessions whose answers are still being written while another one is on the screen."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, cast

from stepchat.chat.conversation import Conversation
from stepchat.chat.loaded_session import Opened, read
from stepchat.chat.spent_today import show_estimated_costs
from stepchat.chat.switching import (
    session_connection,
    set_session_server,
    set_system_prompt,
    set_workspace,
    with_connection,
)
from stepchat.text.sanitize import sanitize
from stepchat.tui import workers
from stepchat.tui.chat import context_window
from stepchat.tui.chat.find_bar import FindBar
from stepchat.tui.themes import palette
from stepchat.tui.transcript.view import TranscriptView

if TYPE_CHECKING:
    from textual.containers import Container

    from stepchat.chat.connection import Connection
    from stepchat.servers.client import Client
    from stepchat.sessions.records import Session
    from stepchat.tui.chat.screen import ChatScreen as Chat


@dataclass(frozen=True, slots=True)
class Arriving:
    """A session on its way to the screen; without more it is there already, and being answered."""

    session: Session | None
    opened: Opened | None = None
    there: Connection | None = None
    """The way to where it was held, when that is another server."""


class Background:
    """Each conversation keeps a transcript of its own, which is hidden meanwhile: coming back finds it as it is."""

    def __init__(self, chat: Chat) -> None:
        self._chat = chat
        self._running: dict[str, Conversation] = {}

    @property
    def conversations(self) -> list[Conversation]:
        return list(self._running.values())

    @property
    def sessions(self) -> frozenset[str]:
        """Ids of those that are being answered."""
        return frozenset(self._running)

    async def read(self, session: Session | None) -> Arriving:
        """All of it that can fail, before anything changes; an empty one without session. Raises StepchatError."""
        if session is not None and (session.id in self._running or _is_answering(self._chat.conversation, session)):
            return Arriving(session)
        there = await session_connection(self._chat, session) if session is not None else None
        return Arriving(session, await read(self._chat.workspace, session), there)

    async def show(self, arriving: Arriving) -> None:
        """Put this session on the screen. An answer that is being written goes on unseen."""
        session, front = arriving.session, self._chat.conversation
        if session is not None and _is_answering(front, session):
            return
        if session is not None and session.id in self._running:
            self._leave_page()
            await self._bring_back(self._running.pop(session.id), front)
        elif arriving.opened is None:
            # Its answer has ended since.
            await self.show(await self.read(session))
        else:
            self._leave_page()
            await self._open(arriving.opened, front, arriving.there)
        self._chat.refresh_status()
        self._chat.standing.costs.refresh()

    def _leave_page(self) -> None:
        """No search, no message in focus and nothing that was told goes along; keys go to the prompt."""
        self._chat.flash("")
        for bar in self._chat.view.screen.query(FindBar):
            bar.action_close()
        self._chat.leave_message()

    async def _open(self, opened: Opened, front: Conversation, there: Connection | None) -> None:
        chat = self._chat
        if self._hide(front):
            chat.conversation = await self._another(front)
        else:
            await front.stop()
        if there is not None:
            # First, so that no question can go to the server of the session before.
            set_workspace(chat, with_connection(chat.workspace, there, chat.workspace.close_demo))
        if front.scopes.profile_name != chat.workspace.scopes.profile_name:
            # A profile that was taken in the window stays with its session.
            set_system_prompt(chat, None, before=front.scopes.profile_name)
        await chat.conversation.show(opened)
        if there is not None:
            set_session_server(chat, there)

    def release(self, client: Client) -> None:
        """Close it, unless a conversation still needs it."""
        if all(client is not one.workspace.client for one in (self._chat.conversation, *self._running.values())):
            client.close()

    def _hide(self, conversation: Conversation) -> bool:
        """Let it go on unseen; False when it has nothing to go on with."""
        session = conversation.session
        if session is None or not conversation.busy:
            return False
        self._running[session.id] = conversation
        conversation.view.display = False
        conversation.changed = lambda: self._progress(conversation)
        return True

    async def _bring_back(self, conversation: Conversation, front: Conversation) -> None:
        hidden = self._hide(front)
        chat, view = self._chat, conversation.view
        conversation.changed = chat.refresh_status
        _alike(view, chat)
        view.display = True
        chat.conversation = conversation
        # It has kept the server that it asks.
        here, there = chat.workspace, conversation.workspace
        set_workspace(
            chat,
            replace(
                here, client=there.client, catalogue=there.catalogue, server=there.server, key_error=there.key_error
            ),
        )
        view.update_answers()
        if not hidden:
            await front.view.remove()

    async def _another(self, front: Conversation) -> Conversation:
        """An empty one, of the same model, beside the one that is hidden."""
        chat, view = self._chat, TranscriptView()
        _alike(view, chat)
        await cast("Container", front.view.parent).mount(view, before=front.view)
        another = Conversation(chat.workspace, view, chat.refresh_status)
        show_estimated_costs(another)
        another.model = front.model
        another.on_refused = front.on_refused
        another.on_next = partial(context_window.ask_next, chat, another)
        another.on_unpriced = front.on_unpriced
        return another

    def _progress(self, conversation: Conversation) -> None:
        """The end of an unseen answer is told, and opening the session finds it on disk."""
        session = conversation.session
        if session is None or conversation.busy or self._running.get(session.id) is not conversation:
            return
        del self._running[session.id]
        self.release(conversation.workspace.client)
        conversation.view.remove()
        self._chat.refresh_status()
        self._chat.standing.ended(conversation)
        workers.run_task(self._chat.view, partial(self._tell, session.id), group="background")

    async def _tell(self, session_id: str) -> None:
        self._chat.standing.costs.refresh()
        session = await self._chat.workspace.store.session(session_id)
        title = sanitize(session.title, keep_newlines=False)[:40] or "untitled"
        self._chat.flash(f"“{title}” has its answer · Ctrl+O opens it")

    async def stop(self) -> None:
        """End all of them; what arrived is kept."""
        for conversation in list(self._running.values()):
            conversation.changed = lambda: None
            await conversation.stop_without_waiting()
        ended = list(self._running.values())
        self._running.clear()
        for conversation in ended:
            self.release(conversation.workspace.client)


def _is_answering(conversation: Conversation, session: Session) -> bool:
    return conversation.busy and conversation.session is not None and conversation.session.id == session.id


def _alike(view: TranscriptView, chat: Chat) -> None:
    """Let it look as the one on the screen does by now."""
    view.set_palette(palette(chat.theme_controller.theme))
    view.document.reasoning_view = chat.view.document.reasoning_view
    view.mouse_is_free = chat.view.mouse_is_free
