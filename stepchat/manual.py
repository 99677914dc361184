"""The manual: its topics, and their text as the program shows it. Pages are in `docs/`, `cli/help.py` prints them, `/help` opens them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

DOCS: Final = Path(__file__).parent / "docs"
_KEY: Final = re.compile(r'<kbd(?: title="(?P<id>[^"]*)")?>(?P<label>[^<]*)</kbd>')
_COMMENT: Final = re.compile(r"^<!--.*?-->\n*", re.MULTILINE | re.DOTALL)
_LINK: Final = re.compile(r"\[(?P<text>[^]]+)\]\((?!https?:)(?P<address>[^)]*)\)")
"""A link to another page or to a file of the repository."""


class Topic(NamedTuple):
    """A page of the manual and what it is about."""

    name: str
    about: str


TOPICS: Final = (
    Topic("keys", "Every key, and how to change it"),
    Topic("commands", "Every slash command"),
    Topic("sessions", "Saving, resuming, branching, searching, export, import"),
    Topic("models", "Choosing a model; context windows and costs"),
    Topic("parameters", "Every request parameter, and where to set it"),
    Topic("config", "config.toml, themes, environment variables, files"),
    Topic("reasoning", "The panel, effort, and how reasoning goes back to the model"),
    Topic("tools", "Tool definitions and tool calls"),
    Topic("shell", "One-shot questions, pipes, options, exit codes, completion"),
    Topic("json", "What --json prints, and the export formats"),
    Topic("servers", "OpenRouter, local servers, API keys, the demo server"),
    Topic("troubleshooting", "When something goes wrong"),
    Topic("protocol", "What is sent and how responses are read"),
    Topic("performance", "Measurements, and how to repeat them"),
    Topic("architecture", "How the code is organised, and how to add to it"),
)


def find_topic(name: str) -> Topic | None:
    return next((topic for topic in TOPICS if topic.name == name), None)


def read_topic(
    topic: Topic, help_command: str = "/help", key: Callable[[str, str], str] = lambda _id, default: default
) -> str:
    """The page as Markdown, with other pages named as arguments of `help_command`.

    `key` gets a key id and its default label and returns the label in force.
    """
    from html import unescape

    def key_shown(found: re.Match[str]) -> str:
        label = unescape(found["label"])
        return f"`{key(found['id'], label) if found['id'] else label}`"

    def link_shown(found: re.Match[str]) -> str:
        name = found["address"].partition("#")[0].removesuffix(".md")
        if not find_topic(name):
            return found["text"]
        page = f"`{help_command} {name}`"
        return page if found["text"] == name else f"{found['text']} ({page})"

    text = (DOCS / f"{topic.name}.md").read_text("utf-8")
    return _KEY.sub(key_shown, _LINK.sub(link_shown, _COMMENT.sub("", text)))


def outline(topics: Sequence[Topic] = TOPICS) -> str:
    """The topics, one a line."""
    width = max(len(topic.name) for topic in topics)
    return "\n".join(f"{topic.name:<{width}}  {topic.about}" for topic in topics)
