"""The last screen of the session that is being resumed, so that its text is there before anything heavy is imported.

The window saves it when it ends (ChatScreen.save_page). It is painted only if the next window would paint the same:
for the same terminal, size, colours and version, the same last message, and an empty prompt.
"""

import os

from stepchat import __version__
from stepchat.first_frame.files import database_path
from stepchat.first_frame.picture import DEPTHS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stepchat.first_frame.picture import FrameStyle

PROMPT_AND_STATUS = 3
"""Rows below the transcript: a rule, an empty prompt, the status line."""

_NEWEST = """
    SELECT session FROM message JOIN session ON session.id = message.session
    WHERE messages > 0 AND deleted IS NULL ORDER BY message.number DESC LIMIT 1"""
_PAGE = """
    SELECT page.rows FROM page JOIN session ON session.id = page.session
    WHERE session.id = ? AND deleted IS NULL AND page.leaf = session.leaf AND page.key = ?
    AND draft IN ('', '""')"""


def requested_session(argv: "Sequence[str]") -> "str | None":
    """The ID of the session that a command line resumes, "" for the newest one; None if it asks for anything else."""
    asked = None
    words = [word for word in argv if word != "--demo"]
    match words:
        case ["-c" | "--continue"]:
            asked = ""
        case ["--resume", session]:
            asked = session
        case [word] if word.startswith("--resume="):
            asked = word.partition("=")[2]
        case _:
            pass
    return asked


def page_key(size: "tuple[int, int]", depth: str, style: "FrameStyle", environ: "Mapping[str, str]") -> str:
    """Everything, besides its messages, that decides how a session looks."""
    terminal = [environ.get(name, "") for name in ("TERM", "TERM_PROGRAM", "COLORTERM")]
    return "\t".join([__version__, *map(str, size), depth, *terminal, *style.styles.values()])


def read_page(
    argv: "Sequence[str]", environ: "Mapping[str, str]", size: "tuple[int, int]", depth: str, style: "FrameStyle"
) -> "list[str]":
    """The rows above the prompt with their colours, "" for a blank one; none if there is no screen that fits."""
    session = requested_session(argv)
    path = database_path(environ)
    if session is None or depth == DEPTHS[-1] or not os.path.isfile(path):  # noqa: PTH113 - pathlib is not loaded yet
        return []
    try:
        # The C module: sqlite3 would import datetime.
        import _sqlite3

        # Percent-encoded as SQLite's URIs need it.
        name = path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
        connection = _sqlite3.connect(f"file:{name}?mode=ro", uri=True, timeout=0)
        try:
            if not session:
                (session,) = connection.execute(_NEWEST).fetchone()
            found = connection.execute(_PAGE, (session, page_key(size, depth, style, environ))).fetchone()
        finally:
            connection.close()
        rows = found[0].split("\n")
    except Exception:  # noqa: BLE001 - whatever is wrong with the database, the window reports it
        return []
    return rows if len(rows) == size[1] - PROMPT_AND_STATUS and all(map(is_safe, rows)) else []


def is_safe(row: str) -> bool:
    """Whether a row is printable text with colours and links and nothing else: a damaged file must not reach the terminal."""
    first, *others = row.split("\x1b")
    texts = [first]
    for piece in others:
        sgr, end, text = piece.partition("m")
        if sgr.startswith("[") and end and not sgr[1:].strip("0123456789;"):
            texts.append(text)
        elif piece.startswith(("]8;", "\\")):  # a link begins, or the end of its sequence
            texts.append(piece)
        else:
            return False
    return all(text.isprintable() for text in texts)
