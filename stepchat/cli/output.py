"""Output of the command line: answers on stdout, reasoning and notices on stderr, and exit codes."""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from stepchat import lossless_json
from stepchat.errors import AmbiguousSessionError, ApiKeyError, ConfigError, StepchatError, UsageError, shortage
from stepchat.text.sanitize import sanitize

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from stepchat.cli.markdown import MarkdownStream, WordWrap

ANSWERED, FAILED, USAGE, NO_KEY, WRONG_FORM, STOPPED = 0, 1, 2, 3, 4, 130

_CLOSED = "it is closed"
_LONGEST_TOOL_LINE = 200
_CANDIDATES = 20


class OutputError(Exception):
    """stdout cannot be written. The message is empty if the reader has closed the pipe."""


@dataclass(slots=True)
class Output:
    """The two streams of one command. A terminal gets sanitized text, a pipe gets exactly what the model wrote."""

    out: TextIO
    err: TextIO
    json: bool = False
    reasoning: bool = True
    plain: bool = False
    holds_answer: bool = False
    """Write no answer: another may replace it, or only a part of it is wanted."""
    """Whether a terminal also gets the answer as Markdown source."""
    _page: MarkdownStream | None = field(default=None)
    """The answer on a terminal, unless it is plain."""
    _words: WordWrap | None = field(default=None)
    """The reasoning on a terminal."""
    _ends_with_newline: bool = field(default=True)
    _in_reasoning: bool = field(default=False)
    _silent: bool = field(default=False)

    def write(self, text: str) -> None:
        """Write to stdout, unchanged."""
        self._write(self.out, text)

    def write_line(self, text: str) -> None:
        """Write one sanitized line to stdout."""
        self.write(sanitize(text, keep_newlines=False) + "\n")

    def styled(self, text: str, codes: str) -> str:
        """The text in the style of these SGR codes if stdout is a terminal that shows colours."""
        return f"\x1b[{codes}m{text}\x1b[0m" if self.out.isatty() and _shows_colours() else text

    def write_markdown(self, text: str) -> None:
        """Write a long text: rendered and with $PAGER on a terminal, unchanged otherwise."""
        if not self.out.isatty():
            self.write(text)
            return
        from click import echo_via_pager

        from stepchat.cli.markdown import render

        # Like git: exit at once if everything fits, keep the colours, leave the text on the screen.
        os.environ.setdefault("LESS", "FRX")
        echo_via_pager(render(text, _terminal_size(self.out), colour=_shows_colours()), color=True)

    def write_json(self, value: Any) -> None:
        """Write one line of JSON to stdout."""
        self.write(lossless_json.dumps(value) + "\n")

    def write_answer(self, text: str) -> None:
        """Write a piece of the answer: rendered on a terminal, unchanged otherwise."""
        self._end_reasoning()
        if self.holds_answer:
            return
        if self.out.isatty() and not self.plain:
            if self._page is None:
                from stepchat.cli.markdown import MarkdownStream

                self._page = MarkdownStream(self.write, lambda: _terminal_size(self.out), colour=_shows_colours())
            self._page.add(text)
            self._ends_with_newline = False
            return
        self._write(self.out, sanitize(text) if self.out.isatty() else text)
        self._ends_with_newline = text.endswith("\n")

    def write_reasoning(self, text: str) -> None:
        if not self.reasoning or self.json:
            return
        if self.err.isatty():
            if self._words is None:
                from stepchat.cli.markdown import WordWrap

                self._words = WordWrap(self._write_dim, lambda: _terminal_size(self.err))
            self._words.add(sanitize(text))
        else:
            self._write(self.err, text)
        self._in_reasoning = True

    def _write_dim(self, text: str) -> None:
        # Each piece is dimmed separately, because a style that stays on would affect other output.
        self._write(self.err, f"\x1b[2m{text}\x1b[22m")

    def _end_reasoning(self) -> None:
        if self._in_reasoning:
            self._in_reasoning = False
            if self._words is not None:
                self._words.finish()
                self._words = None
            self._write(self.err, "\n\n" if self.err.isatty() else "\n")

    def write_tool_line(self, text: str) -> None:
        """Write a call or a result as one line, where the reasoning is shown."""
        if self.reasoning and not self.json:
            self._end_reasoning()
            self.end_line()
            line = sanitize(text, keep_newlines=False)
            line = line if len(line) <= _LONGEST_TOOL_LINE else f"{line[: _LONGEST_TOOL_LINE - 1]}…"
            self._write_dim(f"{line}\n") if self.err.isatty() else self._write(self.err, f"{line}\n")

    def end_answer(self) -> None:
        """End this answer; the text of another one follows."""
        self._end_reasoning()
        if not self._ends_with_newline and not self.out.isatty():
            self._write(self.out, "\n")
            self._ends_with_newline = True
        self.end_line()
        self._page = None

    def print_notice(self, text: str) -> None:
        """Write one line to stderr, after `stepchat: `."""
        self._end_reasoning()
        self.end_line()
        self._write(self.err, sanitize(f"stepchat: {text}", keep_newlines=False) + "\n")

    def print_error(self, error: StepchatError) -> None:
        """Write an error to stderr. Its hint may have several lines."""
        hint, *more = error.hint.split("\n")
        self.print_notice(str(StepchatError(error.message, hint)))
        for line in more:
            self._write_error_line(line)

    def print_candidates(self, error: AmbiguousSessionError) -> None:
        """Write the matching sessions to stderr, one per line."""
        self.print_notice(f"{error.summary}. {error.hint}")
        for session_id, title in error.candidates[:_CANDIDATES]:
            self._write_error_line(f"  {session_id}  {title or 'untitled'}")
        if (more := len(error.candidates) - _CANDIDATES) > 0:
            self._write_error_line(f"  and {more:,} more")

    def _write_error_line(self, text: str) -> None:
        self._write(self.err, sanitize(text, keep_newlines=False) + "\n")

    def report_silence(self, seconds: float, limit: float) -> None:
        """Report once that nothing arrives. 0 seconds means that data arrives again."""
        if seconds and not self._silent:
            self.print_notice(f"Nothing received for {seconds:.0f} s; giving up after {limit:.0f} s.")
        self._silent = bool(seconds)

    def end_line(self) -> None:
        """Move a terminal's cursor to an empty line. A pipe gets only what the model wrote."""
        if self._ends_with_newline:
            return
        if self._page is not None:
            self._page.finish()
            self._ends_with_newline = True
        elif self.out.isatty():
            self._write(self.out, "\n")
            self._ends_with_newline = True

    def _write(self, stream: TextIO, text: str) -> None:
        try:
            try:
                stream.write(text)
            except UnicodeEncodeError:
                # Lone surrogates, or a terminal that is not UTF-8.
                encoding = stream.encoding or "ascii"
                stream.write(text.encode(encoding, "replace").decode(encoding))
            stream.flush()
        except OSError as error:
            _divert(stream)
            # The answer does not need stderr.
            if stream is self.out:
                raise OutputError(_write_failure(error)) from None


def _shows_colours() -> bool:
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _terminal_size(stream: TextIO) -> os.terminal_size:
    """Columns and lines of the terminal that a stream goes to."""
    try:
        size = os.get_terminal_size(stream.fileno())
    except (OSError, ValueError):
        size = os.terminal_size((0, 0))
    return os.terminal_size((size.columns or 80, size.lines or 24))


@contextmanager
def output_file(path: Path) -> Generator[TextIO]:
    """A stream whose text replaces this file at the end, if there is any: a failure must not cost the old file.

    Raises UsageError if the file cannot be written, before anything is asked.
    """
    import tempfile

    try:
        if path.is_dir():
            raise UsageError(f"{path} is a directory.", "Give the path of a file.")
        if path.exists() and not path.is_file():
            # A device or a pipe.
            with path.open("w", encoding="utf-8", errors="replace", newline="") as stream:
                yield stream
            return
        path = path.resolve()
        mode = path.stat().st_mode & 0o777 if path.exists() else 0o600
        if path.exists() and not os.access(path, os.W_OK):
            raise PermissionError(13, "Permission denied")
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:50]}.")
    except OSError as error:
        raise UsageError(f"Cannot write {path}: {error.strerror}.", "Choose another file.") from None
    part = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="replace", newline="") as stream:
            yield stream
        if part.stat().st_size:
            part.chmod(mode)
            part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def replace_file(path: Path, text: str) -> None:
    """Write a file that is no secret, with its directory. Raises UsageError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}.new")
        part.write_text(text, encoding="utf-8", newline="\n")
        part.replace(path)
    except OSError as error:
        raise UsageError(
            f"Cannot write {path}: {error.strerror}.", "Fix its permissions, or write it yourself."
        ) from None


def _write_failure(error: OSError) -> str:
    # A stream that was closed before the start has a read-only replacement, whose error has no text.
    return "" if isinstance(error, BrokenPipeError) else error.strerror or _CLOSED


def _divert(stream: TextIO) -> None:
    """Discard what is left in a broken stream, which Python would try to write again at exit."""
    with suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)


def run_guarded(work: Callable[[], int], output: Output) -> int:
    """Run `work` and return its exit code. Errors are reported."""
    try:
        return work()
    except KeyboardInterrupt:
        return STOPPED
    except Exception as error:
        code = report_failure(error, output)
        if code is None:
            raise
        return code


def report_failure(error: Exception, output: Output) -> int | None:
    """Report what ended a command, and return the exit code; None for an unexpected error."""
    match error:
        case AmbiguousSessionError():
            output.print_candidates(error)
            return exit_code(error)
        case StepchatError() if not shortage(error):
            output.print_error(error)
            return exit_code(error)
        case OutputError():
            return _report_lost_output(str(error), output)
        case OSError(filename=None) if not shortage(error):
            # Only a stream has no file name. Something other than `output` wrote to it.
            _divert(output.out)
            return _report_lost_output(_write_failure(error), output)
        case _:
            return None


def _report_lost_output(reason: str, output: Output) -> int:
    if reason:
        hint = "Leave it open, or name a file" if reason == _CLOSED else "Free some space, or write elsewhere"
        output.print_notice(f"Cannot write to stdout: {reason}. {hint}.")
    return FAILED


def exit_code(error: StepchatError) -> int:
    """The exit code of the program after this error."""
    match error:
        case ApiKeyError():
            return NO_KEY
        case UsageError() | ConfigError() | AmbiguousSessionError():
            return USAGE
        case _:
            return FAILED
