"""Shell completion: `stepchat completion SHELL`, the scripts, and the values of options. Click completes the names."""

from __future__ import annotations

import os
import re
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import click

from stepchat.cli.context import HELP, Invocation, pass_invocation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from click.shell_completion import CompletionItem

    from stepchat.config.paths import Paths

COMPLETION_VARIABLE: Final = "_STEPCHAT_COMPLETE"
"""Set by the completion scripts."""
_LIMIT: Final = 100
_SHELLS: Final = ("bash", "zsh", "fish")

_BASH: Final = r"""_stepchat_completion() {
    local IFS=$'\n' line
    COMPREPLY=()
    while read -r line; do
        case $line in
            file,*) compopt -o default 2>/dev/null ;;
            dir,*) compopt -o dirnames 2>/dev/null ;;
            plain,*) COMPREPLY+=("${line#plain,}") ;;
        esac
    done < <(_STEPCHAT_COMPLETE=bash_complete COMP_WORDS="${COMP_LINE:0:COMP_POINT}" "$1" 2>/dev/null)
    [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]] && compopt -o nospace 2>/dev/null
    return 0
}
complete -F _stepchat_completion stepchat
"""
_ZSH: Final = r"""#compdef stepchat

_stepchat_completion() {
    local -a plain described response
    local type key descr
    (( ! $+commands[stepchat] )) && return 1
    response=("${(@f)$(_STEPCHAT_COMPLETE=zsh_complete COMP_WORDS="${words[*]}" COMP_CWORD=$((CURRENT-1)) \
        stepchat 2>/dev/null)}")
    for type key descr in ${response}; do
        case $type in
            file) _path_files -f ;;
            dir) _path_files -/ ;;
            plain)
                if [[ $key == *= ]]; then
                    compadd -U -S '' -- "$key"
                elif [[ $descr == "_" ]]; then
                    plain+=("$key")
                else
                    described+=("$key":"$descr")
                fi ;;
        esac
    done
    [ -n "$described" ] && _describe -V unsorted described -U
    [ -n "$plain" ] && compadd -U -V unsorted -a plain
}

if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    _stepchat_completion "$@"
else
    compdef _stepchat_completion stepchat
fi
"""
_FISH: Final = r"""function _stepchat_completion
    set -l words (commandline -cp)
    set -l word (commandline -t)
    for line in (_STEPCHAT_COMPLETE=fish_complete COMP_WORDS="$words" COMP_CWORD="$word" stepchat 2>/dev/null)
        set -l parts (string split -m 1 , -- $line)
        switch $parts[1]
            case dir
                __fish_complete_directories $parts[2]
            case file
                __fish_complete_path $parts[2]
            case '*'
                echo $parts[2]
        end
    end
end
complete --no-files --command stepchat --arguments "(_stepchat_completion)"
"""
_SCRIPTS: Final = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}


@click.command(context_settings=HELP)
@click.argument("shell", type=click.Choice(_SHELLS))
@click.option("--install", is_flag=True, help="Write the script where the shell looks for it.")
@pass_invocation
def completion(invocation: Invocation, shell: str, *, install: bool) -> int:
    """Print the script that completes commands, options and their values with Tab; or install it."""
    output = invocation.output
    if not install:
        output.write(_SCRIPTS[shell])
        return 0
    from stepchat.cli.output import replace_file

    path = _script_path(shell, invocation)
    replace_file(path, _SCRIPTS[shell])
    output.write_line(f"{path}: written. It works in new shells.")
    if shell == "zsh":
        output.print_notice(f'Put this line before compinit in ~/.zshrc: fpath=("{path.parent}" $fpath)')
    elif shell == "bash":
        output.print_notice(
            "It needs the package bash-completion. Without it, put this line into ~/.bashrc instead: "
            'eval "$(stepchat completion bash)"'
        )
    return 0


def _script_path(shell: str, invocation: Invocation) -> Path:
    home = Path.home()
    data = Path(invocation.environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    config = Path(invocation.environ.get("XDG_CONFIG_HOME") or home / ".config")
    return {
        "bash": data / "bash-completion" / "completions" / "stepchat",
        "zsh": data / "zsh" / "site-functions" / "_stepchat",
        "fish": config / "fish" / "completions" / "stepchat.fish",
    }[shell]


# ---- values


class SessionParameter(click.ParamType):  # pyright: ignore[reportMissingTypeArgument] - generic in newer versions only
    """Text that names a session."""

    name = "session"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG002 - click's signature
        """The newest sessions whose ID begins like this; none if they cannot be read."""
        import sqlite3

        from stepchat.config.paths import find_paths
        from stepchat.errors import StepchatError

        try:
            return _session_ids(find_paths(os.environ), incomplete.lower())
        except (StepchatError, sqlite3.Error):
            return []


def _session_ids(paths: Paths, beginning: str) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem

    from stepchat.config.paths import path_exists
    from stepchat.sessions import database, reading
    from stepchat.text.sanitize import sanitize

    if not path_exists(paths.database):
        return []
    with closing(database.connect_for_reading(paths.database)) as connection:
        rows = reading.sessions(connection, -1, 0, reading.SessionFilter(archived=None))
    found = [row for row in rows if row.id.startswith(beginning)][:_LIMIT]
    return [CompletionItem(row.id, help=sanitize(row.title, keep_newlines=False)) for row in found]


def complete_value(parameter: str) -> Callable[..., list[CompletionItem]] | None:
    """What completes the values of an option of `stepchat`, for click; None if nothing does."""
    values = _VALUES.get(parameter)
    if values is None:
        return None

    def complete(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        from stepchat.errors import StepchatError
        from stepchat.text.sanitize import sanitize_line

        try:
            found = list(values(Invocation(os.environ), ctx.params, incomplete))
        except StepchatError:
            return []
        shown = [(sanitize_line(value), sanitize_line(text)) for value, text in found]
        return [CompletionItem(value, help=text or None) for value, text in shown if value.startswith(incomplete)][
            :_LIMIT
        ]

    return complete


def complete_file(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem

    return [CompletionItem(incomplete, type="file")]


_Values: TypeAlias = "Iterable[tuple[str, str]]"
"""Values, each with a few words about it."""


def _models(invocation: Invocation, given: dict[str, Any], _incomplete: str) -> _Values:
    """From the list on disk: a Tab asks no server."""
    from stepchat.catalogue.models import format_context_length

    server = "demo" if given.get("demo") else given.get("server")
    with invocation.connected(given.get("base_url"), server) as connection:
        connection.catalogue.read()
        if server == "demo":
            connection.catalogue.refresh()
        for model in connection.catalogue.models:
            yield model.id, f"{model.name}, {format_context_length(model.context_length)}"


def _servers(invocation: Invocation, _given: dict[str, Any], _incomplete: str) -> _Values:
    from stepchat.chat.connection import DEMO, known_servers

    yield from ((server.name, server.base_url) for server in known_servers(invocation.config))
    yield DEMO, "inside stepchat, without a key"


def _profiles(invocation: Invocation, _given: dict[str, Any], _incomplete: str) -> _Values:
    return [(table.name, str(table.values.get("model", ""))) for table in invocation.config.profiles]


def _presets(invocation: Invocation, _given: dict[str, Any], _incomplete: str) -> _Values:
    from stepchat.chat.presets import read_presets_or_empty
    from stepchat.config.paths import path_exists

    async def read() -> list[str]:
        store = invocation.open_store_for_reading()
        try:
            return list(await read_presets_or_empty(store))
        finally:
            await store.close()

    # Completion must not create a database.
    import asyncio

    return [(name, "") for name in asyncio.run(read())] if path_exists(invocation.paths.database) else []


def _settings(_invocation: Invocation, _given: dict[str, Any], incomplete: str) -> _Values:
    from stepchat.parameters.table import PARAMETERS

    name, equals, _ = incomplete.partition("=")
    for row in PARAMETERS:
        if not equals:
            yield f"{row.name}=", row.help
        elif row.name == name:
            choices = ("true", "false") if row.kind == "bool" else row.choices
            yield from ((f"{name}={choice}", "") for choice in choices)


def _prompts(invocation: Invocation, _given: dict[str, Any], _incomplete: str) -> _Values:
    from stepchat.prompts.library import list_descriptions

    return list_descriptions(invocation.paths.prompts)


def _mcp_servers(invocation: Invocation, _given: dict[str, Any], _incomplete: str) -> _Values:
    return [(table.name, table.values.get("url") or table.values.get("command", "")) for table in invocation.config.mcp]


_VALUES: Final[dict[str, Callable[[Invocation, dict[str, Any], str], _Values]]] = {
    "model": _models,
    "server": _servers,
    "profile": _profiles,
    "preset": _presets,
    "prompt": _prompts,
    "mcp": _mcp_servers,
    "settings": _settings,
    "once": _settings,
}
"""By the name of the option in Python."""


server_option = click.option(
    "--server", help="The server, by name; OpenRouter by default.", shell_complete=complete_value("server")
)


# ---- the shells


def answer_shell(cli: click.Command) -> None:
    """Answer a shell that asks for completions, and exit."""
    from click.shell_completion import BashComplete, FishComplete, ZshComplete, add_completion_class, split_arg_string

    class Bash(BashComplete):
        """Without `source`: the script is in this module."""

        def get_completion_args(self) -> tuple[list[str], str]:
            line = os.environ.get("COMP_WORDS", "")
            words = split_arg_string(line)
            incomplete = words.pop() if words and not line[-1:].isspace() else ""
            return words[1:], incomplete

        def format_completion(self, item: CompletionItem) -> str:
            # Bash replaces the part after the last of these characters.
            _, incomplete = self.get_completion_args()
            start = max(incomplete.rfind(mark) for mark in "=:") + 1
            return f"{item.type},{item.value.removeprefix(incomplete[:start])}"

    class Zsh(ZshComplete):
        def format_completion(self, item: CompletionItem) -> str:
            # _describe splits at the first colon that is not escaped.
            text = _one_line(item.help)
            value = item.value.replace(":", r"\:") if text and not item.value.endswith("=") else item.value
            return f"{item.type}\n{value}\n{text or '_'}"

    class Fish(FishComplete):
        def format_completion(self, item: CompletionItem) -> str:
            text = _one_line(item.help)
            return f"{item.type},{item.value}\t{text}" if text else f"{item.type},{item.value}"

    for complete in (Bash, Zsh, Fish):
        add_completion_class(complete, complete.name)
    cli.main([], "stepchat", complete_var=COMPLETION_VARIABLE)


def _one_line(text: str | None) -> str:
    return re.sub(r"\s+", " ", text or "").strip()
