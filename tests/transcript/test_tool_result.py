from __future__ import annotations

import pytest

from stepchat.messages import ToolMessage
from stepchat.transcript.tool_result import SHOWN_LINES
from tests.transcript.chat import asked, everything, page, shown, stored

LONG = "\n".join(f"line {number}" for number in range(SHOWN_LINES + 3))


def result(text, folded=None):
    return stored(ToolMessage("c", "get_time", text), "t", folded=folded)


@pytest.mark.parametrize(("folded", "opened"), [(None, False), (True, False), (False, True)])
def test_a_long_result_is_folded_unless_the_user_opened_it(folded, opened):
    rows = everything(page(asked(), result(LONG, folded)))
    assert (f"  │ line {SHOWN_LINES + 2}" in rows) == opened
    assert ("  … 3 more lines" in rows) == (not opened)
    assert f"  {'▾' if opened else '▸'} ← get_time" in rows


def test_its_head_line_opens_and_folds_it():
    viewport = page(asked(), result(LONG))
    head = next(y for y, row in enumerate(shown(viewport)) if "get_time" in row)
    place = viewport.header_at(head)
    assert place == 1
    assert not viewport.toggle(place)
    assert f"  │ line {SHOWN_LINES + 2}" in shown(viewport)
    assert viewport.toggle(place)
    assert f"  │ line {SHOWN_LINES + 2}" not in shown(viewport)


def test_a_short_result_has_nothing_to_open():
    viewport = page(asked(), result("\n".join(["x"] * SHOWN_LINES)))
    assert viewport.document.messages[1].foldable is None
    assert "  ← get_time" in everything(viewport)
    assert not viewport.document.toggle(1)
