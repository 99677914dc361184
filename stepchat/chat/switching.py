"""Switches a conversation to another model or server, and describes the consequences."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from stepchat.catalogue.backends import DEFAULT_MODEL, detect_backend, same_address
from stepchat.chat.connection import DEMO, connect, connect_demo, connect_to_session_server, trust_server
from stepchat.concurrency import run_in_daemon
from stepchat.messages import AssistantMessage
from stepchat.reasoning.replay import Target, same_source
from stepchat.text.format import short_model

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stepchat.chat.connection import Connection, ServerConfig
    from stepchat.chat.conversation import Conversation
    from stepchat.chat.workspace import Workspace
    from stepchat.messages import StoredMessage
    from stepchat.sessions.records import Session


@dataclass(frozen=True, slots=True)
class Switched:
    """The workspace with another server, and the connection it came from."""

    workspace: Workspace
    connection: Connection


async def session_connection(workspace: Workspace, session: Session) -> Connection | None:
    """The connection to the server of a session, if it is not the current one and the start named none.

    A session of the demo continues on the current server, so that nobody uses the demo by accident.
    """
    used, options = session.server, workspace.start_options
    named = options.base_url or options.server or workspace.environ.get("STEPCHAT_BASE_URL")
    if named or used in {"", DEMO} or workspace.server == DEMO or same_address(used, workspace.server):
        return None
    return await run_in_daemon(connect_to_session_server, used, workspace.paths, workspace.config, workspace.environ)


async def switch_server(workspace: Workspace, server: ServerConfig) -> Switched:
    """Connect to another server. Raises StepchatError."""
    if server.name == DEMO:
        base_url, close_demo = _start_demo(workspace)
        new = connect_demo(base_url, workspace.paths, workspace.config)
        return Switched(with_connection(workspace, new, close_demo), new)
    new = await run_in_daemon(_connect, server, workspace)
    return Switched(with_connection(workspace, new, workspace.close_demo), new)


def _connect(server: ServerConfig, workspace: Workspace) -> Connection:
    """Blocks: a keyring may be slow."""
    trust_server(server.base_url, workspace.paths, workspace.config)
    return connect(server, workspace.paths, workspace.config, workspace.environ)


def with_connection(workspace: Workspace, new: Connection, close_demo: Callable[[], None] | None) -> Workspace:
    """The same workspace with another server."""
    return replace(
        workspace, client=new.client, catalogue=new.catalogue, server=new.server, key_error=new.key_error,
        close_demo=close_demo,
    )  # fmt: skip


def _start_demo(workspace: Workspace) -> tuple[str, Callable[[], None]]:
    from stepchat.demo.server import DemoServer

    server = DemoServer().start()
    before = workspace.close_demo

    def close() -> None:
        server.close()
        if before is not None:
            before()

    return server.url, close


def with_system_prompt(workspace: Workspace, system: str | None, *, before: str) -> Workspace:
    """The workspace with a profile's system prompt for new sessions.

    Without one, the usual prompt replaces that of the profile `before`.
    """
    given = [table.values.get("system") for table in workspace.config.profiles if table.name == before]
    if system is None and workspace.system is not None and workspace.system in given:
        usual = workspace.start_options.system
        system = usual if usual is not None and usual != workspace.system else workspace.config.system
    return workspace if system is None else replace(workspace, system=system or None)


def server_title(server: ServerConfig) -> str:
    """The name of a server; its address if it only speaks the protocol of that name."""
    own = (
        server.name == DEMO
        or server.name != server.backend.name
        or same_address(server.base_url, server.backend.base_url)
    )
    return server.backend.title if own else server.base_url


def recognize_backend(workspace: Workspace) -> None:
    """Detect the backend of an unknown server from its catalogue."""
    own = workspace.client.backend
    if own.name == "custom" and (kind := detect_backend(model.owner for model in workspace.catalogue.models)):
        workspace.client.backend = replace(kind, base_url=own.base_url, key_variable=own.key_variable)


def available_model(conversation: Conversation) -> str:
    """A model that the server has: the current one, otherwise its only one or the default; "" if it has neither."""
    catalogue = conversation.workspace.catalogue
    if not catalogue.models or catalogue.find(conversation.model) is not None:
        return conversation.model
    wanted = catalogue.models[0].id if len(catalogue.models) == 1 else DEFAULT_MODEL
    return wanted if catalogue.find(wanted) is not None else ""


def target(conversation: Conversation) -> Target:
    """The server and model of the next question."""
    client = conversation.workspace.client
    return Target(client.backend, client.base_url, conversation.model)


def answers_no_longer_returned(path: Sequence[StoredMessage], before: Target, now: Target) -> list[AssistantMessage]:
    """The answers whose reasoning was sent back until now and no longer is (docs/protocol.md)."""
    answers = [stored.message for stored in path if isinstance(stored.message, AssistantMessage)]
    reasoned = [answer for answer in answers if answer.reasoning_details or answer.reasoning]
    return [answer for answer in reasoned if same_source(answer, before) and not same_source(answer, now)]


def describe_left_behind(path: Sequence[StoredMessage], before: Target, now: Target) -> str:
    """A sentence about the reasoning that is no longer sent back; "" if there is none."""
    behind = answers_no_longer_returned(path, before, now)
    if not behind:
        return ""
    makers = sorted({short_model(answer.model or answer.model_asked) for answer in behind})
    count = f"{len(behind)} answers" if len(behind) > 1 else "1 answer"
    other = "model" if before.base_url == now.base_url else "server"
    return (
        f"The reasoning of {count} by {', '.join(makers)} is not sent to another {other}, which cannot use it. "
        "It stays on disk and is sent again when you switch back."
    )
