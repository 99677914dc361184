"""Link reference definitions at the beginning of a paragraph, read by markdown-it itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stepchat.transcript.markdown.blocks import Links


def take_definitions(text: str, links: Links) -> str:
    """What is left of a finished paragraph; definitions found in front of it are added to `links`.

    A footnote (`[^1]: ...`) is not a definition here: it stays visible.
    """
    if not text.startswith("[") or text.startswith("[^") or "]:" not in text:
        return text
    from markdown_it import MarkdownIt
    from markdown_it.rules_block import StateBlock
    from markdown_it.rules_block.reference import reference

    env: dict[str, Any] = {}
    parser = MarkdownIt("zero").enable(["reference", "paragraph"])
    state = StateBlock(text, parser, env, [])
    line, end = 0, text.count("\n") + 1
    while line < end and text_at(state, line).startswith("[") and not text_at(state, line).startswith("[^"):
        if not reference(state, line, end, False):
            break
        line = state.line
    found: Mapping[str, Mapping[str, Any]] = env.get("references", {})
    if not found:
        return text
    links.labels = {**found, **links.labels}
    return "\n".join(text.split("\n")[line:])


def text_at(state: Any, line: int) -> str:
    """A line of the text that markdown-it reads, without its indentation."""
    return state.src[state.bMarks[line] + state.tShift[line] : state.eMarks[line]]
