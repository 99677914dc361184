from __future__ import annotations

from typing import get_args

from stepchat.messages import AssistantMessage, Stop, Timing, Usage
from stepchat.tui.dialogs.compare import table
from stepchat.tui.dialogs.compare_facts import ENDS, fact_rows, short_facts


def answer(cost, first, **rest):
    usage = Usage({"completion_tokens": 300, "completion_tokens_details": {"reasoning_tokens": 100}, "cost": cost})
    timing = Timing(1.0, first_reasoning=first, first_text=first + 2, ended=first + 12)
    return AssistantMessage(text="x", model="m/one", provider="P", usage=usage, timing=timing, **rest)


def test_what_differs_comes_first_and_what_is_not_known_of_either_is_left_out():
    left = answer(0.001, 0.5, parameters={"temperature": 0.5, "stop": ["a"]})
    right = answer(0.002, 0.5, parameters={"temperature": 1, "seed": 7})
    rows = {row.name: (row.left, row.right) for row in fact_rows(left, right)}
    assert rows == {
        "cost": ("$0.0010", "$0.0020"),
        "temperature": ("0.5", "1"),
        "stop": ('["a"]', ""),
        "seed": ("", "7"),
        "model": ("m/one", "m/one"),
        "provider": ("P", "P"),
        "ended": ("by itself", "by itself"),
        "first token": ("0.50 s", "0.50 s"),
        "thinking": ("2.00 s", "2.00 s"),
        "duration": ("12 s", "12 s"),
        "thought": ("100", "100"),
        "said": ("200", "200"),
        "speed": ("25 tok/s", "25 tok/s"),
    }
    assert list(rows)[:4] == ["cost", "temperature", "stop", "seed"]
    bare = fact_rows(AssistantMessage(stop="cut"), AssistantMessage())
    assert [(row.name, row.left, row.right) for row in bare] == [("ended", "cut off", "by itself")]


def test_hostile_parameters_and_models_stay_in_their_line():
    left = AssistantMessage(model="\x1b[31mred\nline", parameters={"us\x1ber": "a\nb" * 500})
    text = table(left, AssistantMessage(), 80).plain
    assert "\x1b" not in text
    assert all(len(line) <= 82 for line in text.split("\n"))


def test_the_table_marks_what_differs():
    lines = table(answer(0.001, 0.5), answer(0.002, 0.5), 100).plain.split("\n")
    assert lines[0].split() == ["≠", "cost", "$0.0010", "$0.0020"]
    assert lines[0].index("$0.0020") == 52
    assert not any("≠" in line for line in lines[1:])


def test_every_way_to_end_has_its_words():
    assert set(ENDS) == set(get_args(Stop))
    timing = Timing(1.0, ended=5.0)
    assert short_facts(AssistantMessage(stop="length", timing=timing)) == "5.00 s · at the limit on its length"
