"""The program's entry. In a terminal it paints the first frame before anything else is imported."""

import sys


def main() -> None:
    """Run stepchat with the command line's arguments; the exit status is the process's."""
    frame = None
    if sys.platform != "win32" and _opens_window(sys.argv[1:]):
        import os

        from stepchat.tui.startup import paint_first_frame

        frame = paint_first_frame(sys.argv[1:], os.environ)
    try:
        from stepchat.cli import run

        code = run(sys.argv[1:], frame)
    except KeyboardInterrupt:
        # Ctrl+C while something was being imported.
        code = 130
    sys.exit(code)


# Written down by name alone: the table of parameters takes longer to import than the frame to paint. Tests compare them.
_SWITCHES = (
    "reasoning-enabled reasoning-exclude include-reasoning logprobs parallel-tool-calls provider-allow-fallbacks "
    "provider-require-parameters provider-zdr debug-echo-upstream-body"
)
_PARAMETERS = (
    "reasoning reasoning-effort reasoning-max-tokens reasoning-summary reasoning-context reasoning-mode "
    "reasoning_effort max-tokens max-completion-tokens stop verbosity temperature top-p top-k min-p top-a "
    "frequency-penalty presence-penalty repetition-penalty seed logit-bias top-logprobs response-format prediction "
    "tools tool-choice models provider provider-order provider-only provider-ignore provider-data-collection "
    "provider-quantizations provider-sort provider-max-price plugins service-tier user metadata prompt-cache-key "
    "cache-control chat-template-kwargs"
)
_FLAGS = frozenset(
    ["--continue", "-c", "--demo", "--no-reasoning", "--anyway"]
    + [f"--{no}{name}" for name in _SWITCHES.split() for no in ("", "no-")]
)
_WITH_VALUE = frozenset(
    ["--model", "-m", "--base-url", "--system", "--server", "--set", "--once", "--preset", "--profile"]
    + [f"--{name}" for name in _PARAMETERS.split()]
)


def _opens_window(arguments: list[str]) -> bool:
    """Whether these arguments mean the window; False when in doubt, which only costs the early frame."""
    rest = iter(arguments)
    for argument in rest:
        name, equals, _ = argument.partition("=")
        if argument in _FLAGS or (equals and name.startswith("--") and name in {*_WITH_VALUE, "--resume"}):
            continue
        if argument in _WITH_VALUE:
            next(rest, None)
        elif argument == "--resume":
            following = next(rest, None)
            if following is not None and following.startswith("-"):
                return False
        else:
            return False
    return True


if __name__ == "__main__":
    main()
