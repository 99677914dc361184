"""A session as one HTML file: no scripts, nothing loaded, light or dark like the reader's system.

All text is escaped; only Markdown's own markup becomes HTML, and links lead only to http, https and mailto.
"""

from __future__ import annotations

import re
from functools import cache
from html import escape
from typing import TYPE_CHECKING, Any, Final

from stepchat.attachments.content import data_url
from stepchat.messages import AssistantMessage, ToolMessage, UserMessage
from stepchat.sessions.export import captions
from stepchat.text.sanitize import sanitize_for_export

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import tzinfo

    from markdown_it import MarkdownIt
    from markdown_it.token import Token

    from stepchat.messages import Attachment, Message
    from stepchat.sessions.records import SessionContent

_SAFE_LINK: Final = re.compile(r"(?:https?://|mailto:)[^\s\x00-\x20]+", re.IGNORECASE)

_IMAGE_TYPE: Final = re.compile(r"image/(?:png|jpeg|gif|webp)")
_STYLE: Final = """
:root { color-scheme: light dark; --paper: #ffffff; --ink: #1f2328; --dim: #5f6671; --line: #d7dbe0; --soft: #f4f5f7;
  --link: #0b57d0; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #16181c; --ink: #e3e5e8; --dim: #9aa2ad; --line: #363b43; --soft: #20242a; --link: #8ab4f8; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1rem 4rem; max-width: 46rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.6 system-ui, sans-serif; overflow-wrap: anywhere; }
article + article { margin-top: 4rem; border-top: 1px solid var(--line); padding-top: 2rem; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0; }
section { margin-top: 2rem; }
section h1 { font-size: 1.35rem; margin: 1.2em 0 .5em; }
section h2 { font-size: 1.2rem; margin: 1.2em 0 .5em; }
section h3 { font-size: 1.05rem; margin: 1.2em 0 .5em; }
section > h2:first-child { font-size: .85rem; color: var(--dim); margin: 0 0 .4rem; font-weight: 600; }
.facts, .note { color: var(--dim); font-size: .85rem; }
.plain { white-space: pre-wrap; }
/* Each block takes the direction of its own text, and cannot turn the text around it. */
.plain, pre, section :is(h1, h2, h3, h4, h5, h6, p, li, th, td), header h1 { unicode-bidi: plaintext; }
code, bdi, a { unicode-bidi: isolate; }
.user .plain { background: var(--soft); border-radius: .5rem; padding: .7rem 1rem; }
details { border-left: 3px solid var(--line); padding-left: 1rem; color: var(--dim); margin-bottom: 1rem; }
summary { cursor: pointer; }
a { color: var(--link); }
pre { background: var(--soft); padding: .8rem 1rem; border-radius: .5rem; overflow-x: auto; white-space: pre; }
code { font-family: ui-monospace, monospace; font-size: .9em; }
:not(pre) > code { background: var(--soft); padding: .1em .3em; border-radius: .25rem; }
table { border-collapse: collapse; display: block; overflow-x: auto; margin: 1rem 0; }
figure { margin: 1rem 0; }
img { max-width: 100%; height: auto; }
hr { border: 0; border-top: 1px solid var(--line); margin: 1.5rem 0; }
th, td { border: 1px solid var(--line); padding: .3rem .6rem; }
blockquote { margin-left: 0; padding-left: 1rem; border-left: 3px solid var(--line); color: var(--dim); }
@media print { details { border-left-color: #999; } pre { white-space: pre-wrap; } }
"""


def head(title: str) -> str:
    """The beginning of the file. Its policy forbids a browser to load or run anything, whatever follows."""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{_text(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
    )


def html(content: SessionContent, zone: tzinfo | None = None) -> str:
    """One session as an article for the body."""
    facts = _facts(captions.session_line(content, zone))
    parts = [f"<article>\n<header>\n<h1>{_text(captions.title(content))}</h1>", facts, "</header>"]
    if content.session.system:
        parts += _section("system", "System prompt", [_plain(content.session.system)])
    for stored in content.messages:
        kind = type(stored.message).__name__.removesuffix("Message").lower()
        parts += _section(kind, captions.speaker(stored.message), _message(stored.message, content.files))
    parts += [_note("note", captions.missing_note(content)), "</article>\n"]
    return "\n".join(part for part in parts if part)


def _section(kind: str, name: str, body: Iterator[str] | list[str]) -> list[str]:
    return [f'<section class="{kind}">\n<h2><bdi>{_text(name)}</bdi></h2>', *body, "</section>"]


def _message(message: Message, files: Mapping[str, bytes]) -> Iterator[str]:
    match message:
        case UserMessage():
            yield _plain(message.text)
            for attachment in message.attachments:
                yield _attachment(attachment, files.get(attachment.digest))
        case ToolMessage():
            yield _code(message.text)
        case AssistantMessage():
            if message.reasoning:
                yield f"<details>\n<summary>{_text(captions.reasoning_line(message))}</summary>"
                yield f"{_plain(message.reasoning)}\n</details>"
            yield _rendered(message.text or message.refusal)
            for call in message.tool_calls:
                yield f"<p>Calls <bdi>{_text(call.name)}</bdi>:</p>\n{_code(call.arguments)}"
            yield _note("note", captions.ending(message))
            yield _facts(captions.footer(message))


def _attachment(attachment: Attachment, content: bytes | None) -> str:
    line = f"<bdi>{_text(captions.attachment_line(attachment))}</bdi>"
    if content is None:
        return f'<p class="facts">{line} · missing</p>'
    if attachment.kind == "text":
        return f"<details>\n<summary>{line}</summary>\n{_code(content.decode('utf-8', 'replace'))}\n</details>"
    url = escape(data_url(attachment, content))
    if attachment.kind == "image" and _IMAGE_TYPE.fullmatch(attachment.media_type):
        return f'<figure><img src="{url}" alt="{_text(attachment.name)}"><figcaption class="facts">{line}</figcaption></figure>'
    return f'<p class="facts"><a download="{_text(attachment.name)}" href="{url}">{line}</a></p>'


def _text(text: str) -> str:
    return escape(sanitize_for_export(text))


def _plain(text: str) -> str:
    return f'<div class="plain">{_text(text)}</div>'


def _code(text: str) -> str:
    return f"<pre><code>{_text(text)}</code></pre>"


def _note(kind: str, text: str) -> str:
    return f'<p class="{kind}">{_text(text)}</p>' if text else ""


def _facts(facts: Sequence[str]) -> str:
    return f'<p class="facts">{" · ".join(f"<bdi>{_text(fact)}</bdi>" for fact in facts)}</p>' if facts else ""


def _rendered(text: str) -> str:
    # Sanitized again, because Markdown has entities such as `&#x202e;`.
    return sanitize_for_export(str(_parser().render(sanitize_for_export(text)))).strip() if text else ""


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    parser.validateLink = _is_safe
    parser.add_render_rule("image", _image)
    return parser


def _is_safe(url: str) -> bool:
    return _SAFE_LINK.fullmatch(url) is not None


def _image(_: Any, tokens: Sequence[Token], number: int, *__: Any) -> str:
    """A link instead of an image: opening the file must not notify anyone."""
    token = tokens[number]
    return f'<a href="{escape(str(token.attrs.get("src", "")))}">{escape(token.content or "image")}</a>'
