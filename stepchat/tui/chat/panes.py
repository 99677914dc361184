"""The panes of the open sessions: one is shown, the others hold answers that are still streaming."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from textual.widgets import ContentSwitcher

from stepchat.chat import switching
from stepchat.chat.conversation import Conversation, LoadedSession, load_session
from stepchat.tui.chat.pane import ChatPane

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from stepchat.chat.connection import Connection
    from stepchat.chat.workspace import Workspace
    from stepchat.servers.client import Client
    from stepchat.sessions.records import Session
    from stepchat.transcript.answer import ReasoningView
    from stepchat.transcript.palette import Palette


@dataclass(frozen=True, slots=True)
class Arriving:
    """A session on its way to the screen, everything of it read; `loaded` is None if its pane is open already."""

    session: Session | None
    loaded: LoadedSession | None = None
    connection: Connection | None = None
    """The connection to its own server, if that is another one."""


class Panes(ContentSwitcher):
    """Switches between panes. A pane lives while it is shown or its answer is streaming."""

    def __init__(self, conversation: Conversation, palette: Palette, reasoning_view: ReasoningView) -> None:
        super().__init__(initial="pane-1")
        self._palette = palette
        self._reasoning_view: ReasoningView = reasoning_view
        self._mouse_is_free = False
        self._opened = 0
        self.shown = self._new_pane(conversation)
        """The pane on screen."""

    def compose(self) -> ComposeResult:
        yield self.shown

    @property
    def all(self) -> list[ChatPane]:
        """The one on screen comes first."""
        return [self.shown, *(pane for pane in self.query(ChatPane) if pane is not self.shown)]

    @property
    def answering_sessions(self) -> frozenset[str]:
        """Ids of the sessions with a running answer."""
        conversations = [pane.conversation for pane in self.all]
        return frozenset(one.session.id for one in conversations if one.busy and one.session is not None)

    # ---- looks

    def set_palette(self, palette: Palette) -> None:
        self._palette = palette
        for pane in self.all:
            pane.set_palette(palette)

    def set_reasoning_view(self, view: ReasoningView) -> None:
        """Set how the reasoning of new answers is shown."""
        self._reasoning_view = view
        for pane in self.all:
            pane.set_reasoning_view(view)

    @property
    def mouse_is_free(self) -> bool:
        """Whether the terminal keeps the mouse to itself."""
        return self._mouse_is_free

    def set_mouse_free(self, *, free: bool) -> None:
        self._mouse_is_free = free
        for pane in self.all:
            pane.set_mouse_free(free=free)

    # ---- sessions

    async def read(self, session: Session | None) -> Arriving:
        """Read everything of a session, because nothing may fail once the screen changes. Raises StepchatError."""
        if session is not None and self._answering(session) is not None:
            return Arriving(session)
        workspace = self.shown.conversation.workspace
        connection = await switching.session_connection(workspace, session) if session is not None else None
        return Arriving(session, await load_session(workspace, session), connection)

    async def show(self, arriving: Arriving) -> Connection | None:
        """Show a session. Returns the connection to its server, if it is another one than before."""
        pane = self._answering(arriving.session) if arriving.session is not None else None
        if pane is self.shown:
            return None
        if pane is None and arriving.loaded is None:  # its answer has ended meanwhile
            arriving = await self.read(arriving.session)
        self.shown.close_find()
        self.shown.leave_message()
        if pane is not None:
            await self._bring_back(pane)
        elif arriving.loaded is not None:
            await self._show_loaded(arriving.loaded, arriving.connection)
        return arriving.connection

    async def close(self, pane: ChatPane) -> bool:
        """Remove a hidden pane whose answer is complete and on disk. False if there is none."""
        if pane is self.shown or pane.conversation.busy or not pane.is_attached:
            return False
        await pane.remove()
        self._release(pane.conversation.workspace.client)
        return True

    def set_workspace(self, workspace: Workspace) -> None:
        """Use this workspace in the session on screen from now on."""
        old = self.shown.conversation.workspace
        self.shown.conversation.set_workspace(workspace)
        self._release(old.client)

    def set_system_prompt(self, system: str | None, *, before: str) -> None:
        """Set a profile's system prompt for new sessions; without one, the usual prompt replaces that of profile `before`."""
        self.set_workspace(switching.with_system_prompt(self.shown.conversation.workspace, system, before=before))

    def _answering(self, session: Session) -> ChatPane | None:
        for pane in self.all:
            shown = pane.conversation.session
            if pane.conversation.busy and shown is not None and shown.id == session.id:
                return pane
        return None

    async def _bring_back(self, pane: ChatPane) -> None:
        """Show a pane whose answer is still streaming."""
        front = self.shown
        here, there = front.conversation.workspace, pane.conversation.workspace
        # It keeps its server.
        pane.conversation.set_workspace(
            replace(
                here, client=there.client, catalogue=there.catalogue, server=there.server, key_error=there.key_error
            )
        )
        self._switch_to(pane)
        pane.view.update_answers()
        if not front.conversation.busy:
            await front.remove()
        self._release(here.client)

    async def _show_loaded(self, loaded: LoadedSession, connection: Connection | None) -> None:
        before = self.shown.conversation
        if before.busy and before.session is not None:
            await self._add_pane()
        else:
            await before.stop()
        if connection is not None:
            # This comes first, so that no question goes to the server of the previous session.
            self.set_workspace(switching.with_connection(before.workspace, connection, before.workspace.close_demo))
        if before.scopes.profile_name != self.shown.conversation.workspace.scopes.profile_name:
            # A profile chosen in the window stays with its session.
            self.set_system_prompt(None, before=before.scopes.profile_name)
        await self.shown.show_session(loaded)

    async def _add_pane(self) -> None:
        """Show a new empty pane; the previous one continues in the background."""
        before = self.shown.conversation
        conversation = Conversation(before.workspace)
        conversation.set_model(before.model)
        pane = self._new_pane(conversation)
        await self.mount(pane)
        self._switch_to(pane)

    def _new_pane(self, conversation: Conversation) -> ChatPane:
        self._opened += 1
        pane = ChatPane(conversation, self._palette, id=f"pane-{self._opened}")
        pane.set_reasoning_view(self._reasoning_view)
        pane.set_mouse_free(free=self._mouse_is_free)
        return pane

    def _switch_to(self, pane: ChatPane) -> None:
        self.shown = pane
        self.current = pane.id

    def _release(self, client: Client) -> None:
        """Close a client that no pane needs any more."""
        if all(client is not pane.conversation.workspace.client for pane in self.all):
            client.close()
