from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepchat.__main__ import _opens_window
from stepchat.cli.main import COMMANDS, chat
from stepchat.cli.options import OPTIONS
from stepchat.cli.parameters import all_flags

if TYPE_CHECKING:
    from collections.abc import Iterator


ONE_SHOT = {row.parameter for row in OPTIONS if row.windowless}


def means_the_window(arguments: list[str]) -> bool | None:
    """What click makes of these arguments; None when it refuses them."""
    if arguments and arguments[0] in COMMANDS:
        return False
    try:
        context = chat.make_context("stepchat", [*arguments])
    except (click.ClickException, click.exceptions.Exit):
        return None
    given = context.params
    return not (given["question"] or any(given[name] not in {None, False, ()} for name in ONE_SHOT))


VALUES = {"--set": "top_k=1"}
FLAGS = all_flags()


def spellings() -> Iterator[tuple[list[str], bool]]:
    """Every option in every form, and whether the window opens with it."""
    context = chat.make_context("stepchat", [], resilient_parsing=True)
    for option in [*chat.get_params(context), *FLAGS]:
        if not isinstance(option, click.Option):
            continue
        for name in (*option.opts, *option.secondary_opts):
            # Help and version, which are no values, end the program.
            window = option.expose_value and option.name not in ONE_SHOT
            value = VALUES.get(name, "x")
            if option.is_flag:
                yield [name], window
                continue
            yield [name, value], window
            if name.startswith("--"):
                yield [f"{name}={value}"], window
                yield [f"{name}="], window
    yield ["--resume"], True


SPELLINGS = list(spellings())
ONE_KIND = {kind: [option for option in FLAGS if option.is_flag is kind] for kind in (False, True)}


def test_every_option_is_spelled_here():
    options = [*(option for option in chat.params if isinstance(option, click.Option)), *FLAGS]
    names = {name for option in options for name in (*option.opts, *option.secondary_opts)}
    assert names == {arguments[0].partition("=")[0] for arguments, _ in SPELLINGS} - {"-h", "--help"}
    assert {"-c", "-m", "-p", "--resume", "--set", "--temperature", "--no-logprobs"} <= names


@pytest.mark.parametrize(("arguments", "window"), SPELLINGS, ids=str)
def test_main_knows_every_option(arguments, window):
    assert _opens_window(arguments) is window
    assert means_the_window(arguments) in {window, None}


def test_main_knows_every_pair_of_options():
    # Parameters are alike: one of each kind stands for the others.
    alike = {
        name
        for option in [*ONE_KIND[False][1:], *ONE_KIND[True][1:]]
        for name in (*option.opts, *option.secondary_opts)
    }
    some = [pair for pair in SPELLINGS if pair[0][0].partition("=")[0] not in alike]
    for (first, one), (second, other) in permutations(some, 2):
        if first == ["--resume"]:
            # Whether the next word is its value is in doubt.
            continue
        assert _opens_window([*first, *second]) == (one and other)
        assert means_the_window([*first, *second]) in {one and other, None}
    assert _opens_window([])


words = st.sampled_from(
    [part for arguments, _ in SPELLINGS for part in arguments]
    + ["", "-", "--", "x", "sessions", "-cp", "-mx", "-m=x", "-x"]
)


@given(st.lists(words, max_size=5))
def test_main_never_paints_the_window_for_something_else(arguments: list[str]):
    if _opens_window(arguments):
        assert means_the_window(arguments) is not False


def test_questions_and_commands_are_not_the_window():
    for arguments in (
        ["hello"],
        ["sessions", "list"],
        ["demo-server"],
        ["--demo", "hello"],
        ["--resume", "x", "hello"],
    ):
        assert not _opens_window(arguments)


def test_value_that_looks_like_an_option():
    arguments = ["--model", "--demo", "--system", "-p"]
    assert _opens_window(arguments)
    assert means_the_window(arguments)
