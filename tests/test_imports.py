"""No module imports itself through others, types included."""

from __future__ import annotations

from tests.test_house import PACKAGE, dotted, imports_of

NAMES = {dotted(path) for path in PACKAGE}


def graph() -> dict[str, set[str]]:
    """Which modules of ours each module imports, also under TYPE_CHECKING and inside functions."""
    return {dotted(path): imports_of(path) & NAMES - {dotted(path)} for path in PACKAGE}


def find_cycle(imports: dict[str, set[str]]) -> list[str]:
    """The modules of a cycle in order, the first one again at the end; [] if there is none."""
    done: set[str] = set()

    def search(module: str, above: list[str]) -> list[str]:
        if module in above:
            return [*above[above.index(module) :], module]
        if module in done:
            return []
        for imported in sorted(imports[module]):
            if cycle := search(imported, [*above, module]):
                return cycle
        done.add(module)
        return []

    return next((cycle for module in sorted(imports) if (cycle := search(module, []))), [])


def test_no_import_cycles():
    cycle = find_cycle(graph())
    assert not cycle, " -> ".join(cycle)


def test_a_cycle_is_found():
    assert find_cycle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]
