"""The options of `stepchat` as data: cli/main.py turns them into click's, and __main__ reads them before the first frame.

Add an option here. Imported before anything else, so nothing may be imported here.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

VALUE, SWITCH, REPEATED, OPTIONAL_VALUE = "value", "switch", "repeated", "optional value"
"""What follows the name: a value, nothing, a value each time it is given, or an optional value."""


class OptionRow:
    """One option. `names` are its spellings, `parameter` is its name in Python.

    Those of one-shot mode and those that are `windowless` never open the window.
    """

    __slots__ = ("help", "kind", "metavar", "names", "one_shot", "parameter", "windowless")

    def __init__(
        self,
        names: str,
        parameter: str,
        kind: str,
        text: str,
        *,
        metavar: str | None = None,
        one_shot: bool = False,
        windowless: bool = False,
    ) -> None:
        self.names = tuple(names.split())
        self.parameter = parameter
        self.kind = kind
        self.help = text
        self.metavar = metavar
        self.one_shot = one_shot
        self.windowless = windowless or one_shot


OPTIONS = (
    OptionRow("--continue -c", "latest", SWITCH, "Continue the newest session."),
    OptionRow("--resume", "resume", OPTIONAL_VALUE, "Continue this session.", metavar="[ID or text]"),
    OptionRow("--file -f", "files", REPEATED, "Send this file with the question; - is stdin. Can be repeated.", metavar="PATH"),
    OptionRow("--temporary", "temporary", SWITCH, "Store nothing: no messages, drafts, recordings or prompts."),
    OptionRow("--model -m", "model", VALUE, "The model, such as stepfun/step-3.5-flash."),
    OptionRow("--base-url", "base_url", VALUE, "The server's address, such as http://127.0.0.1:8080/v1."),
    OptionRow("--server", "server", VALUE, "The server's name, such as ollama. `stepchat servers` lists them."),
    OptionRow("--system", "system", VALUE, "The system prompt of a new session."),
    OptionRow("--set", "settings", REPEATED, "Set a request parameter. Can be repeated.", metavar="NAME=VALUE"),
    OptionRow("--once", "once", REPEATED, "Set a request parameter for this question only.", metavar="NAME=VALUE"),
    OptionRow("--prompt", "prompt", VALUE, "Ask with a prompt of the library. `stepchat prompts` lists them."),
    OptionRow(
        "--schema", "schema", VALUE, "Answer in JSON by this schema: a file, or fields such as 'name, age int, tags [str]'."
    ),
    OptionRow(
        "--schema-retries", "schema_retries", VALUE,
        "One-shot: ask again up to N times if the answer violates the schema.", metavar="N", one_shot=True,
    ),
    OptionRow(
        "--extract", "extract", VALUE, "One-shot: print only this value of the JSON, such as .name or .items[].price.",
        metavar=".NAME", one_shot=True,
    ),
    OptionRow("--preset", "preset", VALUE, "Use the preset of parameters with this name."),
    OptionRow("--profile", "profile", VALUE, "Use [profiles.NAME] of config.toml: model, server, parameters."),
    OptionRow("--tool", "tools", REPEATED, "Switch a tool on. Can be repeated.", metavar="NAME"),
    OptionRow("--no-tools", "no_tools", SWITCH, "Switch all tools off."),
    OptionRow(
        "--allow-tool", "allowed_tools", REPEATED, "One-shot: let this tool run. Can be repeated.", metavar="NAME",
        one_shot=True,
    ),
    OptionRow("--allow-tools", "allow_all_tools", SWITCH, "One-shot: let every tool run that is on.", one_shot=True),
    OptionRow(
        "--linear", "linear", SWITCH, "Plain appended lines instead of the window, as for screen readers.", windowless=True
    ),
    OptionRow("--demo", "demo", SWITCH, "Try everything without a key or a network."),
    OptionRow(
        "--print -p", "one_shot", SWITCH, "One-shot: answer on stdout, even without a question in the arguments.",
        one_shot=True,
    ),
    OptionRow(
        "--output -o", "target", VALUE, "One-shot: write the answer to this file once it has ended.", metavar="FILE",
        one_shot=True,
    ),
    OptionRow(
        "--timeout", "timeout", VALUE, "One-shot: stop after this time and save what arrived.", metavar="SECONDS",
        one_shot=True,
    ),
    OptionRow(
        "--plain", "plain", SWITCH, "One-shot: print the answer as Markdown source, even on a terminal.", one_shot=True
    ),
    OptionRow("--json", "as_json", SWITCH, "One-shot: print one JSON object per line as things happen.", one_shot=True),
    OptionRow("--anyway", "anyway", SWITCH, "One-shot: send even if the prompt exceeds the model's context window."),
    OptionRow(
        "--show-reasoning", "show_reasoning", SWITCH,
        "One-shot: print the reasoning to stderr even if it is not a terminal.",
    ),
    OptionRow(
        "--no-reasoning", "no_reasoning", SWITCH,
        "One-shot: no reasoning on stderr. In the window: start with reasoning folded.",
    ),
)  # fmt: skip


def leading_options(arguments: Sequence[str]) -> int | None:
    """The number of arguments that are options before the first word; None if a question follows, or in doubt."""
    rows = {name: row for row in OPTIONS for name in row.names}
    count = 0
    while count < len(arguments) and arguments[count].startswith("-"):
        name, equals, _ = arguments[count].partition("=")
        row = rows.get(name)
        if row is None or row.one_shot or row.kind == OPTIONAL_VALUE or row.parameter == "latest":
            return None
        count += 1 if row.kind == SWITCH or equals else 2
    return min(count, len(arguments))
