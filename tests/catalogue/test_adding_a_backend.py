"""Adding a server touches one row of catalogue/backends.py; everything else follows."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import sys
from pathlib import Path

import stepchat.catalogue.backends as backends

ROW = backends.Backend("nova", "Nova", "http://127.0.0.1:9191/v1", "NOVA_API_KEY", reasoning_field="inner_voice")
backends.BACKENDS = (*backends.BACKENDS[:-1], ROW, backends.BACKENDS[-1])

from stepchat.chat.connection import known_servers
from stepchat.config.file import read_config
from stepchat.docs.generate import TABLES
from stepchat.messages import AssistantMessage, UserMessage
from stepchat.reasoning.fields import reasoning_text
from stepchat.reasoning.replay import Target
from stepchat.servers.chunks import ChunkReader
from stepchat.servers.sse import SseEvent
from stepchat.servers.wire import request_body

config = Path(sys.argv[1])
config.write_text("server = 'nova'\\n[servers.box]\\nbase_url = 'http://10.0.0.1/v1'\\nprofile = 'nova'\\n")
print("config", read_config(config).server)
print("picker", [server.name for server in known_servers(read_config(config)) if "nova" in server.name])
chunk = '{"choices": [{"delta": {"inner_voice": "Hm."}}]}'
delta = ChunkReader().read([SseEvent(chunk)])
print("reader", delta.reasoning, delta.reasoning_field)
answer = AssistantMessage(
    text="Yes.", reasoning=delta.reasoning, reasoning_field=delta.reasoning_field, model_asked="m", server=ROW.base_url
)
body = request_body([UserMessage("Why?"), answer, UserMessage("And?")], Target(ROW, ROW.base_url, "m"))
print("replay", body["messages"][1]["inner_voice"])
print("ledger", reasoning_text(body["messages"][1]))
print("docs", "NOVA_API_KEY" in TABLES["servers"]())
"""


def test_a_row_is_all_that_a_server_needs(tmp_path):
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "config.toml")], capture_output=True, text=True, check=False
    )
    assert ran.stderr == ""
    assert ran.stdout.splitlines() == [
        "config nova",
        "picker ['nova']",
        "reader Hm. inner_voice",
        "replay Hm.",
        "ledger ('inner_voice', 'Hm.')",
        "docs True",
    ]
