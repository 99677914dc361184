"""`stepchat help [TOPIC]`: the manual, paged on a terminal and as Markdown otherwise."""

from __future__ import annotations

import re
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import click

from stepchat.cli.context import HELP, Invocation, pass_invocation
from stepchat.manual import TOPICS, find_topic, outline, read_topic, unwrap

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_COMMAND: Final = "stepchat help"
_NOT_SET: Final = "not set"


def asks_for_manual(words: Sequence[str]) -> bool:
    """Whether `stepchat help WORDS` means the manual: no topic, one topic, or an option. Anything else is a question."""
    return not words or (len(words) == 1 and (find_topic(words[0]) is not None or words[0].startswith("-")))


@click.command(context_settings=HELP)
@click.argument("topic", required=False, type=click.Choice([topic.name for topic in TOPICS]))
@pass_invocation
def help(invocation: Invocation, topic: str | None) -> int:  # noqa: A001 - the name of the command
    """Show a page of the manual; without a topic, list the topics."""
    found = find_topic(topic) if topic else None
    if found is None:
        click.echo(f"The manual. Open a page with: stepchat help TOPIC\n\n{outline()}")
    else:
        text = read_topic(found, _COMMAND, _keys_in_force(invocation))
        invocation.output.write_markdown(unwrap(text) if sys.stdout.isatty() else text)
    return 0


def _keys_in_force(invocation: Invocation) -> Callable[[str, Sequence[str]], Sequence[str]]:
    """The current keys of an id: those in [keys] of config.toml, otherwise the default. A broken file counts as empty."""
    from stepchat.errors import StepchatError
    from stepchat.tui.keymap import CHAT, DEFAULT_LEADER, KeyRow, build_keymap, key_label

    overrides: Mapping[str, Any] = {}
    with suppress(StepchatError):
        overrides = invocation.config.keys
    leader = build_keymap((), overrides).leader
    prefix = key_label(DEFAULT_LEADER) + " "

    def keys(name: str, default: Sequence[str]) -> Sequence[str]:
        context, _, identity = name.rpartition(".")
        # The tables of commands need Textual, but one row is enough to read the setting of one id.
        row = KeyRow(identity, context or CHAT, (_NOT_SET,), "")
        keymap = build_keymap([row], overrides)
        if keymap.keys(name) != (_NOT_SET,):
            return keymap.labels(name)
        if not leader:
            return [label for label in default if not label.startswith(prefix)]
        return [re.sub(f"^{re.escape(prefix)}", f"{key_label(leader)} ", label) for label in default]

    return keys
