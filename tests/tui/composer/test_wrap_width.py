from __future__ import annotations

from itertools import pairwise

import pytest

from stepchat.first_frame.picture import wrap
from stepchat.text.widths import cells
from stepchat.tui.composer.wrap_width import wrap_width_correction

HINDI = "हिन्दी में किताब कृपया मेरी किताब वापस कीजिए, क्योंकि मुझे परीक्षा के लिए उसकी ज़रूरत है " * 3


@pytest.mark.parametrize("text", ["", "word " * 60, "中文字符" * 40, "किताब"])
def test_most_texts_need_no_less(text):
    assert wrap_width_correction(text, 40) == 0


@pytest.mark.parametrize("width", [15, 40, 75, 120])
@pytest.mark.parametrize(
    "text", [HINDI, "an English line\n" + HINDI + "\nand another one " * 9, HINDI.replace(" ", "")]
)
def test_no_row_is_wider_than_the_prompt(text, width):
    less = wrap_width_correction(text, width)
    assert 0 < less <= width // 2
    for line in text.split("\n"):
        for start, end in pairwise([0, *wrap(line, width - less), len(line)]):
            assert cells(line[start:end].rstrip(" ")) <= width
