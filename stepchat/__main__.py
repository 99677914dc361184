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


_FLAGS = ("--continue", "-c", "--demo", "--no-reasoning")
_WITH_VALUE = ("--model", "-m", "--base-url", "--system", "--server", "--set", "--once", "--preset", "--profile")


def _opens_window(arguments: list[str]) -> bool:
    """Whether these arguments mean the window; False when in doubt, which only costs the early frame."""
    rest = iter(arguments)
    for argument in rest:
        if argument in _FLAGS or argument.startswith(tuple(f"{name}=" for name in (*_WITH_VALUE, "--resume"))):
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
