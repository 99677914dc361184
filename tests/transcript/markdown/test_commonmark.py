"""The examples of the CommonMark specification, with markdown-it as the judge of what is seen.

The examples are in commonmark_0_31_2.json, which names their source and their licence (CC BY-SA 4.0).
"""

import json
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from markdown_it import MarkdownIt

from stepchat.transcript.markdown.blocks import Quote
from stepchat.transcript.markdown.inline import CODE, EMPHASIS, LINK, STRONG, spans
from tests.transcript.forms import split
from tests.transcript.judge import judged, ours

EXAMPLES = json.loads(Path(__file__).with_name("commonmark_0_31_2.json").read_text("utf-8"))["examples"]
MARKS = {"strong_open": STRONG, "em_open": EMPHASIS, "link_open": LINK}

BARE_LINK = "a bare address is a link, as GFM has it"
EXCEPTIONS = {602: BARE_LINK, 608: BARE_LINK, 611: BARE_LINK}
"""Number of an example, and why we show it differently."""


def shown(text):
    """What we show: of each block its kind, its letters with their marks, and the containers around it."""
    blocks = split(text)
    found, known = [], {}
    for block in blocks.blocks:
        path = tuple(
            ("quote" if isinstance(node, Quote) else node.marker, known.setdefault(node, len(known)))
            for node in block.path
        )
        match block.kind:
            case "heading" | "paragraph":
                letters = [
                    (letter, span.marks & ~LINK, span.target)
                    for span in spans(block.text.strip(), blocks.links.labels)
                    for letter in span.text
                ]
                found.append((block.kind, block.level, letters, path))
            case "code" | "html":
                found.append((block.kind, block.text, path))
            case "rule" | "empty":
                found.append((block.kind, path))
            case _:
                pass
    return found


def expected(text):
    """The same by markdown-it."""
    found, path, numbers, known = [], [], [], {}
    tokens = MarkdownIt("commonmark").parse(text)

    def around():
        return tuple((mark, known.setdefault(opener, len(known))) for mark, opener in path)

    for place, token in enumerate(tokens):
        match token.type:
            case "blockquote_open":
                path.append(("quote", place))
            case "ordered_list_open":
                numbers.append(int(token.attrs.get("start", 1)))
            case "bullet_list_open":
                numbers.append(None)
            case "bullet_list_close" | "ordered_list_close":
                numbers.pop()
            case "list_item_open":
                path.append(("•" if numbers[-1] is None else f"{numbers[-1]}{token.markup}", place))
                numbers[-1] = None if numbers[-1] is None else numbers[-1] + 1
                if tokens[place + 1].type == "list_item_close":
                    found.append(("empty", around()))
            case "blockquote_close" | "list_item_close":
                path.pop()
            case "inline" if tokens[place - 1].type == "heading_open":
                found.append(("heading", int(tokens[place - 1].tag[1]), list(letters(token.children)), around()))
            case "inline":
                found.append(("paragraph", 0, list(letters(token.children)), around()))
            case "hr":
                found.append(("rule", around()))
            case "fence" | "code_block" | "html_block":
                kind = "html" if token.type == "html_block" else "code"
                lines = token.content.removesuffix("\n").split("\n") if token.content else []
                found += [(kind, line, around()) for line in lines]
            case _:
                pass
    return found


def letters(tokens, marks=0, target=""):
    """Each letter that is seen, with its marks and where it leads to if that is an address of the web."""
    outer = []
    for token in tokens:
        match token.type:
            case "text" | "text_special" | "html_inline":
                # A tab is as wide as four spaces; a line break in a tag or from an entity does not break the line.
                text = token.content.replace("\t", "    ").replace("\n", " ")
                yield from ((letter, marks, target) for letter in text)
            case "code_inline":
                yield from ((letter, marks | CODE, target) for letter in token.content)
            case "softbreak" | "hardbreak":
                yield " " if token.type == "softbreak" else "\n", marks, target
            case "image":
                source = web_address(token.attrs["src"])
                inside = [(letter, marks, source) for letter, _, _ in letters(token.children or ())]
                yield from inside or [(letter, marks, source) for letter in source]
            case _ if token.nesting > 0:
                outer.append((marks, target))
                marks |= MARKS[token.type] & ~LINK
                target = web_address(token.attrs["href"]) if token.type == "link_open" else target
            case _:
                marks, target = outer.pop()


def web_address(address):
    return address if urlsplit(address).scheme.lower() in ("http", "https", "mailto") else ""


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: str(example["number"]))
def test_examples_of_the_specification_are_read_as_markdown_it_reads_them(example):
    text = example["markdown"]
    assert ours(text) == judged(text)
    if example["number"] in EXCEPTIONS:
        assert shown(text) != expected(text), "no exception any more"
    else:
        assert shown(text) == expected(text)


def test_all_examples_are_there():
    assert [example["number"] for example in EXAMPLES] == list(range(1, 653))
