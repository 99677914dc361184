"""markdown-it's view of a document, and ours, in one comparable form."""

from __future__ import annotations

from typing import Any

from markdown_it import MarkdownIt
from markdown_it.common.utils import unescapeAll

from stepchat.transcript.markdown.block_starts import split_row
from stepchat.transcript.markdown.blocks import Quote
from stepchat.transcript.markdown.incremental import IncrementalParser


def ours(text: str) -> list[tuple[Any, ...]]:
    splitter = IncrementalParser()
    splitter.feed(text)
    splitter.finish()
    found = []
    for block in splitter.blocks:
        path = tuple("quote" if isinstance(node, Quote) else node.marker for node in block.path)
        match block.kind:
            case "heading" | "paragraph":
                found.append((block.kind, block.level, trimmed(block.text), path))
            case "rule":
                found.append(("rule", path))
            case "label":
                found.append(("fence", block.text, path))
            case "code" | "html":
                found.append((block.kind, block.text.rstrip(), path))
            case "row":
                found.append(("row", fit(split_row(block.text), len(block.group.aligns)), path))
            case _:
                pass
    return found


def trimmed(text: str) -> str:
    """White space around line breaks means nothing."""
    return "\n".join(line.strip() for line in text.strip().split("\n"))


def fit(cells: list[str], count: int) -> tuple[str, ...]:
    return tuple((cells + [""] * count)[:count])


def judged(text: str) -> list[tuple[Any, ...]]:
    parser = MarkdownIt("commonmark", {"maxNesting": 100}).enable("table")
    found: list[tuple[Any, ...]] = []
    path: list[str] = []
    numbers: list[int | None] = []
    row: list[str] = []
    tokens = parser.parse(text)
    for place, token in enumerate(tokens):
        match token.type:
            case "blockquote_open":
                path.append("quote")
            case "blockquote_close" | "list_item_close":
                path.pop()
            case "bullet_list_open":
                numbers.append(None)
            case "ordered_list_open":
                numbers.append(int(token.attrs.get("start", 1)))
            case "bullet_list_close" | "ordered_list_close":
                numbers.pop()
            case "list_item_open":
                number = numbers[-1]
                path.append("•" if number is None else f"{number}{token.markup}")
                if number is not None:
                    numbers[-1] = number + 1
            case "inline":
                before = tokens[place - 1]
                if before.type in ("th_open", "td_open"):
                    row.append(token.content)
                elif before.type == "heading_open":
                    found.append(("heading", int(before.tag[1]), trimmed(token.content), tuple(path)))
                elif token.content:
                    found.append(("paragraph", 0, trimmed(token.content), tuple(path)))
            case "tr_close":
                found.append(("row", tuple(row), tuple(path)))
                row = []
            case "hr":
                found.append(("rule", tuple(path)))
            case "fence":
                info = unescapeAll(token.info).split()
                found.append(("fence", info[0].split(":")[0] if info else "", tuple(path)))
                found += lines("code", token.content, path)
            case "code_block":
                found += lines("code", token.content, path)
            case "html_block":
                found += lines("html", token.content, path)
            case _:
                pass
    return found


def lines(kind: str, content: str, path: list[str]) -> list[tuple[Any, ...]]:
    text = content.removesuffix("\n")
    return [(kind, line.rstrip(), tuple(path)) for line in text.split("\n")] if content else []
