from __future__ import annotations

import pytest

from stepchat.text.widths import cells
from stepchat.transcript.overlays.copy_badges import CopyBadges
from stepchat.transcript.overlays.overlays import Overlays
from stepchat.transcript.palette import colourless
from tests.transcript.chat import answered, asked, page
from tests.transcript.forms import lines

CODE = "Look:\n\n```python\none\n```\n\n- item\n\n  ```\n  two\n  three\n  ```\n"


def test_every_code_block_has_the_word_and_it_means_that_block():
    viewport = page(answered(CODE))
    marks = CopyBadges(viewport.document)
    rows = lines(marks.add_to(viewport, viewport.render()))
    found = [(row.index("copy"), y) for y, row in enumerate(rows) if "copy" in row]
    assert [marks.at(viewport, x, y).source for x, y in found] == ["one", "two\nthree"]
    assert [marks.at(viewport, x + 3, y) is not None for x, y in found] == [True, True]
    assert [marks.at(viewport, 4, y).source for _, y in found] == ["one", "two\nthree"]  # on the label, too
    assert [marks.at(viewport, 1, y) for _, y in found] == [None, None]
    assert [marks.at(viewport, x, y + 1) for x, y in found] == [None, None]
    assert all(row.endswith("copy") for row in rows if "python" in row)


def test_the_same_row_is_the_same_strip():
    viewport = page(answered(CODE))
    marks = CopyBadges(viewport.document)
    first = marks.add_to(viewport, viewport.render())
    assert all(new is old for new, old in zip(marks.add_to(viewport, viewport.render()), first, strict=True))


def test_no_word_where_there_is_no_room_but_the_label_means_the_block():
    viewport = page(answered("```averylongname\nx\n```"), width=16)
    marks = CopyBadges(viewport.document)
    rows = lines(marks.add_to(viewport, viewport.render()))
    assert not any("copy" in row for row in rows)
    label = next(y for y, row in enumerate(rows) if "avery" in row)
    assert marks.at(viewport, 3, label).source == "x"


@pytest.mark.parametrize("width", range(1, 12))
def test_where_there_is_no_room_no_row_is_wider_than_the_page(width):
    viewport = page(answered("```\n1\n```\n\n- ```py\n  2\n  ```"), answered("end"), width=width, height=5)
    viewport.to_start()
    marks = Overlays(viewport.document)
    marks.unread.mark_seen()
    viewport.document.add(asked())
    for row in marks.add_to(viewport, viewport.render(), colourless()):
        assert cells(row.text) == row.cell_length == width
