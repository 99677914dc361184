import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [
        ("stepchat.transcript.markdown.incremental", ["textual", "rich", "markdown_it", "pygments"]),
        ("stepchat.text.sanitize", ["textual", "rich", "markdown_it", "pygments"]),
        (
            "stepchat.transcript.viewport",
            ["textual.app", "textual.widget", "markdown_it", "pygments"],
        ),
        ("stepchat.tui.transcript.view", ["markdown_it", "pygments.lexers", "httpx"]),
    ],
)
def test_nothing_heavy_is_imported_before_it_is_needed(module, unwanted):
    program = f"import sys, {module}\nprint(*[name for name in {unwanted!r} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert found.stdout.split() == []
