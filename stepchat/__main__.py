"""The program's entry. In a terminal it paints the first frame before anything else is imported."""

import sys


def main() -> None:
    """Run stepchat with the command line's arguments; the exit status is the process's."""
    frame = None
    if sys.platform != "win32" and _opens_window(sys.argv[1:]):
        import os

        from stepchat.first_frame.frame import paint_first_frame

        frame = paint_first_frame(sys.argv[1:], os.environ)
    try:
        from stepchat.cli.main import run

        code = run(sys.argv[1:], frame)
    except KeyboardInterrupt:
        # Ctrl+C while something was being imported.
        code = 130
    except Exception as error:
        if frame is not None:
            frame.restore()
        if not (reason := _shortage(error)):
            raise
        print("stepchat:", reason, file=sys.stderr)
        code = 1
    sys.exit(code)


def _shortage(error: BaseException) -> str:
    try:
        from stepchat.errors import shortage
    except Exception:  # noqa: BLE001 - it cannot even be imported
        return "Out of memory or open files."
    if reason := shortage(error):
        # A coroutine that could not be run is no news then.
        sys.warnoptions.append("ignore")
        if warnings := sys.modules.get("warnings"):
            warnings.simplefilter("ignore")
        sys.unraisablehook = lambda _: None
    return reason


_SWITCHES = ("--continue", "-c", "--demo", "--no-reasoning", "--anyway")
_OPTIONS = ("--model", "-m", "--base-url", "--system", "--server", "--set", "--once", "--preset", "--profile")


def _opens_window(arguments: list[str]) -> bool:
    """Whether these arguments mean the window; False when in doubt, which only costs the early frame."""
    switches, options = _SWITCHES, _OPTIONS
    rest = iter(arguments)
    for argument in rest:
        name, equals, _ = argument.partition("=")
        if name.startswith("--") and name not in (*switches, *options, "--resume") and switches is _SWITCHES:
            of_parameters = _parameter_flags()
            switches, options = switches + of_parameters[0], options + of_parameters[1]
        if argument in switches or (equals and name.startswith("--") and name in (*options, "--resume")):
            continue
        if argument in options:
            next(rest, None)
        elif argument == "--resume":
            following = next(rest, None)
            if following is not None and following.startswith("-"):
                return False
        else:
            return False
    return True


def _parameter_flags() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Those without a value, and those with one. Their table takes longer to import than the frame to paint."""
    from stepchat.parameters.table import PARAMETERS

    switches = [row.flag for row in PARAMETERS if row.kind == "bool"]
    switches += [f"--no-{flag[2:]}" for flag in switches]
    return tuple(switches), tuple(row.flag for row in PARAMETERS if row.kind != "bool")


if __name__ == "__main__":
    main()
