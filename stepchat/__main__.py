"""The program's entry. On a terminal it paints the first frame before anything else is imported."""

import sys


def main() -> None:
    """Run stepchat with the arguments of the command line, and exit."""
    if sys.argv[1:] in (["--version"], ["-V"]):  # click alone takes as long as six Pythons to start
        from stepchat import __version__

        print(f"stepchat, version {__version__}")
        return
    _disable_core_dumps()
    _skip_command_line_of_httpx()
    frame = None
    if sys.platform != "win32" and _opens_window(sys.argv[1:]):
        import os

        from stepchat.first_frame.frame import paint_first_frame

        frame = paint_first_frame(sys.argv[1:], os.environ)
    try:
        from stepchat.cli.main import run

        code = run(sys.argv[1:], frame)
    except KeyboardInterrupt:
        # Ctrl+C during an import.
        code = 130
    except Exception as error:
        if frame is not None:
            frame.restore()
        if not (reason := _shortage(error)):
            raise
        print("stepchat:", reason, file=sys.stderr)
        code = 1
    sys.exit(code)


def _skip_command_line_of_httpx() -> None:
    """Keep `import httpx` from importing rich, pygments and click for its `httpx` command, which doubles its time."""
    sys.modules.setdefault("httpx._main", None)  # pyright: ignore[reportArgumentType] - documented: importing it fails


def _disable_core_dumps() -> None:
    """A core dump would contain the API key and the conversation."""
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    except (ImportError, OSError, ValueError):
        pass  # not on this system


def _shortage(error: BaseException) -> str:
    try:
        from stepchat.errors import shortage
    except Exception:  # noqa: BLE001 - it cannot even be imported
        return "Out of memory or open files."
    if reason := shortage(error):
        # Coroutines that were never awaited are to be expected now.
        sys.warnoptions.append("ignore")
        if warnings := sys.modules.get("warnings"):
            warnings.simplefilter("ignore")
        sys.unraisablehook = lambda _: None
    return reason


def _opens_window(arguments: list[str]) -> bool:
    """Whether these arguments open the window. False when in doubt, which only costs the first frame."""
    from stepchat.cli.options import OPTIONAL_VALUE, OPTIONS, SWITCH

    rows = [row for row in OPTIONS if not row.windowless]
    switches = {name for row in rows if row.kind == SWITCH for name in row.names}
    optional = {name for row in rows if row.kind == OPTIONAL_VALUE for name in row.names}
    with_value = {name for row in rows if row.kind not in (SWITCH, OPTIONAL_VALUE) for name in row.names}
    complete = False
    rest = iter(arguments)
    for argument in rest:
        name, equals, _ = argument.partition("=")
        if not complete and name.startswith("--") and name not in switches | optional | with_value:
            complete = True
            flags = _parameter_flags()
            switches, with_value = switches | flags[0], with_value | flags[1]
        if argument in switches or (equals and name.startswith("--") and name in optional | with_value):
            continue
        if argument in with_value:
            next(rest, None)
        elif argument in optional:
            following = next(rest, None)
            if following is not None and following.startswith("-"):
                return False
        else:
            return False
    return True


def _parameter_flags() -> tuple[set[str], set[str]]:
    """The flags without and with a value. Only when needed: the table takes longer to import than the frame to paint."""
    from stepchat.parameters.table import PARAMETERS

    switches = {row.flag for row in PARAMETERS if row.kind == "bool"}
    switches |= {f"--no-{flag[2:]}" for flag in switches}
    return switches, {row.flag for row in PARAMETERS if row.kind != "bool"}


if __name__ == "__main__":
    main()
