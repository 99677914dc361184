"""Turns HTML (stdin) into Markdown (stdout), as a separate program, because hostile HTML may need any time and memory."""

from __future__ import annotations

import sys
from typing import Any, Final

_NOT_TEXT: Final = (
    "script",
    "style",
    "noscript",
    "template",
    "svg",
    "iframe",
    "form",
    "button",
    "nav",
    "footer",
    "aside",
)


def to_markdown(html: str) -> str:
    """The title and the readable part of a page."""
    from bs4 import BeautifulSoup
    from markdownify import MarkdownConverter

    page: Any = BeautifulSoup(html, "html.parser")
    title = page.title.get_text(" ", strip=True) if page.title else ""
    for element in page.find_all(_NOT_TEXT):
        element.decompose()
    main: Any = page.find("main") or page.find("article") or page.body or page
    converter: Any = MarkdownConverter(heading_style="ATX", strip=["img"], bullets="-")
    text: str = converter.convert_soup(main)
    lines = [line.rstrip() for line in text.splitlines()]
    kept = [line for at, line in enumerate(lines) if line or (at and lines[at - 1])]
    body = "\n".join(kept).strip()
    return body if not title or body.startswith(f"# {title}") else f"# {title}\n\n{body}".strip()


def main() -> None:
    """Convert stdin."""
    sys.setrecursionlimit(5_000)
    html = sys.stdin.buffer.read().decode("utf-8", "replace")
    sys.stdout.buffer.write(to_markdown(html).encode("utf-8", "replace"))
