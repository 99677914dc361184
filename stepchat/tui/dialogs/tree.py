"""The tree screen: every message of the session, on all branches; filter, preview, go to or fork from one."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from time import time
from typing import TYPE_CHECKING, ClassVar, Final, Literal, NamedTuple

from rich.cells import cell_len
from textual.actions import SkipAction
from textual.containers import Container
from textual.content import Content
from textual.widgets import Static

from stepchat.messages import AssistantMessage, ToolMessage, UserMessage, valid_time
from stepchat.sessions.titles import without_markdown
from stepchat.text.format import short_model, token_count
from stepchat.text.sanitize import sanitize
from stepchat.text.widths import align, pad, pad_for_rich
from stepchat.tui.dialog_keys import bindings
from stepchat.tui.dialogs.filter_dialog import FilterDialog
from stepchat.tui.dialogs.list_view import VirtualList
from stepchat.tui.dialogs.session_list import age

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from textual.app import ComposeResult
    from textual.binding import BindingType

    from stepchat.messages import StoredMessage
    from stepchat.tui.dialogs.list_view import Piece

HINTS: Final = (
    ("list.accept", "go to message"), ("tree.sibling-previous tree.sibling-next", "versions"),
    ("list.close", "close"), ("tree.fork", "fork"),
)  # fmt: skip
_PREVIEW_LENGTH: Final = 4000
"""Characters of a message that the preview shows at most."""


class TreeChoice(NamedTuple):
    """The chosen message, and what to do with it."""

    action: Literal["go", "fork"]
    message_id: str


class TreeScreen(FilterDialog[TreeChoice]):
    """Returns the message to go to or to fork from."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(
        "tree", {"sibling-previous": "sibling(-1)", "sibling-next": "sibling(1)", "fork": "choose('fork')"}
    )

    def __init__(
        self, messages: Sequence[StoredMessage], leaf: str | None, at: str | None, now: Callable[[], float] = time
    ) -> None:
        """`leaf` ends the branch that is shown; the cursor starts at the message `at`."""
        ends = leaf_count(messages)
        count = f"{len(messages):,} message{'' if len(messages) == 1 else 's'}"
        super().__init__(
            VirtualList(lambda index, _, width: tree_row(self._lines[index], width, now()), clicks_to_open=2),
            HINTS,
            title=f"Tree · {count} · {ends:,} branch{'' if ends == 1 else 'es'}",
        )
        self._all = tree_lines(messages, leaf)
        self._lines: Sequence[TreeLine] = ()
        """The lines that match the filter."""
        self._start = at if at is not None else leaf
        self._list.empty_text = "No matches."
        self._preview = Static(markup=False, id="tree-preview")

    def body(self) -> ComposeResult:
        with Container(id="tree-body"):
            yield self._list
            yield Container(self._preview, id="tree-pane")

    def on_mount(self) -> None:
        self._fill("", self._start)

    def _fill(self, typed: str, at: str | None) -> None:
        """List the matching messages, with the cursor on this one if it is among them."""
        self._lines = matching(self._all, typed)
        self._list.show(len(self._lines), self._row_of(at) or 0)

    def _row_of(self, message: str | None) -> int | None:
        return next((row for row, line in enumerate(self._lines) if line.stored.id == message), None)

    @property
    def _current(self) -> TreeLine | None:
        return self._lines[self._list.cursor] if self._lines else None

    def filter_changed(self, typed: str) -> None:
        line = self._current
        self._fill(typed, self._start if line is None else line.stored.id)

    def accept(self) -> None:
        self.action_choose("go")

    def cursor_moved(self) -> None:
        line = self._current
        self._preview.update(message_preview(line.stored) if line is not None else "")

    def action_sibling(self, by: int) -> None:
        """Go to another version of the message; with text in the filter, the key moves in that."""
        if self._filter.value:
            raise SkipAction
        line = self._current
        if line is None:
            return
        at = line.siblings.index(line.stored.id) + by
        row = self._row_of(line.siblings[at]) if 0 <= at < len(line.siblings) else None
        if row is not None:
            self._list.move_to(row)

    def action_choose(self, action: Literal["go", "fork"]) -> None:
        line = self._current
        if line is not None:
            self.dismiss(TreeChoice(action, line.stored.id))


def message_preview(stored: StoredMessage) -> Content:
    """The beginning of a message, with the facts of an answer above it."""
    message = stored.message
    text = pad_for_rich(sanitize(message.text[:_PREVIEW_LENGTH]))
    more = "" if len(message.text) <= _PREVIEW_LENGTH else " …"
    if not isinstance(message, AssistantMessage):
        return Content.styled(text + more, "bold")
    facts = [message.model or message.model_asked, message.provider]
    if message.usage.reasoning_tokens:
        facts.append(f"{token_count(message.usage.reasoning_tokens)} of reasoning")
    if message.stop != "stop":
        facts.append(message.ending_word)
    head = sanitize(" · ".join(fact for fact in facts if fact), keep_newlines=False)
    body = text + more if text else pad_for_rich(sanitize(message.reasoning[:_PREVIEW_LENGTH]))
    return Content.assemble((f"{head}\n\n", "$dim"), body)


# ---- lines: only branches that leave the main line are indented

_MAX_DEPTH: Final = 8
"""Deeper branches are not indented further."""
_SCANNED: Final = 400
"""Characters of a message that are searched for its first words."""
MARKS: Final = {"question": "❯", "answer": "·", "tool": "←"}


@dataclass(frozen=True, slots=True)
class TreeLine:
    """A message in the tree."""

    stored: StoredMessage
    guide: str
    """The lines of its branches, left of it."""
    shown: bool
    """Whether it is on the branch shown."""
    passed: bool
    """Whether it is a side branch beside which the shown branch continues."""
    when: float
    siblings: tuple[str, ...]
    """The ids of all its versions, its own among them."""

    @property
    def mark(self) -> str:
        match self.stored.message:
            case UserMessage():
                return MARKS["question"]
            case AssistantMessage():
                return MARKS["answer"]
            case ToolMessage():
                return MARKS["tool"]

    @property
    def words(self) -> str:
        """How the message begins, in one line."""
        return first_words(self.stored)

    @property
    def model(self) -> str:
        message = self.stored.message
        if not isinstance(message, AssistantMessage):
            return ""
        return sanitize(short_model(message.model or message.model_asked), keep_newlines=False)


def first_words(stored: StoredMessage) -> str:
    """How the message begins, in one line."""
    message = stored.message
    text = message.text
    if isinstance(message, AssistantMessage) and not text:
        calls = ", ".join(call.name for call in message.tool_calls)
        text = message.refusal or (f"→ {calls}" if calls else "") or f"({message.stop}) {message.reasoning[:_SCANNED]}"
    return " ".join(sanitize(without_markdown(text[:_SCANNED]), keep_newlines=False).split())


def tree_lines(messages: Sequence[StoredMessage], leaf: str | None) -> list[TreeLine]:
    """All messages, given in order of creation, each side branch before what continues beside it."""
    children: dict[str | None, list[StoredMessage]] = defaultdict(list)
    for stored in messages:
        children[stored.parent].append(stored)
    shown = _branch(messages, leaf)
    lines: list[TreeLine] = []
    # A stack: message, depth, whether it begins a branch, its versions, the time of its parent.
    waiting: list[tuple[StoredMessage, int, bool, tuple[str, ...], float]] = []

    def push(group: list[StoredMessage], depth: int, when: float) -> None:
        if group:
            main = next((stored for stored in group if stored.id in shown), group[-1])
            ids = tuple(stored.id for stored in group)
            waiting.append((main, depth, False, ids, when))
            waiting.extend((stored, depth + 1, True, ids, when) for stored in reversed(group) if stored is not main)

    push(children[None], 0, 0.0)
    while waiting:
        stored, depth, begins, ids, before = waiting.pop()
        when = _time(stored) or before
        lines.append(TreeLine(stored, _guide(depth, begins=begins), stored.id in shown, False, when, ids))
        push(children[stored.id], depth, when)
    rows = [row for row, line in enumerate(lines) if line.shown]
    return [
        line if line.shown or not rows or not rows[0] < row < rows[-1] else replace(line, passed=True)
        for row, line in enumerate(lines)
    ]


def leaf_count(messages: Iterable[StoredMessage]) -> int:
    """How many branches the tree has."""
    known = list(messages)
    parents = {stored.parent for stored in known}
    return sum(stored.id not in parents for stored in known)


def matching(lines: Sequence[TreeLine], typed: str) -> list[TreeLine]:
    """The lines whose messages contain all the words."""
    words = typed.casefold().split()
    return [line for line in lines if all(word in line.stored.message.text.casefold() for word in words)]


def _branch(messages: Sequence[StoredMessage], leaf: str | None) -> set[str]:
    parents = {stored.id: stored.parent for stored in messages}
    found: set[str] = set()
    while leaf is not None and leaf in parents and leaf not in found:
        found.add(leaf)
        leaf = parents[leaf]
    return found


def _guide(depth: int, *, begins: bool) -> str:
    if not depth:
        return ""
    return "│  " * (min(depth, _MAX_DEPTH) - 1) + ("├─ " if begins else "│  ")


def _time(stored: StoredMessage) -> float:
    match stored.message:
        case UserMessage(time=time):
            return valid_time(time) or 0.0
        case AssistantMessage(timing=timing):
            return valid_time(timing.started) or 0.0
        case ToolMessage():
            return 0.0


# ---- rows

_SHOWN: Final = "▌"
_PASSED: Final = "│"
_MODEL_WIDTH: Final = 18
_AGE_WIDTH: Final = 6
_WITH_MODEL: Final = 66
_WITH_AGE: Final = 30
"""Widths of the list from which models and ages are shown."""


def tree_row(line: TreeLine, width: int, now: float) -> list[Piece]:
    """The branch that is shown is bright, with a bar at its left that continues past side branches."""
    asks = isinstance(line.stored.message, UserMessage)
    right = align(age(line.when, now) if line.when else "", _AGE_WIDTH) if width >= _WITH_AGE else ""
    if width >= _WITH_MODEL:
        right = f"  {pad(line.model, _MODEL_WIDTH)}{right}"
    lead = f"{_SHOWN if line.shown else _PASSED if line.passed else ' '} "
    mark = f"{line.mark} "
    rest = max(1, width - cell_len(lead + line.guide + mark + right))
    return [
        (lead, "sign"),
        (line.guide, "dim"),
        (mark, "strong" if asks and line.shown else "sign" if line.shown else "dim"),
        (pad(pad_for_rich(line.words), rest), "text" if line.shown else "dim"),
        (right, "dim"),
    ]
