"""The topics of the manual, and their text as the program shows it. The pages are in `docs/`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

DOCS: Final = Path(__file__).parent / "docs"
_KEYS: Final = re.compile(
    r"<!-- all (?P<none>[a-z0-9.-]+) -->"
    r'|<kbd title="all (?P<all>[a-z0-9.-]+)">[^<]*</kbd>(?:, <kbd title="all (?P=all)">[^<]*</kbd>)*'
    r'|<kbd(?: title="(?P<one>[a-z0-9.-]+)")?>[^<]*</kbd>'
)
"""The keys of an action in a table, or one key in a sentence."""
_OWN_LINE: Final = ("#", "|", "```")
_STARTS_BLOCK: Final = re.compile(r"#|\||```|\s*(?:[-*]|\d+\.) ")
_LABEL: Final = re.compile(r">([^<]+)</kbd>")
_COMMENT: Final = re.compile(r"^<!--.*?-->\n*", re.MULTILINE | re.DOTALL)
_LINK: Final = re.compile(r"\[(?P<text>[^]]+)\]\((?!https?:)(?P<address>[^)]*)\)")
"""A link to another page or to a file of the repository."""


class Topic(NamedTuple):
    """A page of the manual and its subject."""

    name: str
    about: str


TOPICS: Final = (
    Topic("keys", "Every key, and how to change it"),
    Topic("commands", "Every slash command"),
    Topic("sessions", "Saving, resuming, branching, searching, export, import"),
    Topic("models", "Choosing a model; context windows and costs"),
    Topic("parameters", "Every request parameter, and where to set it"),
    Topic("prompts", "The prompt library: your own commands and personas"),
    Topic("config", "config.toml, themes, environment variables, files"),
    Topic("reasoning", "The panel, effort, and how reasoning goes back to the model"),
    Topic("tools", "Tool definitions and tool calls"),
    Topic("mcp", "MCP servers, whose tools the model may call"),
    Topic("files", "Attaching text, images, PDFs and audio"),
    Topic("structured", "Answers in JSON by a schema, and one value of them"),
    Topic("shell", "One-shot questions, pipes, options, exit codes, completion"),
    Topic("linear", "Plain appended lines instead of the window, for screen readers"),
    Topic("json", "What --json prints, and the export formats"),
    Topic("servers", "OpenRouter, local servers, API keys, the demo server"),
    Topic("troubleshooting", "When something goes wrong"),
    Topic("protocol", "What is sent and how responses are read"),
    Topic("performance", "Measurements, and how to repeat them"),
    Topic("architecture", "How the code is organised, and how to add to it"),
)


def find_topic(name: str) -> Topic | None:
    return next((topic for topic in TOPICS if topic.name == name), None)


def default_keys(_id: str, default: Sequence[str]) -> Sequence[str]:
    return default


def read_topic(
    topic: Topic, help_command: str = "/help", keys: Callable[[str, Sequence[str]], Sequence[str]] = default_keys
) -> str:
    """The page as Markdown, with other pages named as arguments of `help_command`.

    `keys` gets a key id and its default labels and returns the labels in force.
    """
    from html import unescape

    def keys_shown(found: re.Match[str]) -> str:
        default = [unescape(label) for label in _LABEL.findall(found[0])]
        if found["one"]:
            # A slash command stands for a key that does not exist.
            given = () if len(default[0]) > 1 and default[0].startswith("/") else default
            shown = [*keys(found["one"], given), f"/{found['one'].rpartition('.')[2]}"][:1]
        else:
            name = found["all"] or found["none"]
            shown = keys(name, default) if name else default
        return ", ".join(f"`{label}`" for label in shown)

    def link_shown(found: re.Match[str]) -> str:
        name = found["address"].partition("#")[0].removesuffix(".md")
        if not find_topic(name):
            return found["text"]
        page = f"`{help_command} {name}`"
        return page if found["text"] == name else f"{found['text']} ({page})"

    text = (DOCS / f"{topic.name}.md").read_text("utf-8")
    return _KEYS.sub(keys_shown, _LINK.sub(link_shown, _COMMENT.sub("", text)))


def unwrap(markdown: str) -> str:
    """The page with each paragraph and list item on one line, for the transcript, which keeps line breaks."""
    lines: list[str] = []
    in_code = False
    for line in markdown.split("\n"):
        is_fence = line.startswith("```")
        continues = lines and lines[-1] and not lines[-1].startswith(_OWN_LINE) and not in_code
        if continues and line.strip() and not _STARTS_BLOCK.match(line):
            lines[-1] += " " + line.strip()
        else:
            lines.append(line)
        in_code ^= is_fence
    return "\n".join(lines)


def outline(topics: Sequence[Topic] = TOPICS) -> str:
    """The topics, one per line."""
    width = max(len(topic.name) for topic in topics)
    return "\n".join(f"{topic.name:<{width}}  {topic.about}" for topic in topics)
