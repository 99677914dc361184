from __future__ import annotations

import sys

from stepchat.transcript import copying
from tests.transcript.chat import answered, asked, page
from tests.transcript.overlays.test_selection import select


def test_what_code_beside_other_text_costs_to_copy_grows_as_the_code_does():
    def calls(lines: int) -> int:
        code = "\n".join(f"x{number} = 1" for number in range(lines))
        viewport = page(answered(f"Look:\n\n```\n{code}\n```\n\nDone."), height=lines + 20)
        selection, counted = select(viewport, "ook", "Done"), [0]

        def count(_frame: object, _event: str, _argument: object) -> None:
            counted[0] += 1

        sys.setprofile(count)
        try:
            copied = selection.text()
        finally:
            sys.setprofile(None)
        assert copied == f"ook:\n\n```\n{code}\n```\n\nDone"
        return counted[0]

    assert calls(400) < 5 * calls(100)


LINKS = """See [the *docs*](https://example.org/docs) and https://bare.example/x, or <mailto:me@example.org>.

- again [here](https://example.org/docs)

| a | b |
|---|---|
| [cell](http://example.org/cell) | [bad](javascript:alert) |

```
https://not.a.link/
```

[by name][n]

[n]: https://example.org/named
"""


ADDRESSES = [
    "https://example.org/docs",
    "https://bare.example/x",
    "mailto:me@example.org",
    "http://example.org/cell",
    "https://example.org/named",
]


def links_of(part):
    return [link for link in copying.links_in(part) if link is not None]


def test_a_search_for_links_can_pause_after_each_block():
    (part,) = page(answered("one https://a.example\n\n" * 50)).document.messages
    found = list(copying.links_in(part))
    assert len(links_of(part)) == 50
    assert all(found[at] is None or found[at - 1] is None for at in range(1, len(found)))


def test_only_safe_addresses_become_links():
    old = answered("[old](https://old.example), [again](https://bare.example/x)")
    parts = page(old, asked(), answered(LINKS)).document.messages
    found = links_of(parts[2])
    assert list(dict.fromkeys(target for _, target in found)) == ADDRESSES
    assert ("cell", "http://example.org/cell") in found
    assert [text for text, _ in links_of(parts[0])] == ["old", "again"]
    assert links_of(parts[1]) == []


def test_code_is_the_last_block_of_the_newest_answer():
    document = page(
        answered("```\nold\n```"), asked("```\nmine\n```"), answered("```\na\n```\n\n```c\nb\n\nc\n```")
    ).document
    assert copying.last_code(document) == "b\n\nc"
    assert [fence.source for fence in copying.code_blocks(document, 2)] == ["a", "b\n\nc"]
    assert [fence.source for fence in copying.code_blocks(document, 0)] == ["old"]
    assert copying.code_blocks(document, 1) == []
    assert copying.last_code(page(asked()).document) == ""
