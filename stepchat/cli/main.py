"""The commands. Builds paths, config, store and server once and hands them down.

Imports stand in the functions that need them: `--help` needs next to none, and the window must not wait for them.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from stepchat import __version__
from stepchat.cli.completion import VARIABLE, SessionParameter, complete
from stepchat.cli.config import config, doctor, themes
from stepchat.cli.context import open_store
from stepchat.cli.help import asks_for_manual, manual
from stepchat.cli.login import login, logout, refuse_two_servers
from stepchat.cli.models import models, servers, usage
from stepchat.cli.parameters import ParameterCommand, parameters, settings_from_flags
from stepchat.cli.sessions import sessions
from stepchat.cli.suggestions import reject_mistyped
from stepchat.errors import SessionNotFoundError, StepchatError, UsageError, shortage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stepchat.chat.workspace import StartOptions, Workspace
    from stepchat.first_frame.frame import FirstFrame
    from stepchat.sessions.store import Session, SessionStore

EPILOG = """\b
Commands:
  stepchat sessions --help          list, search, show, rename, delete, export, import
  stepchat parameters [WORDS]       what --set takes; each is a flag of its own, too, such as --temperature 0.5
  stepchat models [WORDS]           the models of a server, with prices and abilities
  stepchat servers                  the servers that --server knows, and which of them are there
  stepchat usage                    what was spent, by model and day
  stepchat login, logout            get a key with the browser and keep it; remove it
  stepchat doctor                   what is wrong, and how to mend it
  stepchat config path|check|show   the settings file
  stepchat themes                   the themes there are
  stepchat demo-server --port N     the demo server alone, for any client
  stepchat help [TOPIC]             the manual

\b
Exit codes of one-shot mode: 0 answered, 1 failed, cut or no answer, 2 wrong usage, 3 no key or key refused, 4 not in the
form that response_format asked for, 130 stopped.
Environment: OPENROUTER_API_KEY, STEPCHAT_BASE_URL, STEPCHAT_MODEL, STEPCHAT_HOME.
"""


@dataclass(slots=True)
class Start:
    """How the program was started: the first frame that is on the screen already, if any."""

    frame: FirstFrame | None
    verbatim: bool = False
    """The words are said to be a question, with `--`."""


def run(arguments: Sequence[str], frame: FirstFrame | None) -> int:
    """Run one command line; returns the exit code."""
    _open_missing_streams()
    start = Start(frame, "--" in arguments)
    if VARIABLE in os.environ:
        complete(chat, COMMANDS)
    command = COMMANDS.get(arguments[0]) if arguments else None
    if command is manual and not asks_for_manual(arguments[1:]):
        command = None
    try:
        if command is not None:
            code: int = command.main([*arguments[1:]], f"stepchat {arguments[0]}", standalone_mode=False) or 0
            sys.stdout.flush()
            return code
        return chat.main([*arguments], "stepchat", standalone_mode=False, obj=start) or 0
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.Abort:
        return 130
    except click.ClickException as error:
        _restore(start)
        error.show(sys.stderr)
        if not isinstance(error, click.UsageError) or error.ctx is None:
            print("Try 'stepchat --help'.", file=sys.stderr)
        return error.exit_code
    except StepchatError as error:
        _restore(start)
        if shortage(error):
            raise
        from stepchat.cli.ask import Output, exit_code, report_error

        report_error(error, Output(sys.stdout, sys.stderr))
        return exit_code(error)
    except OSError as error:
        if error.filename is not None or shortage(error):
            raise
        # Only what is written has no name.
        from stepchat.cli.ask import Output, output_error_code

        return output_error_code(error, Output(sys.stdout, sys.stderr))
    finally:
        _restore(start)


def _open_missing_streams() -> None:
    """Who started us may have closed some (`<&-`): others take their place, or files would get their numbers.

    What is written to a stdout that is closed is lost, so writing there fails.
    """
    for name, mode in (("stdin", "r"), ("stdout", "r"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115 - open until the end


def _restore(start: Start) -> None:
    if start.frame is not None:
        start.frame.restore()
        start.frame = None


@click.command(cls=ParameterCommand, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("question", nargs=-1)
@click.option("--continue", "-c", "latest", is_flag=True, help="Go on with the newest session.")
@click.option(
    "--resume",
    type=SessionParameter(),
    is_flag=False,
    flag_value="",
    metavar="[ID or text]",
    help="Go on with this session.",
)
@click.option("--model", "-m", help="The model to ask, e.g. stepfun/step-3.5-flash.")
@click.option("--base-url", help="The server to ask, e.g. http://127.0.0.1:8080/v1.")
@click.option("--server", help="The server by its name, e.g. ollama; `stepchat servers` lists them.")
@click.option("--system", help="The system prompt of a new session.")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="A request parameter; may be repeated.")
@click.option("--once", multiple=True, metavar="NAME=VALUE", help="The same for this one question.")
@click.option("--preset", help="Parameters that were saved under this name.")
@click.option("--profile", help="A table [profiles.NAME] of config.toml: model, server, parameters.")
@click.option("--demo", is_flag=True, help="Try everything without a key and without a network.")
@click.option(
    "--print", "-p", "one_shot", is_flag=True, help="One-shot: take the question from stdin or the arguments."
)
@click.option("--json", "as_json", is_flag=True, help="One-shot: a JSON object a line, as things happen.")
@click.option("--anyway", is_flag=True, help="One-shot: ask even if it is too large for the model's window.")
@click.option("--no-reasoning", is_flag=True, help="One-shot: no reasoning on stderr. In the window: keep it folded.")
@click.version_option(__version__, prog_name="stepchat")
@click.pass_context
def chat(context: click.Context, question: tuple[str, ...], settings: tuple[str, ...], **options: Any) -> int:
    """Talk with a reasoning model. Without a question a window opens; with one, the answer goes to stdout."""
    from stepchat.chat.workspace import StartOptions
    from stepchat.parameters.values import parse_setting

    _refuse_contradictions(options)
    piped = not sys.stdin.isatty()
    goes_on = options["latest"] or options["resume"]
    if not (piped or goes_on or options["one_shot"] or context.obj.verbatim):
        reject_mistyped(question, COMMANDS)
    request = StartOptions(
        model=options["model"],
        base_url=options["base_url"],
        server=options["server"],
        system=options["system"],
        demo=options["demo"],
        resume=options["resume"],
        latest=options["latest"],
        settings=(*map(parse_setting, settings), *settings_from_flags(options)),
        once=tuple(map(parse_setting, options["once"])),
        preset=options["preset"],
        profile=options["profile"],
    )
    if question or options["one_shot"] or options["as_json"] or piped:
        return _one_shot(request, " ".join(question), options, piped=piped)
    if not sys.stdout.isatty():
        raise UsageError(
            "The window needs a terminal, and stdout is not one.", 'Give a question instead: stepchat "question" > file'
        )
    if os.environ.get("TERM") == "dumb":
        raise UsageError(
            "The window needs a terminal that can place text, and TERM is dumb.",
            'Give a question instead: stepchat "question"',
        )
    return _window(context.obj, request, folded=options["no_reasoning"])


def _refuse_contradictions(options: dict[str, Any]) -> None:
    """Raises UsageError: one of two would be forgotten, and nobody could tell which."""
    refuse_two_servers(options["base_url"], options["server"], demo=options["demo"])
    if options["latest"] and options["resume"] is not None:
        raise UsageError("--continue and --resume name two sessions.", "Give one of them.")


def _one_shot(request: StartOptions, words: str, options: dict[str, Any], *, piped: bool) -> int:
    from stepchat.cli.ask import Output, ask

    text = words
    if piped:
        given = sys.stdin.buffer.read().decode("utf-8", "replace")
        text = "\n\n".join(part for part in (words, given.strip("\n")) if part.strip())
    output = Output(sys.stdout, sys.stderr, json=options["as_json"], reasoning=not options["no_reasoning"])
    if not text.strip():
        raise UsageError("There is no question.", 'Give one: stepchat "question", or pipe it in.')
    if request.resume == "":
        raise UsageError("--resume needs an ID or some words here.", "See: stepchat sessions list")
    return ask(_workspace(request), text, output, anyway=options["anyway"])


def _window(start: Start, request: StartOptions, *, folded: bool) -> int:
    import asyncio
    import gc

    # Nothing of what is imported now will ever be garbage: collecting while importing costs a tenth of the start.
    gc.disable()
    # How soon after a change Textual paints, read when it is imported: at its 60 a second a letter that is typed while an
    # answer streams waits for up to two frames, and painting is what costs, not looking whether there is anything.
    os.environ.setdefault("TEXTUAL_FPS", "240")
    from stepchat.tui.app import open_window

    workspace = asyncio.run(_workspace(request))
    frame, start.frame = start.frame, None
    return open_window(workspace, frame, folded=folded)


async def _workspace(request: StartOptions) -> Workspace:
    from stepchat.chat.presets import read_presets, read_presets_or_none
    from stepchat.chat.workspace import open_workspace
    from stepchat.config.file import read_config
    from stepchat.config.paths import find_paths

    paths = find_paths(os.environ)
    config = read_config(paths.config_file)
    store = open_store(paths)
    try:
        session = await _session(request, store)
        read = read_presets if request.preset else read_presets_or_none
        presets = await read(store) if request.preset or (session and session.preset) else {}
        return open_workspace(request, session, store, paths, config, os.environ, presets)
    except BaseException:
        await store.close()
        raise


async def _session(request: StartOptions, store: SessionStore) -> Session | None:
    if request.resume:
        return await store.find(request.resume)
    if request.latest:
        session = await store.latest()
        if session is None:
            raise SessionNotFoundError("There is no session to continue yet.", "Start one: stepchat")
        return session
    return None


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--port", default=0, type=click.IntRange(0, 65535), help="The port on 127.0.0.1; any free one when 0.")
@click.option("--speed", type=click.FloatRange(0), help="Tokens per second; 0 is as fast as possible.")
@click.option(
    "--imitate", type=click.Choice(["llama.cpp", "vllm", "sglang", "ollama", "lmstudio"]), help="Not OpenRouter."
)
@click.option("--window", default=4096, type=click.IntRange(1), help="Tokens that the models of such a one run with.")
def demo_server(*, port: int, speed: float | None, imitate: str | None, window: int) -> int:
    """Run the demo server alone: OpenRouter-compatible, on this machine only. Any client can be pointed at it."""
    from stepchat.demo.server import DemoServer

    with DemoServer(port=port, speed=speed, imitates=imitate, window=window) as server:
        print(f"{server.url}", flush=True)
        print("Any key will do. Ctrl+C ends it. What it received: GET /demo/requests", file=sys.stderr)
        try:
            server.wait()
        except KeyboardInterrupt:
            return 0
    return 0


COMMANDS: dict[str, click.Command] = {
    "parameters": parameters,
    "sessions": sessions,
    "models": models,
    "servers": servers,
    "usage": usage,
    "login": login,
    "logout": logout,
    "doctor": doctor,
    "config": config,
    "themes": themes,
    "demo-server": demo_server,
    "help": manual,
}
"""By their first word. A question that begins with one of them is asked with -p or after --."""
