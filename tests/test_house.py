"""Rules that no linter knows: names, the length of functions, the top level, who may import what from outside."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parent.parent
MODULES = sorted(path for folder in ("stepchat", "tests") for path in (ROOT / folder).rglob("*.py"))
PACKAGE = [path for path in MODULES if path.is_relative_to(ROOT / "stepchat")]

TOP_LEVEL = {"pyproject.toml", "README.md", "LICENSE", "stepchat", "tests", "themes"}
FUNCTION_LINES = 50
VAGUE = {"util", "helper", "common", "manager", "service", "handler"}

MAY_IMPORT = {
    "textual": ("stepchat.tui", "stepchat.transcript"),
    "httpx": ("stepchat.servers", "stepchat.tools"),
    "mcp": ("stepchat.tools.mcp",),
    "mcp_types": ("stepchat.tools.mcp",),
    "httpx2": ("stepchat.tools.mcp",),
    "click": ("stepchat.cli",),
    # One catches its errors, the other prints its version.
    "_sqlite3": ("stepchat.first_frame.page",),
    "sqlite3": ("stepchat.sessions", "stepchat.cli.completion", "stepchat.chat.doctor"),
}
# What the transcript may know of Textual and Rich: values, no widget, app or event.
VALUES = {"textual.color", "textual.content", "textual.geometry", "textual.strip", "textual.style"}
VALUES |= {"rich.cells", "rich.color", "rich.segment", "rich.style", "rich.text"}

# Put together here, so that this file does not hold what it looks for.
FOREIGN = re.compile(
    "|".join(
        re.escape(first + rest)
        for first, rest in [
            ("pypi", ".org"),
            ("python", "hosted.org"),
            ("npm", "js.org"),
            ("npm", "js.com"),
            ("crates", ".io"),
            ("index-", "url"),
            ("index_", "url"),
            ("/work", "/main"),
            ("/work", "/scratch"),
            ("/work", "/shared"),
        ]
    )
    + r"|sk-or-v1-[0-9a-f]{32}"
)


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def findings(paths: list[Path], check: Callable[[Path], object]) -> dict[str, object]:
    """What a check finds wrong, by file. One test for all files: each of them would cost more than the check."""
    return {relative(path): found for path in paths if (found := check(path))}


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), str(path))


def dotted(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def words(name: str) -> set[str]:
    """The words of a snake_case or CamelCase name, singular enough to compare."""
    parts = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)
    return {form for part in parts for form in (part.lower(), part.lower().removesuffix("s"))}


def imports(tree: ast.Module, module: str, *, package: bool = False) -> set[str]:
    """Every module imported anywhere in the file; for `from a import b` both a and a.b, since b may be a module."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parents = module.split(".")
            base = parents[: len(parents) - node.level + package] if node.level else []
            source = ".".join([*base, *([node.module] if node.module else [])])
            found |= {source} | {f"{source}.{alias.name}" for alias in node.names}
    return found


def imports_of(path: Path) -> set[str]:
    return imports(tree_of(path), dotted(path), package=path.name == "__init__.py")


def within(module: str, packages: tuple[str, ...] | set[str]) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def tracked() -> list[str]:
    """Files git knows or would add."""
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("not a git checkout")
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, check=True, capture_output=True).stdout.decode()
    return [name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def test_functions_are_short():
    def long(path: Path) -> dict[str, int]:
        return {
            node.name: node.end_lineno - node.lineno + 1
            for node in ast.walk(tree_of(path))
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            and node.end_lineno - node.lineno + 1 > FUNCTION_LINES
        }

    assert findings(MODULES, long) == {}


def test_names_say_something():
    def vague(path: Path) -> set[str]:
        names = set(path.relative_to(ROOT).with_suffix("").parts)
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                names.add(node.name)
        return {name for name in names if words(name) & VAGUE}

    assert findings(MODULES, vague) == {}


def test_libraries_are_imported_only_where_they_belong():
    def astray(path: Path) -> set[str]:
        return {
            name
            for name in imports_of(path)
            for library, homes in MAY_IMPORT.items()
            if within(name, (library,)) and not within(dotted(path), homes)
        }

    assert findings(PACKAGE, astray) == {}


def test_transcript_knows_no_widget():
    def widgets(path: Path) -> set[str]:
        return {name for name in imports_of(path) if within(name, ("textual", "rich")) and not within(name, VALUES)}

    transcript = [path for path in PACKAGE if within(dotted(path), ("stepchat.transcript",))]
    assert transcript
    assert findings(transcript, widgets) == {}


def test_no_inheritance_of_our_own():
    """Except for errors, dialogs, those with a filter, and pages."""

    def heirs(path: Path) -> set[str]:
        ours = {
            alias.asname or alias.name
            for node in ast.walk(tree_of(path))
            if isinstance(node, ast.ImportFrom) and (node.level or within(node.module or "", ("stepchat",)))
            for alias in node.names
        }
        classes = [node for node in ast.walk(tree_of(path)) if isinstance(node, ast.ClassDef)]
        ours |= {node.name for node in classes}
        return {
            node.name
            for node in classes
            for base in node.bases
            if ast.unparse(base).split("[")[0].split(".")[0] in ours - {"Dialog", "FilterDialog", "PageDialog"}
            and not node.name.endswith("Error")
        }

    assert findings(PACKAGE, heirs) == {}


def test_no_global_statement():
    def rebound(path: Path) -> list[list[str]]:
        return [node.names for node in ast.walk(tree_of(path)) if isinstance(node, ast.Global)]

    assert findings(PACKAGE, rebound) == {}


def test_top_level_is_fixed():
    visible = {name.split("/")[0] for name in tracked() if not name.startswith(".")}
    assert visible == TOP_LEVEL


def test_no_registry_no_path_of_a_machine_no_key():
    found = {
        f"{name}: {match[0]}"
        for name in tracked()
        if (match := FOREIGN.search((ROOT / name).read_bytes().decode("utf-8", "replace")))
    }
    assert found == set()


def test_the_checks_see_what_they_are_for():
    assert words("HTTPHandlers_of_commonThings") == {"http", "handlers", "handler", "of", "common", "things", "thing"}
    assert words("handle_uncommon_serviced") & VAGUE == set()
    source = "import a.b\nfrom c import d\nfrom . import e\nfrom ..f import g\ndef h():\n    import i\n"
    found = {"a.b", "c", "c.d", "i", "x.y", "x.y.e", "x.f", "x.f.g"}
    assert imports(ast.parse(source), "x.y.z") == found
    assert imports(ast.parse(source), "x.y", package=True) == found
    assert within("textual.widgets", ("textual",))
    assert not within("textualize", ("textual",))
    assert FOREIGN.search("see https://" + "pypi" + ".org/x")
