from __future__ import annotations

import sys

from tests.transcript.chat import answered, page
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
