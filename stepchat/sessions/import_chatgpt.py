"""Sessions from ChatGPT's `conversations.json`, with all branches.

There every node of a tree holds one message, or none. Reasoning ("thoughts") has nodes of its own before the answer;
calls of tools and their results are nodes, too. Pictures and files are not in it; where they were is said in the text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from stepchat import exact_json
from stepchat.messages import (
    AssistantMessage,
    Json,
    Message,
    Stop,
    StoredMessage,
    Timing,
    ToolCall,
    ToolMessage,
    UserMessage,
)
from stepchat.sessions import records
from stepchat.sessions.incoming import (
    Incoming,
    NotUsableError,
    a_list,
    a_text,
    a_text_or_nothing,
    a_time,
    an_object,
    is_object,
    reading,
)
from stepchat.sessions.records import MESSAGE_ID_LENGTH, SESSION_ID_LENGTH, Conversation, Session
from stepchat.sessions.titles import clean_title, title_from

if TYPE_CHECKING:
    from collections.abc import Iterator

_REFERENCE: Final = re.compile("\ue200[^\ue200\ue201]*\ue201")
"""Marks of citations, which mean nothing outside."""

_MILLISECONDS: Final = 1e11
"""A time as large as this is not in seconds."""
_NOT_SAID: Final = frozenset({"user_editable_context", "model_editable_context", "reasoning_recap"})
_STOPS: Final[dict[str, Stop]] = {"max_tokens": "length", "interrupted": "cancelled"}


@dataclass(slots=True)
class _Above:
    """What a node finds above it in the tree."""

    parent: str | None = None
    call: str = ""
    reasoning: str = ""


@dataclass(frozen=True, slots=True)
class _Node:
    id: str
    parent: str | None
    message: Json | None
    place: str


def is_chatgpt(data: Any) -> bool:
    """A list of conversations, or one."""
    first: Any = next(iter(cast("list[Any]", data)), None) if isinstance(data, list) else data
    return data == [] or (is_object(first) and "mapping" in first)


def read(data: Any, where: str = "") -> Iterator[Incoming]:
    """Raises NotUsableError. `where` is the name of the file in an archive."""
    if is_object(data):
        with reading(where):
            conversation = _conversation(data, where)
        yield conversation
        return
    for number, entry in enumerate(a_list(data, where)):
        place = f"{where}[{number}]"
        with reading(place):
            conversation = _conversation(an_object(entry, place), place)
        yield conversation


def _conversation(data: Json, place: str) -> Incoming:
    nodes = _nodes(an_object(data.get("mapping"), f"{place}.mapping"), f"{place}.mapping")
    created = _time(data.get("create_time"), f"{place}.create_time")
    name = data.get("conversation_id") or data.get("id") or f"{data.get('title')} {created} {next(iter(nodes), '')}"
    origin = a_text(name, f"{place}.id")
    session_id = records.derived_id(SESSION_ID_LENGTH, "chatgpt", origin)
    said: list[StoredMessage] = []
    ends: dict[str, _Above] = {}
    for node in _parents_first(nodes, place):
        above = ends.get(node.parent or "", _Above())
        ends[node.id] = _read_node(node, above, session_id, origin, said)
    _say_what_was_left(nodes, ends, session_id, origin, said)
    current = a_text_or_nothing(data.get("current_node"), f"{place}.current_node")
    leaf = ends[current].parent if current in ends else None
    question = next((stored.message.text for stored in said if isinstance(stored.message, UserMessage)), "")
    title = clean_title(a_text_or_nothing(data.get("title"), f"{place}.title") or "") or title_from(question)
    session = Session(
        id=session_id,
        title=title,
        created=created,
        updated=max(created, _time(data.get("update_time"), f"{place}.update_time")),
        leaf=leaf or (said[-1].id if said else None),
        # Going on takes the model and the server that are configured here.
        model="",
        server="",
        system=None,
        archived=data.get("is_archived") is True,
    )
    return Incoming(Conversation(session, tuple(said)), place)


def _nodes(mapping: Json, place: str) -> dict[str, _Node]:
    nodes: dict[str, _Node] = {}
    for name, value in mapping.items():
        here = f"{place}[{name!r}]"
        node = an_object(value, here)
        parent = a_text_or_nothing(node.get("parent"), f"{here}.parent")
        message = node.get("message")
        kept = None if message is None else an_object(message, f"{here}.message")
        nodes[name] = _Node(name, parent if parent in mapping else None, kept, f"{here}.message")
    return nodes


def _parents_first(nodes: dict[str, _Node], place: str) -> Iterator[_Node]:
    below: dict[str | None, list[_Node]] = {}
    for node in nodes.values():
        below.setdefault(node.parent, []).append(node)
    waiting = below.get(None, [])[::-1]
    count = 0
    while waiting:
        node = waiting.pop()
        count += 1
        yield node
        waiting += below.get(node.id, [])[::-1]
    if count < len(nodes):
        raise NotUsableError(f"{place}.mapping", "its nodes lead in a circle")


def _read_node(node: _Node, above: _Above, session_id: str, origin: str, said: list[StoredMessage]) -> _Above:
    """Add what the node says. What the nodes below it find."""
    if node.message is None:
        return above
    content = an_object(node.message.get("content"), f"{node.place}.content")
    kind = a_text_or_nothing(content.get("content_type"), f"{node.place}.content.content_type")
    metadata = node.message.get("metadata")
    hidden = is_object(metadata) and metadata.get("is_visually_hidden_from_conversation") is True
    if kind in _NOT_SAID or hidden:
        return above
    if kind == "thoughts":
        thought = _thoughts(content, f"{node.place}.content")
        return _Above(above.parent, above.call, "\n\n".join(part for part in (above.reasoning, thought) if part))
    text = _text_of(content, f"{node.place}.content")
    message = _message(node, text, above)
    if message is None:
        return above
    stored = StoredMessage(
        records.derived_id(MESSAGE_ID_LENGTH, "chatgpt", origin, node.id), session_id, above.parent, message
    )
    said.append(stored)
    called = message.tool_calls[0].id if isinstance(message, AssistantMessage) and message.tool_calls else ""
    return _Above(stored.id, called)


def _message(node: _Node, text: str, above: _Above) -> Message | None:
    data = node.message or {}
    author = an_object(data.get("author"), f"{node.place}.author")
    time = _time(data.get("create_time"), f"{node.place}.create_time")
    match a_text(author.get("role"), f"{node.place}.author.role"):
        case "user":
            return UserMessage(text, time) if text else None
        case "assistant":
            return _answer(data, text, time, above.reasoning, node)
        case "tool":
            name = a_text_or_nothing(author.get("name"), f"{node.place}.author.name") or ""
            return ToolMessage(above.call, name, text) if text else None
        case "system":
            return None
        case role:
            raise NotUsableError(f"{node.place}.author.role", f"{role!r} is not known")


def _answer(data: Json, text: str, time: float, reasoning: str, node: _Node) -> AssistantMessage | None:
    metadata: Json = an_object(data.get("metadata") or {}, f"{node.place}.metadata")
    details: Json = an_object(metadata.get("finish_details") or {}, f"{node.place}.metadata.finish_details")
    model = metadata.get("model_slug")
    model = model if isinstance(model, str) else ""
    to = data.get("recipient")
    calls: tuple[ToolCall, ...] = ()
    stop: Stop = "cut" if data.get("status") == "in_progress" else _STOPS.get(str(details.get("type")), "stop")
    if isinstance(to, str) and to not in {"", "all"}:
        calls, text, stop = (ToolCall(node.id, to, _arguments(text)),), "", "tool_calls"
    if not text and not calls:
        return None
    return AssistantMessage(
        text=text,
        reasoning=reasoning,
        tool_calls=calls,
        stop=stop,
        model_asked=model,
        model=model,
        timing=Timing(started=time),
    )


def _say_what_was_left(
    nodes: dict[str, _Node], ends: dict[str, _Above], session_id: str, origin: str, said: list[StoredMessage]
) -> None:
    """Reasoning after which no answer came."""
    parents = {node.parent for node in nodes.values()}
    for name, end in list(ends.items()):
        if end.reasoning and name not in parents:
            message_id = records.derived_id(MESSAGE_ID_LENGTH, "chatgpt", origin, name)
            said.append(
                StoredMessage(message_id, session_id, end.parent, AssistantMessage(reasoning=end.reasoning, stop="cut"))
            )
            ends[name] = _Above(message_id)


def _thoughts(content: Json, place: str) -> str:
    parts: list[str] = []
    for number, value in enumerate(a_list(content.get("thoughts"), f"{place}.thoughts")):
        thought = an_object(value, f"{place}.thoughts[{number}]")
        parts += [text for name in ("summary", "content") if isinstance(text := thought.get(name), str) and text]
    return "\n\n".join(parts)


def _text_of(content: Json, place: str) -> str:
    if "parts" in content:
        parts = [_part(part) for part in a_list(content["parts"], f"{place}.parts")]
        text = "\n\n".join(part for part in parts if part)
    else:
        text = next((value for name in ("text", "result") if isinstance(value := content.get(name), str)), "")
    return _REFERENCE.sub("", text)


def _part(part: Any) -> str:
    if isinstance(part, str):
        return part
    kind = part.get("content_type") if is_object(part) else None
    if kind == "audio_transcription":
        return str(part.get("text") or "")
    return "[a picture that is not in the export]" if kind == "image_asset_pointer" else "[not in the export]"


def _arguments(text: str) -> str:
    try:
        whole = isinstance(exact_json.loads(text), dict)
    except ValueError:
        whole = False
    return text if whole else exact_json.dumps({"input": text})


def _time(value: Any, place: str) -> float:
    if value is None:
        return 0.0
    # Some files have milliseconds.
    if (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and _MILLISECONDS <= value <= _MILLISECONDS * 1000
    ):
        value = float(value) / 1000
    return a_time(value, place)
