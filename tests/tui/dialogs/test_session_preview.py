from __future__ import annotations

from stepchat.sessions.preview import MessagePreview, Preview
from stepchat.sessions.records import SessionSummary
from stepchat.tui.dialogs.session_list import ListedSession
from stepchat.tui.dialogs.session_preview import session_preview

ENTRY = ListedSession(SessionSummary("abcd", "a title", 1.0, 2.0, 2, 1, None, "a/b"))


def test_answers_are_shown_without_markdown_and_questions_as_typed():
    said = (
        MessagePreview("user", "What is **that**?"),
        MessagePreview("assistant", "# So\n\nIt is **bold**:\n\n```python\na ** b\n```"),
    )
    lines = session_preview(ENTRY, Preview(said), height=10).plain.splitlines()
    assert lines == ["▌ What is **that**?", "  So", "  It is bold:", "  a ** b"]
