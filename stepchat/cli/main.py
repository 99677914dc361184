"""The command line's entry: finds the command, runs it, and turns errors into exit codes.

A command's module is imported when it is called: `--help` needs none, and the window must not wait for them.
"""

from __future__ import annotations

import io
import os
import sys
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from stepchat import __version__
from stepchat.cli.completion import COMPLETION_VARIABLE, SessionParameter, answer_shell, complete_file, complete_value
from stepchat.cli.context import HELP, Invocation, pass_invocation, reject_two_servers
from stepchat.cli.options import OPTIONAL_VALUE, OPTIONS, REPEATED, SWITCH, VALUE, OptionRow, leading_options
from stepchat.cli.parameters import ParameterCommand, settings_from_flags
from stepchat.errors import AmbiguousSessionError, SessionNotFoundError, StepchatError, UsageError, shortage

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from stepchat.chat.workspace import StartOptions, Workspace
    from stepchat.cli.ask import JsonOutput
    from stepchat.first_frame.frame import FirstFrame
    from stepchat.prompts.library import Prompt
    from stepchat.sessions.records import Session
    from stepchat.sessions.store import SessionStore


class Row(NamedTuple):
    """A command: its name, where it is defined, and its line in the help (none if another row mentions it)."""

    name: str
    module: str
    usage: str = ""
    help: str = ""


COMMANDS = {
    row.name: row
    for row in (
        Row("ask", "main", "ask WORDS", "ask a question, whatever its first word is"),
        Row("sessions", "sessions", "sessions --help", "list, search, show, rename, delete, export, import"),
        Row("models", "models", "models [WORDS]", "a server's models, with prices and capabilities"),
        Row("servers", "models", "servers", "the names for --server, and which are running"),
        Row("parameters", "parameters", "parameters [WORDS]", "request parameters: --set, --temperature 0.5"),
        Row("prompts", "prompts", "prompts --help", "the prompt library: list, show, edit, new"),
        Row("mcp", "mcp", "mcp --help", "MCP servers, whose tools a model may call: list, check"),
        Row("usage", "usage", "usage", "tokens and cost, by model and day"),
        Row("login", "login", "login, logout", "get a key in the browser and store it; remove it"),
        Row("logout", "login"),
        Row("doctor", "doctor", "doctor", "check the setup and suggest fixes"),
        Row("config", "config", "config --help", "the settings file: edit, check, show, init"),
        Row("themes", "config", "themes", "the available themes"),
        Row("demo-server", "demo_server", "demo-server --port N", "the demo server alone, for any client"),
        Row("completion", "completion", "completion SHELL", "the completion script for bash, zsh or fish"),
        Row("man", "man", "man", "the man page"),
        Row("help", "help", "help [TOPIC]", "the manual"),
    )
}  # fmt: skip
"""Add a command here. A question that begins with one of these words is asked with `stepchat ask`, -p or after --."""


_LONGEST_TIMEOUT = 1e6


def load_command(name: str) -> click.Command:
    """Import the command of a row."""
    from importlib import import_module

    command: click.Command = getattr(import_module(f"stepchat.cli.{COMMANDS[name].module}"), name.replace("-", "_"))
    return command


class Call(NamedTuple):
    """A command and its arguments."""

    name: str
    arguments: list[str]


def find_call(arguments: Sequence[str]) -> Call | None:
    """The command that the arguments call; None if they are options or a question. Raises UsageError.

    Options may precede the name of a command; with one of one-shot mode or of a session, the words are a question.
    """
    count = leading_options(arguments)
    if count is None or count == len(arguments) or arguments[count] not in COMMANDS:
        return None
    name, options, rest = arguments[count], arguments[:count], arguments[count + 1 :]
    if name == "help":
        from stepchat.cli.help import asks_for_manual

        if not asks_for_manual(rest):
            return None
    if name == "ask":
        return Call(name, ["-p", *options, *rest])
    return Call(name, [*_options_for(name, options), *rest])


def _options_for(name: str, options: Sequence[str]) -> list[str]:
    """The options before the name of a command, as its own. Raises UsageError for one that it does not have."""
    if not options:
        return []
    own = {spelling for param in load_command(name).params for spelling in param.opts}
    found: list[str] = []
    for option in options:
        spelling = option.partition("=")[0]
        if option == "--demo" and "--server" in own:
            found += ["--server", "demo"]
        elif not spelling.startswith("-") or spelling in own:
            found.append(option)
        else:
            raise UsageError(f"`stepchat {name}` has no option {spelling}.", f"See: stepchat {name} --help")
    return found


def _epilog() -> str:
    commands = "\n".join(f"  {row.usage:22}{row.help}" for row in COMMANDS.values() if row.usage)
    return f"""\b
Commands (stepchat COMMAND --help):
{commands}

\b
Exit codes of one-shot mode:
  0 answered    1 failed, truncated, timed out or no answer    2 wrong usage
  3 no key or key rejected    4 not what response_format asked for
  130 stopped

\b
Environment: OPENROUTER_API_KEY, STEPCHAT_BASE_URL, STEPCHAT_MODEL,
  STEPCHAT_HOME
"""


def run(arguments: Sequence[str], frame: FirstFrame | None) -> int:
    """Run one command line; returns the exit code."""
    _open_missing_streams()
    invocation = Invocation(os.environ, frame, is_question="--" in arguments)
    if COMPLETION_VARIABLE in os.environ:
        _complete()
    try:
        call = find_call(arguments)
        if call is not None and call.name != "ask":
            command, title = load_command(call.name), f"stepchat {call.name}"
        else:
            command, title = chat, "stepchat"
        rest = arguments if call is None else call.arguments
        code: int = command.main([*rest], title, standalone_mode=False, obj=invocation) or 0
        sys.stdout.flush()
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.Abort:
        return 130
    except click.ClickException as error:
        from stepchat.text.sanitize import sanitize

        invocation.restore_terminal()
        words = io.StringIO()
        error.show(words)
        sys.stderr.write(sanitize(words.getvalue()))
        if not isinstance(error, click.UsageError) or error.ctx is None:
            print("Try 'stepchat --help'.", file=sys.stderr)
        return error.exit_code
    except Exception as error:
        invocation.restore_terminal()
        from stepchat.cli.output import report_failure

        failure = report_failure(error, invocation.output)
        if failure is None and shortage(error):
            raise
        return _report_crash(invocation, error) if failure is None else failure
    else:
        return code
    finally:
        invocation.restore_terminal()


def _open_missing_streams() -> None:
    """Replace streams that the caller has closed (`<&-`), whose numbers would otherwise be reused for files.

    The replacement of stdout is read-only, so that writing to it fails and no text is lost silently.
    """
    for name, mode in (("stdin", "r"), ("stdout", "r"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115 - open until the end


def _report_crash(invocation: Invocation, error: Exception) -> int:
    """Report an error in stepchat itself: one line on stderr, and the traceback in a file."""
    from stepchat.chat.crash_report import summary, write_crash_report

    try:
        path = write_crash_report(invocation.paths.state, error, invocation.redact)
    except StepchatError:
        path = None
    report = "" if path is None else f" Please report it with this file: {path}"
    invocation.output.print_notice(f"This is a bug in stepchat: {invocation.redact(summary(error))}.{report}")
    return 1


def _complete() -> None:
    """Answer a shell that asks for completions, and exit."""
    from stepchat.cli.parameters import all_flags

    options = [param for param in chat.params if isinstance(param, click.Option)]
    commands = {name: load_command(name) for name in COMMANDS}
    answer_shell(click.Group("stepchat", commands, params=[*options, *all_flags()]))


def _click_option(row: OptionRow) -> click.Option:
    more: dict[str, Any] = {"help": row.help, "metavar": row.metavar}
    if row.metavar == "PATH":
        more["type"] = click.Path(allow_dash=True)
    if row.kind == SWITCH:
        more["is_flag"] = True
    elif row.kind == REPEATED:
        more |= {"multiple": True, "shell_complete": complete_value(row.parameter)}
    elif row.kind == OPTIONAL_VALUE:
        more |= {"type": SessionParameter(), "is_flag": False, "flag_value": ""}
    else:
        more["shell_complete"] = complete_file if row.metavar == "FILE" else complete_value(row.parameter)
    return click.Option([*row.names, row.parameter], **more)


@click.command(
    cls=ParameterCommand,
    epilog=_epilog(),
    context_settings=HELP,
    params=[_click_option(row) for row in OPTIONS],
)
@click.argument("question", nargs=-1)
@click.version_option(__version__, "--version", "-V", prog_name="stepchat")
@pass_invocation
def chat(invocation: Invocation, question: tuple[str, ...], settings: tuple[str, ...], **options: Any) -> int:
    """Chat with a reasoning model. With no question, opens the chat window; with one, prints the answer."""
    _reject_contradictions(options)
    piped = not sys.stdin.isatty()
    is_question = bool(options["latest"] or options["resume"] or options["one_shot"] or invocation.is_question)
    if not (piped or is_question):
        reject_mistyped(question)
    suspicious = "" if is_question else looks_like_command(question)
    is_piped_question = piped and not options["linear"]
    one_shot = bool(question or is_piped_question or any(options[row.parameter] for row in OPTIONS if row.one_shot))
    start = _start_options(settings, options, one_shot=one_shot)
    prompt = None
    if options["prompt"]:
        from stepchat.cli.prompts import start_with

        prompt, start = start_with(invocation, options["prompt"], start)
    if start.one_shot:
        invocation.restore_terminal()
        words = Words(question, prompt, "" if prompt else suspicious)
        return _one_shot(invocation, start, words, options, piped=piped)
    if options["linear"] or os.environ.get("TERM") == "dumb":
        return _linear(invocation, start, shows_reasoning=not options["no_reasoning"])
    if not sys.stdout.isatty():
        raise UsageError(
            "The window needs a terminal, and stdout is not one.", 'Give a question instead: stepchat "question" > file'
        )
    return _window(invocation, start, folded=options["no_reasoning"])


ask = chat
"""`stepchat ask WORDS`."""


def _start_options(settings: tuple[str, ...], options: dict[str, Any], *, one_shot: bool) -> StartOptions:
    """What the options ask for. Raises UsageError."""
    from stepchat.chat.workspace import StartOptions
    from stepchat.parameters.values import parse_schema, parse_setting

    schema = [] if options["schema"] is None else [("response_format", parse_schema(options["schema"]))]
    return StartOptions(
        model=options["model"],
        base_url=options["base_url"],
        server=options["server"],
        system=options["system"],
        demo=options["demo"],
        resume=options["resume"],
        latest=options["latest"],
        one_shot=one_shot,
        settings=(*map(parse_setting, settings), *settings_from_flags(options), *schema),
        once=tuple(map(parse_setting, options["once"])),
        preset=options["preset"],
        profile=options["profile"],
        temporary=options["temporary"],
        files=tuple(options["files"]),
        tools=tuple(options["tools"]),
        no_tools=options["no_tools"],
        allowed_tools=tuple(options["allowed_tools"]),
        allow_all_tools=options["allow_all_tools"],
    )


def _reject_contradictions(options: dict[str, Any]) -> None:
    """Raises UsageError for options that contradict each other or name nothing."""
    for row in OPTIONS:
        value = options.get(row.parameter)
        if row.kind == VALUE and row.parameter != "system" and value is not None and not value.strip():
            raise UsageError(f"{row.names[0]} is empty.", "Give it a value, or leave it out.")
    reject_two_servers(options["base_url"], options["server"], demo=options["demo"])
    if options["latest"] and options["resume"] is not None:
        raise UsageError("--continue and --resume name two sessions.", "Give one of them.")
    if options["no_tools"] and (options["tools"] or options["allowed_tools"] or options["allow_all_tools"]):
        raise UsageError("--no-tools switches all tools off, so no tool can be named.", "Give one of them.")
    if options["temporary"] and (options["latest"] or options["resume"] is not None):
        raise UsageError("--temporary stores nothing, so there is no session to continue.", "Leave one of them out.")
    if options["show_reasoning"] and options["no_reasoning"]:
        raise UsageError("--show-reasoning and --no-reasoning contradict each other.", "Give one of them.")


_STDIN = "-"


class Words(NamedTuple):
    """The question in the arguments, the prompt to ask it with, and why it is probably meant as a command, if it is."""

    question: tuple[str, ...]
    prompt: Prompt | None
    suspicious: str


def _one_shot(
    invocation: Invocation, start: StartOptions, words: Words, options: dict[str, Any], *, piped: bool
) -> int:
    output = invocation.output
    output.json, output.plain = options["as_json"], options["plain"] or os.environ.get("TERM") == "dumb"
    output.reasoning = options["show_reasoning"] or (sys.stderr.isatty() and not options["no_reasoning"])
    files = options["files"]
    content: bytes | None = None
    if _STDIN in files:
        from stepchat.cli.stdin import read_stdin_bytes

        content = read_stdin_bytes(sys.stdin, output.print_notice, has_question=False)
    text = _question_text(invocation, words, piped=piped and content is None, has_files=bool(files))
    if start.resume == "":
        raise UsageError("--resume needs an ID or some words here.", "See: stepchat sessions list")
    timeout = None if options["timeout"] is None else _seconds(options["timeout"])
    structure = _json_output(options, start)
    from stepchat.cli.ask import GivenFiles, ask
    from stepchat.cli.output import output_file

    with ExitStack() as stack:
        if options["target"] not in {None, "-"}:
            output.out = stack.enter_context(output_file(Path(options["target"])))
        opening = _workspace(invocation, start, must_save=False)
        given = GivenFiles([path for path in files if path != _STDIN], content)
        return ask(opening, text, output, anyway=options["anyway"], timeout=timeout, files=given, structure=structure)


def _json_output(options: dict[str, Any], start: StartOptions) -> JsonOutput:
    """What to do with an answer in JSON. Raises UsageError."""
    from stepchat.cli.ask import JsonOutput
    from stepchat.parameters.extract import parse_path

    retries, path = options["schema_retries"] or "0", options["extract"]
    if not (retries.isascii() and retries.isdigit() and int(retries) <= _MOST_RETRIES):
        raise UsageError(f"--schema-retries {retries}: not a number from 0 to {_MOST_RETRIES}.")
    if path is not None and options["as_json"]:
        raise UsageError("--extract and --json contradict each other.", "Give one of them.")
    if int(retries) and not any(name == "response_format" for name, _ in (*start.settings, *start.once)):
        raise UsageError("--schema-retries needs a schema.", "For example: --schema 'name, age int'")
    return JsonOutput(int(retries), None if path is None else parse_path(path))


_MOST_RETRIES = 10


def _question_text(invocation: Invocation, words: Words, *, piped: bool, has_files: bool) -> str:
    """What is asked: the words, what is piped in, and the prompt they are filled into. Raises StepchatError."""
    question, given = " ".join(words.question), ""
    if piped:
        from stepchat.cli.stdin import read_stdin

        report = invocation.output.print_notice
        given = read_stdin(sys.stdin, report, has_question=bool(question.strip() or words.prompt))
    if words.prompt is not None:
        from stepchat.cli.prompts import prompt_text

        text = prompt_text(words.prompt, words.question, given, invocation)
    else:
        text = "\n\n".join(part for part in (question, given.strip("\n")) if part.strip())
        reject_commands(text)
    if words.suspicious and text == question and not has_files and not _is_meant(question):
        raise UsageError(words.suspicious, f"To ask it as a question: stepchat ask {question}")
    if not text.strip():
        raise UsageError("No question.", 'Give one: stepchat "question", or pipe it in.')
    return text


def _seconds(text: str) -> float:
    try:
        seconds = float(text.removesuffix("s"))
    except ValueError:
        seconds = 0
    if not 0 < seconds < _LONGEST_TIMEOUT:
        raise UsageError(f"--timeout {text}: not a number of seconds.", "For example: --timeout 60")
    return seconds


def _linear(invocation: Invocation, start: StartOptions, *, shows_reasoning: bool) -> int:
    import asyncio

    if start.resume == "":
        raise UsageError("--resume needs an ID or some words here.", "See: stepchat sessions list")
    from stepchat.linear.app import run_linear

    shows_reasoning = shows_reasoning and invocation.config.reasoning_view != "hidden"
    while True:
        workspace = asyncio.run(_workspace(invocation, start, must_save=not start.demo))
        if not run_linear(workspace, shows_reasoning=shows_reasoning):
            return 0
        start = _temporary(start)


def _temporary(start: StartOptions) -> StartOptions:
    """The options of a temporary session that the user started from within another."""
    return replace(start, temporary=True, latest=False, resume=None)


def _window(invocation: Invocation, start: StartOptions, *, folded: bool) -> int:
    import asyncio
    import gc

    _warn_of_locale(invocation)
    # Imports create no garbage, and collecting during them would cost a tenth of the start time.
    gc.disable()
    # Textual reads this when it is imported. At its default of 60, a letter typed while an answer streams can wait for two
    # frames; and painting is what costs, not checking whether anything changed.
    os.environ.setdefault("TEXTUAL_FPS", "240")
    from stepchat.tui.app import open_window

    while True:
        workspace = asyncio.run(_workspace(invocation, start, must_save=not start.demo, can_choose=True))
        frame, invocation.frame = invocation.frame, None
        code = open_window(workspace, frame, folded=folded)
        if code is not None:
            return code
        start = _temporary(start)


def _warn_of_locale(invocation: Invocation) -> None:
    """Ask before the window opens in a locale whose terminal shows UTF-8 as other characters."""
    from stepchat.first_frame.picture import non_utf8_locale

    encoding = sys.stdout.encoding
    is_utf8 = encoding.lower().replace("-", "") == "utf8"
    if setting := non_utf8_locale(os.environ) or ("" if is_utf8 else f"encoding {encoding}"):
        invocation.restore_terminal()
        invocation.output.print_notice(
            f"{setting} is not UTF-8, so the window may be garbled. To avoid that: LANG=C.UTF-8 stepchat"
        )
        print("Press Enter to open it anyway, or Ctrl+C to cancel.", file=sys.stderr, flush=True)
        sys.stdin.readline()


async def _workspace(
    invocation: Invocation, start: StartOptions, *, must_save: bool, can_choose: bool = False
) -> Workspace:
    from stepchat.chat.presets import read_presets, read_presets_or_empty
    from stepchat.chat.workspace import open_workspace

    paths, config = invocation.paths, invocation.config
    if start.one_shot or not can_choose:
        # The window shows them itself.
        for problem in config.problems:
            invocation.output.print_notice(str(problem))
    # A question or the demo can work without saving, but a session to continue needs the store.
    must_save = must_save or start.latest or start.resume is not None
    if start.temporary:
        store = invocation.open_store_in_memory()
    else:
        store = invocation.open_store() if must_save else invocation.open_store_or_temporary()
    try:
        must_choose = False
        try:
            session = await _session(start, store)
        except AmbiguousSessionError:
            if not can_choose:
                raise
            session, must_choose = None, True
        read = read_presets if start.preset else read_presets_or_empty
        presets = await read(store) if start.preset or (session and session.preset) else {}
        workspace = open_workspace(start, session, store, paths, config, os.environ, presets)
        return replace(workspace, choose_session=workspace.choose_session or must_choose)
    except BaseException:
        await store.close()
        raise


async def _session(start: StartOptions, store: SessionStore) -> Session | None:
    if start.resume:
        return await store.find(start.resume)
    if start.latest:
        session = await store.latest()
        if session is None:
            raise SessionNotFoundError("There is no session to continue yet.", "Start one: stepchat")
        return session
    return None


# ---- commands in place of questions


def reject_commands(text: str) -> None:
    """Raises UsageError for a text that is a command of the window, which is never sent to a model."""
    from stepchat.chat.command_lines import command_name, nearest_command

    name = command_name(text)
    if not name:
        return
    from stepchat.tui.commands import BY_NAME, BY_SYNONYM

    name = BY_SYNONYM[name].name if name in BY_SYNONYM else name
    word, near = text.split(maxsplit=1)[0], nearest_command(name, BY_NAME)
    what = f"{word} is a command of the window" if name in BY_NAME else f"There is no command {word}"
    shell = next((f"In the shell: stepchat {row}. " for row in (name, f"{name}s") if row in COMMANDS), "")
    meant = shell if name in BY_NAME else f"Did you mean /{near}? " if near else ""
    raise UsageError(f"{what}.", f'{meant}To ask it as a question, start with a space: stepchat " {word} ..."')


# ---- mistyped commands

_SIMILARITY = 0.8
_FOREIGN = {
    "version": "--version", "update": "", "upgrade": "", "install": "", "uninstall": "", "chat": "", "run": "", "start": "",
    "serve": "", "init": "", "tools": "help tools", "tool": "help tools", "list": "sessions list",
    "ls": "sessions list", "history": "sessions list", "logs": "sessions list", "search": "sessions search WORDS",
    "show": "sessions show SESSION", "export": "sessions export SESSION", "import": "sessions import FILE",
    "delete": "sessions delete SESSION", "resume": "--resume", "continue": "--continue", "new": "", "auth": "login",
    "key": "login", "keys": "help keys", "status": "doctor", "check": "doctor", "settings": "config show",
    "configure": "config path", "set": "parameters", "presets": "help parameters", "profiles": "help config", "shell": "",
    "demo": "--demo", "cost": "usage", "stats": "usage", "manual": "help", "docs": "help", "exit": "", "quit": "",
}  # fmt: skip
"""Commands that other programs have, with what does the same here; "" where nothing does, or `stepchat` alone."""


def looks_like_command(words: Sequence[str]) -> str:
    """A sentence if a single word is probably meant as a command, with the right one; "" for a question."""
    if len(words) != 1 or words[0] not in _FOREIGN | COMMANDS:
        return ""
    [word] = words
    instead = word if word in COMMANDS else _FOREIGN[word]
    return f"`{word}` looks like a command. " + (
        f"The command is: stepchat {instead}" if instead else "`stepchat --help` lists the commands."
    )


def _is_meant(words: str) -> bool:
    """Whether the user confirms on the terminal that a word is a question."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    print(
        f"stepchat: `{words}` looks like a command. Send it to the model as a question? [y/N] ",
        end="",
        file=sys.stderr,
        flush=True,
    )
    return sys.stdin.readline().strip().casefold() in {"y", "yes"}


def reject_mistyped(words: Sequence[str]) -> None:
    """Raises UsageError when the words are almost a command: a typo must not be sent to a model as a question."""
    if meant := _meant_command(words):
        given = " ".join(words)
        raise UsageError(f"Did you mean `stepchat {meant}`?", f'To ask it as a question: stepchat -p "{given}"')


def _meant_command(words: Sequence[str]) -> str:
    match words:
        case [word] if word in _FOREIGN:
            return ""
        case [word]:
            return _nearest(word, COMMANDS)
        case [word, second, *rest]:
            name = _nearest(word, COMMANDS)
            group = load_command(name) if name else None
            inner = _nearest(second, group.commands) if isinstance(group, click.Group) else ""
            return " ".join([name, inner, *rest]) if inner else ""
        case _:
            return ""


def _nearest(word: str, names: Iterable[str]) -> str:
    # A question begins with a capital, or is more than one word of letters.
    if not word.replace("-", "").isalpha() or not word.islower():
        return ""
    from difflib import get_close_matches

    return next(iter(get_close_matches(word, list(names), 1, _SIMILARITY)), "")
