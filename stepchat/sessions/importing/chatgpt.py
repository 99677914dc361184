"""Imports ChatGPT's `conversations.json`, with all branches.

Every node of its tree has one message, or none. Reasoning ("thoughts"), tool calls and their results are nodes of their
own. Pictures and files are missing from the file; placeholders in the text mark them. The user's custom instructions
become the system prompt.
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

_MARK: Final = re.compile("\ue200([^\ue200\ue201]*)\ue201")
"""A citation, an entity, a link or the like: its kind and values, separated by U+E202."""
_OLD_MARK: Final = re.compile("【[0-9]+[^【】\n]{0,100}†[^【】\n]{0,300}】")
"""A citation of older exports, such as 【12†source】."""

_PICTURE, _RECORDING, _OTHER = (
    "[a picture that is not in the export]",
    "[a recording that is not in the export]",
    "[not in the export]",
)
_RECORDINGS: Final = frozenset({"audio_asset_pointer", "real_time_user_audio_video_asset_pointer"})
_TEXTS: Final = ("text", "result", "output_str", "summary", "content", "shared_prompt")
"""The keys with the text of content without parts, the best first."""
_PLAIN_KINDS: Final = frozenset(
    {"", "text", "code", "execution_output", "system_error", "tether_quote", "tether_browsing_display", "sonic_webpage"}
)
"""Kinds of content that are empty without text."""
_STOPS: Final[dict[str, Stop]] = {"max_tokens": "length", "interrupted": "cancelled"}


@dataclass(frozen=True, slots=True)
class _Node:
    """A node of the tree. `children` are in the order in which ChatGPT shows them; some may be missing."""

    id: str
    parent: str | None
    children: tuple[str, ...]
    message: Json | None
    place: str
    """Where in the file its message is."""


@dataclass(frozen=True, slots=True)
class _Above:
    """What a node inherits from the nodes above it."""

    time: float
    parent: str | None = None
    call: str = ""
    reasoning: str = ""
    recap: str = ""
    """The summary that ChatGPT shows in place of the reasoning, which may be missing from the file."""
    seconds: float | None = None
    """The duration of the reasoning."""


@dataclass(slots=True)
class _Reading:
    """The state of reading a conversation."""

    session: str
    origin: str
    model: str
    """The conversation's model, for messages that name none."""
    messages: list[StoredMessage] = field(default_factory=list[StoredMessage])
    known: set[str] = field(default_factory=set[str])
    system: list[str] = field(default_factory=list[str])

    def add(self, node: str, parent: str | None, message: Message) -> str:
        """Add the message of a node, once; returns its ID."""
        identity = records.derived_id(MESSAGE_ID_LENGTH, "chatgpt", self.origin, node)
        if identity not in self.known:
            self.known.add(identity)
            self.messages.append(StoredMessage(identity, self.session, parent, message))
        return identity


def is_chatgpt(data: Any) -> bool:
    """Whether the data is a ChatGPT conversation, or a list of them."""
    entries = cast("list[Any]", data) if isinstance(data, list) else [data]
    return data == [] or any(is_object(entry) and "mapping" in entry for entry in entries)


def read(data: Any, where: str = "") -> Iterator[ImportedSession]:
    """Reads the conversations that have messages. `where` is the file's name in an archive. Raises InvalidImportError."""
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
    model = data.get("default_model_slug")
    identity = records.derived_id(SESSION_ID_LENGTH, "chatgpt", origin)
    read = _Reading(identity, origin, model if isinstance(model, str) else "")
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
    question = next((stored.message.text for stored in read.messages if isinstance(stored.message, UserMessage)), "")
    title = clean_title(expect_optional_text(data.get("title"), f"{place}.title") or "") or title_from(question)
    session = Session(
        id=read.session,
        title=title,
        created=begun,
        updated=max(begun, changed or max(known, default=0.0)),
        leaf=leaf or (read.messages[-1].id if read.messages else None),
        # Continuing it uses the model and the server configured here.
        model="",
        server="",
        system="\n\n".join(read.system) or None,
        archived=data.get("is_archived") is True,
    )
    return ImportedSession(SessionContent(session, tuple(read.messages)), place)


def _parents_first(nodes: dict[str, _Node], place: str) -> Iterator[tuple[_Node, str | None]]:
    """Each node with its parent, if that exists; children in the order of their parent."""
    listed = {child: node.id for node in nodes.values() for child in node.children}
    below: dict[str | None, list[_Node]] = {}
    for node in nodes.values():
        # A damaged node may lack its parent, which still lists it.
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
        raise InvalidImportError(f"{place}.mapping", "its nodes form a circle")


def _read_node(node: _Node, parent: str | None, above: _Above, read: _Reading) -> _Above:
    """Add the message of a node; returns what the nodes below it inherit."""
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
            return _answer(node, text, time, above, read.model)
        case "tool":
            return ToolMessage(above.call, _name_of(node), text) if text else None
        case "system" | "developer":
            _add_system(text, read)
            return None
        case role:
            # An unknown role; its text is kept.
            return ToolMessage(above.call, role, text) if text else None


def _add_system(text: str, read: _Reading) -> None:
    if text.strip() and text not in read.system:
        read.system.append(text)


def _answer(node: _Node, text: str, time: float, above: _Above, default_model: str) -> AssistantMessage | None:
    data, metadata = node.message or {}, _metadata_of(node)
    details: Json = expect_object(metadata.get("finish_details") or {}, f"{node.place}.metadata.finish_details")
    model = metadata.get("model_slug")
    model = model if isinstance(model, str) and model else default_model
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
    """Add reasoning that no answer follows."""
    message = AssistantMessage(reasoning=above.reasoning, stop="cut", timing=_timing(above.time, above.seconds))
    return _Above(above.time, read.add(node, above.parent, message))


def _arguments(text: str) -> str:
    try:
        whole = isinstance(lossless_json.loads(text), dict)
    except ValueError:
        whole = False
    return text if whole else lossless_json.dumps({"input": text})


def _read_nodes(data: Any, place: str) -> dict[str, _Node]:
    """The nodes by name. Raises InvalidImportError, as do the functions below."""
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
    """The content of a node; empty if there is none."""
    content = (node.message or {}).get("content")
    return {} if content is None else expect_object(content, f"{node.place}.content")


def _metadata_of(node: _Node) -> Json:
    return expect_object((node.message or {}).get("metadata") or {}, f"{node.place}.metadata")


def _kind_of(node: _Node) -> str:
    return expect_optional_text(_content_of(node).get("content_type"), f"{node.place}.content.content_type") or ""


def _author_of(node: _Node) -> Json:
    return expect_object((node.message or {}).get("author") or {}, f"{node.place}.author")


def _role_of(node: _Node) -> str:
    return expect_text(_author_of(node).get("role"), f"{node.place}.author.role")


def _name_of(node: _Node) -> str:
    """The name of a tool."""
    return expect_optional_text(_author_of(node).get("name"), f"{node.place}.author.name") or ""


def _time_of(node: _Node) -> float | None:
    return _time((node.message or {}).get("create_time"), f"{node.place}.create_time")


def _text_of(node: _Node) -> str:
    """The text of a node, with placeholders for what is not text and links for citations."""
    content, place = _content_of(node), f"{node.place}.content.parts"
    if "parts" in content:
        given = content["parts"]
        given = [given] if isinstance(given, str) else expect_list(given or [], place)
        text = "\n\n".join(part for part in (_part(part, given) for part in given) if part)
    else:
        text = _text_without_parts(content)
    metadata = _metadata_of(node)
    if _author_of(node).get("role") == "assistant":
        text = _link_old_citations(text, metadata.get("citations"))
    return _replace_marks(text, metadata.get("content_references"))


def _text_without_parts(content: Json) -> str:
    found = [next((value for name in _TEXTS if isinstance(value := content.get(name), str) and value), "")]
    listed = content.get("context_parts")
    for part in (*content.values(), *(cast("list[Any]", listed) if isinstance(listed, list) else ())):
        if is_object(part) and part.get("content_type") is not None:
            found.append(_part(part, []))
        elif is_object(part) and isinstance(text := part.get("text"), str):
            found.append(text)
    text = "\n\n".join(part for part in found if part)
    return text or ("" if str(content.get("content_type") or "") in _PLAIN_KINDS else _OTHER)


def _replace_marks(text: str, references: Any) -> str:
    """Replaces ChatGPT's marks with words and links. A removed mark leaves no double space."""
    alternatives: dict[str, str] = {}
    for reference in cast("list[Any]", references) if isinstance(references, list) else ():
        if is_object(reference) and isinstance(alt := reference.get("alt"), str):
            alternatives[str(reference.get("matched_text"))] = alt
    pieces: list[str] = []
    at = 0
    for mark in _MARK.finditer(text):
        before, words = text[at : mark.start()], alternatives.get(mark[0]) or _words_of_mark(mark[1])
        at = mark.end()
        if not words and before.endswith(" ") and not text[at : at + 1].isalnum():
            before = before[:-1]
        pieces += (before, words)
    return "".join((*pieces, text[at:]))


def _words_of_mark(mark: str) -> str:
    kind, *values = mark.split("\ue202")
    if kind == "url" and len(values) >= 2 and values[1].startswith(("http://", "https://")):
        return f"[{values[0]}]({values[1]})"
    if kind == "url":
        return values[0] if values else ""
    if kind == "entity" and values:
        try:
            entity: Any = lossless_json.loads(values[0])
        except ValueError:
            return ""
        if isinstance(entity, list) and len(named := cast("list[Any]", entity)) > 1 and isinstance(named[1], str):
            return named[1]
    return ""


def _link_old_citations(text: str, citations: Any) -> str:
    """Replaces marks such as 【12†source】 with links if the metadata explains them, and removes the others."""
    links: dict[int, str] = {}
    for citation in cast("list[Any]", citations) if isinstance(citations, list) else ():
        source = citation.get("metadata") if is_object(citation) else None
        if is_object(source) and isinstance(url := source.get("url"), str) and url.startswith(("http://", "https://")):
            title, start = source.get("title"), citation.get("start_ix")
            links[start if isinstance(start, int) else -1] = (
                f" ([{title if isinstance(title, str) and title else url}]({url}))"
            )
    return _OLD_MARK.sub(lambda mark: links.get(mark.start(), ""), text)


def _part(part: Any, beside: list[Any]) -> str:
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
            # Its transcription is another part.
            return "" if any(is_object(other) and other.get("text") for other in beside) else _RECORDING
        case _:
            return _OTHER


def _thoughts_of(node: _Node) -> str:
    """The reasoning in a node of thoughts."""
    place = f"{node.place}.content.thoughts"
    parts: list[str] = []
    for number, value in enumerate(expect_list(_content_of(node).get("thoughts") or [], place)):
        thought: Json = {"content": value} if isinstance(value, str) else expect_object(value, f"{place}[{number}]")
        parts += [text for name in ("summary", "content") if isinstance(text := thought.get(name), str) and text]
    return "\n\n".join(parts)


def _instructions_of(node: _Node) -> str:
    """The user's custom instructions: about the user, and how to answer."""
    typed = _metadata_of(node).get("user_context_message_data")
    places = (
        # As typed; elsewhere ChatGPT adds words around them.
        (typed if is_object(typed) else {}, ("about_user_message", "about_model_message")),
        (_content_of(node), ("user_profile", "user_instructions")),
    )
    for source, names in places:
        texts = [text.strip() for name in names if isinstance(text := source.get(name), str) and text.strip()]
        if texts:
            return "\n\n".join(texts)
    return ""


def _time(value: Any, place: str) -> float | None:
    """A Unix time, None if there is none."""
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
