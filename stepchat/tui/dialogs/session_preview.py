"""A preview of a session: where it matches the search, or how it begins and ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from textual.content import Content

from stepchat.sessions.titles import without_markdown
from stepchat.text.format import date
from stepchat.text.sanitize import sanitize
from stepchat.text.widths import pad_for_rich, pad_ranges_for_rich
from stepchat.tui.dialogs.session_list import SPEAKERS

if TYPE_CHECKING:
    from stepchat.sessions.preview import MessagePreview, Preview
    from stepchat.sessions.records import SessionSummary
    from stepchat.sessions.search.search import Hit
    from stepchat.tui.dialogs.session_list import ListedSession

_SHORT: Final = {"user": 2, "assistant": 3, "tool": 1}
_LONG: Final = {"user": 6, "assistant": 10, "tool": 4}
"""Lines of each message in a low pane, and in a high one."""
_LOW: Final = 20


def session_preview(entry: ListedSession, preview: Preview, height: int) -> Content:
    """Enough lines to fill a pane of this height."""
    row = entry.summary
    most, lines = (_SHORT, list[Content]()) if height < _LOW else (_LONG, _header(row))
    hits = [hit for hit in entry.hits if hit.field != "title"]
    # The list already shows the first one.
    for hit in hits[1:] if height < _LOW else hits:
        lines += [_hit(hit), Content("")]
    for message in preview.beginning:
        lines += _message(message, most[message.speaker])
    if preview.between:
        more = f"⋯ {preview.between} more message" + ("" if preview.between == 1 else "s")
        lines.append(Content.styled(more, "$dim"))
    for message in preview.end:
        lines += _message(message, most[message.speaker], from_end=message.speaker != "user")
    return Content("\n").join(lines)


def _header(row: SessionSummary) -> list[Content]:
    """The full title, and what the columns do not show."""
    facts = [
        row.id,
        f"fork of {row.forked_from}" if row.forked_from else "",
        "created " + date(row.created),
        row.model,
        "pinned" if row.pinned else "",
        "archived" if row.archived else "",
    ]
    return [
        Content.styled(pad_for_rich(sanitize(row.title, keep_newlines=False)) or "untitled", "bold"),
        Content.styled(sanitize(" · ".join(fact for fact in facts if fact), keep_newlines=False), "$dim"),
        Content(""),
    ]


def _hit(hit: Hit) -> Content:
    plain, ranges = pad_ranges_for_rich(hit.snippet.text, hit.snippet.ranges)
    text = Content(plain)
    for start, end in ranges:
        text = text.stylize("$accent bold underline", start, end)
    return Content.assemble((f"{SPEAKERS[hit.field]}: ", "$dim"), text)


def _message(message: MessagePreview, most: int, *, from_end: bool = False) -> list[Content]:
    text = without_markdown(message.text) if message.speaker == "assistant" else message.text
    lines = [line for line in pad_for_rich(sanitize(text)).splitlines() if line.strip()]
    if len(lines) > most:
        lines = (
            [f"… {lines[-most]}", *lines[len(lines) - most + 1 :]]
            if from_end
            else [*lines[: most - 1], f"{lines[most - 1]} …"]
        )
    if message.speaker == "user":
        return [Content.assemble(("▌ ", "$accent"), line) for line in lines]
    return [Content.styled(f"  {line}", "$dim") for line in lines]
