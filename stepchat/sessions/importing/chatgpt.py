"""Sessions from ChatGPT's `conversations.json`, with all branches.

Every node of its tree holds one message, or none. Reasoning ("thoughts") has nodes of its own above the answer; tool calls
and their results are nodes, too. Pictures and files are not in the file; placeholders in the text mark where they were. The
user's custom instructions become the system prompt.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, cast

from stepchat import lossless_json
from stepchat.messages import (
    LATEST,
    AssistantMessage,
    Stop,
    StoredMessage,
    Timing,
    ToolCall,
    ToolMessage,
    UserMessage,
    valid_time,
)
from stepchat.sessions import records
from stepchat.sessions.importing.values import (
    ImportedSession,
    InvalidImportError,
    expect_list,
    expect_object,
    expect_optional_text,
    expect_text,
    expect_time,
    invalid_if_it_fails,
    is_object,
)
from stepchat.sessions.records import MESSAGE_ID_LENGTH, SESSION_ID_LENGTH, Session, SessionContent
from stepchat.sessions.titles import clean_title, title_from

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stepchat.messages import Json, Message

_REFERENCE: Final = re.compile("\ue200[^\ue200\ue201]*\ue201")
"""Marks of citations, which mean nothing outside."""

_PICTURE, _RECORDING, _OTHER = (
    "[a picture that is not in the export]",
    "[a recording that is not in the export]",
    "[not in the export]",
)
_RECORDINGS: Final = frozenset({"audio_asset_pointer", "real_time_user_audio_video_asset_pointer"})
_TEXTS: Final = ("text", "result", "output_str", "summary", "content")
"""Where the kinds of content without parts have their text, the best first."""


_STOPS: Final[dict[str, Stop]] = {"max_tokens": "length", "interrupted": "cancelled"}


@dataclass(frozen=True, slots=True)
class _Node:
    """A place in the tree. `children` are in the order in which ChatGPT shows them; not all need be there."""

    id: str
    parent: str | None
    children: tuple[str, ...]
    message: Json | None
    place: str
    """Where its message is in the file."""


@dataclass(frozen=True, slots=True)
class _Above:
    """What a node finds above it in the tree."""

    time: float
    parent: str | None = None
    call: str = ""
    reasoning: str = ""
    recap: str = ""
    """What ChatGPT shows of thoughts, which need not be in the file."""
    seconds: float | None = None
    """How long the thoughts took."""


@dataclass(slots=True)
class _Reading:
    """A conversation while it is read."""

    session: str
    origin: str
    said: list[StoredMessage] = field(default_factory=list[StoredMessage])
    known: set[str] = field(default_factory=set[str])
    system: list[str] = field(default_factory=list[str])

    def add(self, node: str, parent: str | None, message: Message) -> str:
        """The id of a message, which is there once for a node."""
        identity = records.derived_id(MESSAGE_ID_LENGTH, "chatgpt", self.origin, node)
        if identity not in self.known:
            self.known.add(identity)
            self.said.append(StoredMessage(identity, self.session, parent, message))
        return identity


def is_chatgpt(data: Any) -> bool:
    """A list of conversations, or one."""
    entries = cast("list[Any]", data) if isinstance(data, list) else [data]
    return data == [] or any(is_object(entry) and "mapping" in entry for entry in entries)


def read(data: Any, where: str = "") -> Iterator[ImportedSession]:
    """Those in which something is said. Raises InvalidImportError. `where` is the name of the file in an archive."""
    one = is_object(data)
    entries: list[Any] = [data] if one else expect_list(data, where)
    for number, entry in enumerate(entries):
        place = where if one else f"{where}[{number}]"
        if entry is None:
            continue
        with invalid_if_it_fails(place):
            session = _conversation(expect_object(entry, place), place)
        if session.content.messages:
            yield session


def _conversation(data: Json, place: str) -> ImportedSession:
    nodes = _read_nodes(data.get("mapping"), f"{place}.mapping")
    created = _time(data.get("create_time"), f"{place}.create_time")
    changed = _time(data.get("update_time"), f"{place}.update_time")
    name = (
        data.get("conversation_id") or data.get("id") or f"{data.get('title')} {created or 0.0} {next(iter(nodes), '')}"
    )
    origin = expect_text(name, f"{place}.id")
    known = [time for node in nodes.values() if (time := _time_of(node))]
    begun = created or min(known, default=changed or 0.0)
    read = _Reading(records.derived_id(SESSION_ID_LENGTH, "chatgpt", origin), origin)
    ends: dict[str, _Above] = {}
    ordered = list(_parents_first(nodes, place))
    for node, parent in ordered:
        ends[node.id] = _read_node(node, parent, _Above(begun) if parent is None else ends[parent], read)
    parents = {parent for _, parent in ordered}
    for node, _ in ordered:
        if ends[node.id].reasoning and node.id not in parents:
            ends[node.id] = _unanswered(node.id, ends[node.id], read)
    current = expect_optional_text(data.get("current_node"), f"{place}.current_node")
    leaf = ends[current].parent if current in ends else None
    question = next((stored.message.text for stored in read.said if isinstance(stored.message, UserMessage)), "")
    title = clean_title(expect_optional_text(data.get("title"), f"{place}.title") or "") or title_from(question)
    session = Session(
        id=read.session,
        title=title,
        created=begun,
        updated=max(begun, changed or max(known, default=0.0)),
        leaf=leaf or (read.said[-1].id if read.said else None),
        # Going on takes the model and the server that are configured here.
        model="",
        server="",
        system="\n\n".join(read.system) or None,
        archived=data.get("is_archived") is True,
    )
    return ImportedSession(SessionContent(session, tuple(read.said)), place)


def _parents_first(nodes: dict[str, _Node], place: str) -> Iterator[tuple[_Node, str | None]]:
    """Each with its parent, which is there; children in the order that their parent says."""
    listed = {child: node.id for node in nodes.values() for child in node.children}
    below: dict[str | None, list[_Node]] = {}
    for node in nodes.values():
        # One that is damaged does not know its parent, but is known to it.
        below.setdefault(node.parent if node.parent in nodes else listed.get(node.id), []).append(node)
    waiting: list[tuple[_Node, str | None]] = [(node, None) for node in reversed(below.get(None, []))]
    count = 0
    while waiting:
        node, parent = waiting.pop()
        count += 1
        yield node, parent
        order = {child: number for number, child in enumerate(node.children)}
        children = sorted(below.get(node.id, []), key=lambda child: order.get(child.id, len(order)))
        waiting += [(child, node.id) for child in reversed(children)]
    if count < len(nodes):
        raise InvalidImportError(f"{place}.mapping", "its nodes lead in a circle")


def _read_node(node: _Node, parent: str | None, above: _Above, read: _Reading) -> _Above:
    """Add what the node says. What the nodes below it find."""
    if node.message is None:
        return above
    kind, metadata = _kind_of(node), _metadata_of(node)
    if kind == "user_editable_context":
        _add_system(_instructions_of(node), read)
        return above
    hidden = metadata.get("is_visually_hidden_from_conversation") is True
    if kind == "model_editable_context" or hidden:
        return above
    if kind in {"thoughts", "reasoning_recap"}:
        return _thought(node, kind, above, metadata.get("finished_duration_sec"))
    text = _text_of(node)
    time = _time_of(node) or above.time
    message = _message(node, text, time, above, read)
    if message is None:
        return above
    if isinstance(message, UserMessage) and above.reasoning:
        above = _unanswered(parent or node.id, above, read)
    called = message.tool_calls[0].id if isinstance(message, AssistantMessage) and message.tool_calls else ""
    return _Above(time, read.add(node.id, above.parent, message), called)


def _thought(node: _Node, kind: str, above: _Above, took: Any) -> _Above:
    if isinstance(took, int | float) and valid_time(took):
        above = replace(above, seconds=float(took))
    if kind == "reasoning_recap":
        return replace(above, recap=_text_of(node))
    parts = (above.reasoning, _thoughts_of(node))
    return replace(above, reasoning="\n\n".join(part for part in parts if part))


def _message(node: _Node, text: str, time: float, above: _Above, read: _Reading) -> Message | None:
    data = node.message or {}
    if not text and data.get("author") is None:
        return None
    match _role_of(node):
        case "user":
            return UserMessage(text, time) if text else None
        case "assistant":
            return _answer(data, text, time, above, node)
        case "tool":
            return ToolMessage(above.call, _name_of(node), text) if text else None
        case "system" | "developer":
            _add_system(text, read)
            return None
        case role:
            # Who it is, nobody knows yet; what was said is kept.
            return ToolMessage(above.call, role, text) if text else None


def _add_system(text: str, read: _Reading) -> None:
    if text.strip() and text not in read.system:
        read.system.append(text)


def _answer(data: Json, text: str, time: float, above: _Above, node: _Node) -> AssistantMessage | None:
    metadata = _metadata_of(node)
    details: Json = expect_object(metadata.get("finish_details") or {}, f"{node.place}.metadata.finish_details")
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
        reasoning=above.reasoning or above.recap,
        tool_calls=calls,
        stop=stop,
        model_asked=model,
        model=model,
        timing=_timing(time, above.seconds),
    )


def _timing(started: float, seconds: float | None) -> Timing:
    return Timing(started) if seconds is None else Timing(started, 0.0, seconds)


def _unanswered(node: str, above: _Above, read: _Reading) -> _Above:
    """Reasoning after which no answer came."""
    message = AssistantMessage(reasoning=above.reasoning, stop="cut", timing=_timing(above.time, above.seconds))
    return _Above(above.time, read.add(node, above.parent, message))


def _arguments(text: str) -> str:
    try:
        whole = isinstance(lossless_json.loads(text), dict)
    except ValueError:
        whole = False
    return text if whole else lossless_json.dumps({"input": text})


def _read_nodes(data: Any, place: str) -> dict[str, _Node]:
    """By their names. Raises InvalidImportError; so do the others."""
    mapping: Json = {} if data is None else expect_object(data, place)
    nodes: dict[str, _Node] = {}
    for name, value in mapping.items():
        here = f"{place}[{name!r}]"
        node: Json = {} if value is None else expect_object(value, here)
        message = node.get("message")
        listed = expect_list(node.get("children") or [], f"{here}.children")
        nodes[name] = _Node(
            name,
            expect_optional_text(node.get("parent"), f"{here}.parent"),
            tuple(child for child in listed if isinstance(child, str)),
            None if message is None else expect_object(message, f"{here}.message"),
            f"{here}.message",
        )
    return nodes


def _content_of(node: _Node) -> Json:
    """An empty one where there is none."""
    content = (node.message or {}).get("content")
    return {} if content is None else expect_object(content, f"{node.place}.content")


def _metadata_of(node: _Node) -> Json:
    return expect_object((node.message or {}).get("metadata") or {}, f"{node.place}.metadata")


def _kind_of(node: _Node) -> str:
    return expect_optional_text(_content_of(node).get("content_type"), f"{node.place}.content.content_type") or ""


def _role_of(node: _Node) -> str:
    author = expect_object((node.message or {}).get("author"), f"{node.place}.author")
    return expect_text(author.get("role"), f"{node.place}.author.role")


def _name_of(node: _Node) -> str:
    """Of a tool."""
    author = expect_object((node.message or {}).get("author"), f"{node.place}.author")
    return expect_optional_text(author.get("name"), f"{node.place}.author.name") or ""


def _time_of(node: _Node) -> float | None:
    return _time((node.message or {}).get("create_time"), f"{node.place}.create_time")


def _text_of(node: _Node) -> str:
    """What is said, with words for what is no text."""
    content, place = _content_of(node), f"{node.place}.content.parts"
    if "parts" in content:
        given = content["parts"]
        given = [given] if isinstance(given, str) else expect_list(given or [], place)
        text = "\n\n".join(part for part in (__part(part, given) for part in given) if part)
    else:
        text = next((value for name in _TEXTS if isinstance(value := content.get(name), str) and value), "")
    return _REFERENCE.sub("", text)


def __part(part: Any, beside: list[Any]) -> str:
    if isinstance(part, str) or part is None:
        return part or ""
    if not is_object(part):
        return _OTHER
    if isinstance(text := part.get("text"), str) and text:
        return text
    match part.get("content_type"):
        case "image_asset_pointer":
            return _PICTURE
        case "audio_transcription":
            return ""
        case kind if isinstance(kind, str) and kind in _RECORDINGS:
            # What was said stands beside it.
            return "" if any(is_object(other) and other.get("text") for other in beside) else _RECORDING
        case _:
            return _OTHER


def _thoughts_of(node: _Node) -> str:
    """What the model thought, of a node for that."""
    place = f"{node.place}.content.thoughts"
    parts: list[str] = []
    for number, value in enumerate(expect_list(_content_of(node).get("thoughts") or [], place)):
        thought: Json = {"content": value} if isinstance(value, str) else expect_object(value, f"{place}[{number}]")
        parts += [text for name in ("summary", "content") if isinstance(text := thought.get(name), str) and text]
    return "\n\n".join(parts)


def _instructions_of(node: _Node) -> str:
    """What the user told ChatGPT for every conversation: about himself, and how to answer."""
    told = _metadata_of(node).get("user_context_message_data")
    places = (
        # As they were typed; in the other place there are words of ChatGPT around them.
        (told if is_object(told) else {}, ("about_user_message", "about_model_message")),
        (_content_of(node), ("user_profile", "user_instructions")),
    )
    for source, names in places:
        texts = [text.strip() for name in names if isinstance(text := source.get(name), str) and text.strip()]
        if texts:
            return "\n\n".join(texts)
    return ""


def _time(value: Any, place: str) -> float | None:
    """A time, None where there is none."""
    if isinstance(value, str):
        try:
            time = datetime.fromisoformat(value)
        except ValueError:
            raise InvalidImportError(place, "a text instead of a time") from None
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
    # Some files have milliseconds.
    if isinstance(value, int | float) and LATEST < value <= LATEST * 1000:
        value = float(value) / 1000
    return None if value is None else expect_time(value, place) or None
