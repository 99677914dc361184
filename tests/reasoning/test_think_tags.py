from __future__ import annotations

import re
import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepchat.reasoning.think_tags import Split, ThinkTagSplitter


def add(so_far: tuple[str, str], split: Split) -> tuple[str, str]:
    reasoning, text = so_far
    if split.text_was_reasoning:
        reasoning, text = reasoning + text, ""
    return reasoning + split.reasoning, text + split.text


def split_all(pieces: list[str], *, starts_in_thinking: bool = False) -> tuple[str, str]:
    splitter = ThinkTagSplitter(starts_in_thinking=starts_in_thinking)
    result = ("", "")
    for piece in pieces:
        result = add(result, splitter.feed(piece))
    return add(result, splitter.close())


def every_cut(source: str) -> list[list[str]]:
    return [[source], list(source), *([source[:place], source[place:]] for place in range(len(source) + 1))]


ANALYSIS = "<|channel|>analysis<|message|>"
# Source, reasoning, text.
TAGGED = [
    ("<think>a</think>b", "a", "b"),
    ("<think>a</think>\n\n b\n", "a", "b\n"),
    (" \n\t<think>\na\n</think>\r\nb", "\na\n", "b"),
    ("<think></think>b", "", "b"),
    ("<think>a</think>b<think>c</think>d", "a", "b<think>c</think>d"),
    ("<think>a</think></think>b", "a", "</think>b"),
    ("<think>a<think>b</think>c</think>d", "a<think>b", "c</think>d"),
    ("<think>a < b </thin </think>c", "a < b </thin ", "c"),
    ("<think>never closed", "never closed", ""),
    ("<think>never closed</thi", "never closed</thi", ""),
    ("<think>`</think>` closes at once", "`", "` closes at once"),
    ("<think>a</think>\n\n", "a", ""),
    ("<thinking>a</think>b</thinking>\nc", "a</think>b", "c"),
    (" <thought>a</thought>b", "a", "b"),
    ("<mm:think>a</mm:think>b", "a", "b"),
    ("<reasoning>a</reasoning>b", "a", "b"),
    ("<thoughts>a</thought></thoughts>\nb", "a</thought>", "b"),
    ("<ant:thinking>a</ant:thinking>b", "a", "b"),
    ("◁think▷a◁/think▷b", "a", "b"),
    ("<|begin_of_thought|>a<|end_of_thought|>b", "a", "b"),
    ("<|START_THINKING|>a<|END_THINKING|>b", "a", "b"),
    ("\ufeff<think>a</think>b", "a", "b"),
    ("[THINK]a[x] [/THIN [/THINK]b [THINK]", "a[x] [/THIN ", "b [THINK]"),
    ("[THINK]never closed[/", "never closed[/", ""),
    (f"{ANALYSIS}a<|end|><|start|>assistant<|channel|>final<|message|>b<|return|>", "a", "b"),
    (f"<|start|>assistant{ANALYSIS}a<|end|><|start|>assistant<|channel|>final <|constrain|>json<|message|>b", "a", "b"),
    (f"{ANALYSIS}a<|end|><|channel|>commentary<|message|>b<|end|><|channel|>final<|message|>c", "a\n\nb", "c"),
    (f"{ANALYSIS}a < b <|never closed", "a < b <|never closed", ""),
    ("<|channel|>final<|message|>Say <|end|> and <|return|>, 1 <|", "", "Say <|end|> and <|return|>, 1 <|"),
]
PLAIN = [
    "",
    "plain",
    " \n ",
    "\n<thin",
    "<",
    "<thinker>a</thinker>b",
    "a <thinking>b</thinking> c",
    "Use [THINK]a[/THINK] and <|channel|>final<|message|>b",
    "<|channels",
    "<|channel|>",
    "[THIN",
    "<Think>a</Think>b",
    "< think>a",
    "a <think>b</think> c",
    "a\n<think>\nb\n</think>\nc",
    "1 < 2 </",
]
# A lone closing tag: what comes before it, what comes after it.
LONE = [
    ("I think so.\n", "\n\nAnswer"),
    ("I think so.", "\n\nAnswer"),
    ("I think so.\n  ", "\nAnswer"),
    ("I think so.", "Answer"),
    ("我想好了。", "答案"),
    ("I think so.\n", "Answer"),
    ("I think so.\n", "**Answer**"),
    ("so it is 42", "\r\nAnswer"),
    ("so it is `42`", "\nAnswer"),
    ('it is "yes"', "\nAnswer"),
    ("", "\n\nAnswer"),
    ("\n\n", "\n\nAnswer"),
    ("The tag `</think>` ends it.\n", "\nAnswer"),
    ("The tag `<think>` begins it.\n", "\nAnswer"),
    ("A </think> in between.\n", "\nAnswer"),
    ("```\n</think>\n```\n", "\nAnswer"),
    ("~~~~py\n</think>\n~~~\n<think>\n~~~~\nDone.", "\nAnswer"),
    ("- ```x\n  </think>\n  ```\n", "\nAnswer"),
    ("```a`` is not ```\n", "\nAnswer"),
    ("```inline```\n", "\nAnswer"),
    ("one stray ` mark.\nAnd on.\n", "\nAnswer"),
    ("Finished.\n", ""),
    ("Finished.", ""),
]
MENTIONED = [
    "Use the `</think>` tag.",
    "Use the </think> tag.",
    "The tag is </think>\nand so on",
    "标签：</think>\n后面",
    "</think> closes the block",
    "</think>: closes the block",
    "</think>是结束标签",
    'It is "</think>".',
    "It is (</think>)\n",
    "It is **</think>**\n",
    "- </think>\n- x",
    "| </think> | x |\n",
    "> </think>\n",
    "    </think>\n",
    "\t</think>\n",
    "```\nso it ends.\n</think>\nAnswer\n```\n",
    "```html\n<think>x\n</think>\nAnswer\n```\nMore.",
    "> ```\n> x\n</think>\nAnswer",
    "```\n``` x\n</think>\nAnswer",
    "</think> </think>\n",
    "~~~\n```\n</think>\nAnswer",
    "````\n```\n</think>\nAnswer",
    "```\nnever closed\n</think>\n",
    "```\n" + "`" * 3 + " " * 200 + "x\n</think>\n",
    "Write <think>your thoughts\n</think>\nand the answer.",
    "Write ``a ` b.</think>`` here.",
    "Write ``` x.</think>\n``` here.",
    "It prints.</think>, then stops",
    'He wrote "so.</think>"',
    "so.</think> Answer",
]


@pytest.mark.parametrize(("source", "reasoning", "text"), TAGGED)
@pytest.mark.parametrize("starts_in_thinking", [False, True])
def test_tag_at_the_start(source, reasoning, text, starts_in_thinking):
    for pieces in every_cut(source):
        assert split_all(pieces, starts_in_thinking=starts_in_thinking) == (reasoning, text)


@pytest.mark.parametrize("source", PLAIN)
def test_no_tag_at_the_start(source):
    for pieces in every_cut(source):
        assert split_all(pieces) == ("", source)


@pytest.mark.parametrize("source", ["plain", " \n ", "\n<thin", "a <think> b", "a </thin", "<"])
def test_starts_in_thinking_and_never_ends(source):
    for pieces in every_cut(source):
        assert split_all(pieces, starts_in_thinking=True) == (source, "")


@pytest.mark.parametrize(("before", "after"), LONE)
def test_lone_closing_tag(before, after):
    for pieces in every_cut(f"{before}</think>{after}"):
        assert split_all(pieces) == (before, after.lstrip())


@pytest.mark.parametrize("before", ["", "a", " a\n", "a `", "```\na"])
def test_starts_in_thinking_and_ends_at_the_first_closing_tag(before):
    for pieces in every_cut(f"{before}</think>\n b</think>\nc"):
        assert split_all(pieces, starts_in_thinking=True) == (before, "b</think>\nc")


@pytest.mark.parametrize("source", MENTIONED)
def test_ordinary_answer_that_speaks_of_the_tag(source):
    for pieces in every_cut(source):
        assert split_all(pieces) == ("", source)


def test_lone_closing_tag_works_once():
    for pieces in every_cut("a.\n</think>\nb.\n</think>\nc"):
        assert split_all(pieces) == ("a.\n", "b.\n</think>\nc")


def test_lone_closing_tag_reclassifies_what_was_given_out():
    splitter = ThinkTagSplitter()
    assert splitter.feed("I think") == Split(text="I think")
    assert splitter.feed(" so.\n</thi") == Split(text=" so.\n")
    assert splitter.feed("nk>") == Split()
    assert splitter.feed("\n") == Split(text_was_reasoning=True)
    assert splitter.feed(" \n ") == Split()
    assert splitter.feed(" Yes") == Split(text="Yes")
    assert splitter.feed(" \n</think>\n") == Split(text=" \n</think>\n")


def test_lone_closing_tag_in_the_middle_of_a_piece():
    splitter = ThinkTagSplitter()
    splitter.feed("I ")
    assert splitter.feed("think.\n</think>\n\nYes") == Split("think.\n", "Yes", text_was_reasoning=True)


def test_only_what_may_be_a_tag_is_held_back():
    splitter = ThinkTagSplitter()
    assert splitter.feed("\n <th") == Split()
    assert splitter.feed("ink>a") == Split(reasoning="a")
    assert splitter.feed("b</") == Split(reasoning="b")
    assert splitter.feed("b>") == Split(reasoning="</b>")
    assert splitter.feed("c</think") == Split(reasoning="c")
    assert splitter.feed(">d") == Split(text="d")
    assert splitter.feed("<think") == Split(text="<think")
    splitter = ThinkTagSplitter()
    assert splitter.feed("\n <thx") == Split(text="\n <thx")
    assert splitter.feed("a <") == Split(text="a ")
    assert splitter.feed("/") == Split()
    assert splitter.feed("p>") == Split(text="</p>")


def test_ordinary_text_is_never_late():
    text = "One < two, `x` and\n```\ncode\n```\n"
    splitter = ThinkTagSplitter()
    given_out = ""
    for place, char in enumerate(text, 1):
        given_out += splitter.feed(char).text
        assert given_out == text[:place] or text[:place].endswith("<")


@pytest.mark.parametrize(
    ("before", "given_out"),
    [
        ("", Split()),
        (" \n<thi", Split(text=" \n<thi")),
        (" \na", Split()),
        ("a </thi", Split(text="</thi")),
        ("a.\n</think>", Split(text="</think>")),
        ("<think>a</thi", Split(reasoning="</thi")),
        ("<think>a</think> ", Split()),
        ("<think>a</think>b<thi", Split()),
    ],
)
def test_switch_off(before, given_out):
    splitter = ThinkTagSplitter()
    splitter.feed(before)
    assert splitter.switch_off() == given_out
    for piece in ("<think>", " x.\n</think>\n", "</thi"):
        assert splitter.feed(piece) == Split(text=piece)
    assert splitter.switch_off() == Split()
    assert splitter.close() == Split()


def test_close_gives_out_everything_once():
    splitter = ThinkTagSplitter()
    splitter.feed("a</think")
    assert splitter.close() == Split(text="</think")
    assert splitter.close() == Split()


PIECES = [
    "<think>",
    "</think>",
    "<",
    "</",
    "think>",
    "`",
    "``",
    "```",
    "~~~",
    "\n",
    "\n\n",
    " ",
    "a",
    "word.",
    ":",
    "- ",
    "。",
    "\r\n",
]
TEXTS = st.lists(st.sampled_from(PIECES) | st.text(max_size=2), max_size=25).map("".join)


@given(TEXTS, st.lists(st.integers(0, 100), max_size=10), st.booleans())
def test_any_cut_gives_the_same_result(source, places, starts_in_thinking):
    edges = [0, *sorted(place % (len(source) + 1) for place in places), len(source)]
    pieces = [source[a:b] for a, b in pairwise(edges)]
    whole = split_all([source], starts_in_thinking=starts_in_thinking)
    assert split_all(pieces, starts_in_thinking=starts_in_thinking) == whole
    assert split_all(list(source), starts_in_thinking=starts_in_thinking) == whole


@given(TEXTS)
def test_nothing_is_lost_or_made_up(source):
    reasoning, text = split_all([source])
    parts = (re.escape(reasoning), re.escape(text))
    assert re.fullmatch(r"(?:\s*<think>)?{}(?:</think>\s*)?{}".format(*parts), source)


@given(TEXTS)
def test_tagged_text_splits_as_the_rule_says(source):
    reasoning, tag, text = source.partition("</think>")
    assert split_all(["\n<think>" + source]) == (reasoning, text.lstrip() if tag else "")


@pytest.mark.parametrize("start", ["<think>", " ", "a.\n", "a `</think>` b ", "<think>a</think>"])
def test_memory_does_not_grow_with_the_answer(start):
    splitter = ThinkTagSplitter()
    splitter.feed(start + "x")
    tracemalloc.start()
    try:
        for _ in range(2000):
            splitter.feed("long line without an end " * 4)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 20_000
