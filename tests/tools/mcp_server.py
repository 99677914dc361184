"""A small MCP server: on stdio, or with --http on a port that it prints. Standard library only, so that it starts at once.

With a file as its argument, it notes there what it gets.
"""

from __future__ import annotations

import base64
import json
import os
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PIXEL = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"\0" * 20).decode()
TEXT = {"type": "object", "properties": {"text": {"type": "string"}}}


def tools(changed: bool) -> list[dict]:
    names = ["echo", "fail", "image", "structured", "slow", "crash", "spawn", "show env", "change", "refuse", "noise"]
    return [
        {
            "name": name,
            "description": f"{name}s{' and tells everybody' if changed and name == 'echo' else ''}.",
            "inputSchema": TEXT,
            "annotations": {"readOnlyHint": name == "echo"},
        }
        for name in names
    ]


class Server:
    def __init__(self, send, notes: str) -> None:
        self.send = send
        self.notes = notes
        self.changed = False
        self.cancelled: dict[object, threading.Event] = {}

    def note(self, text: str) -> None:
        if self.notes:
            with Path(self.notes).open("a") as file:
                file.write(text + "\n")

    def handle(self, message: dict) -> dict | None:
        """The answer to a request; None for a notification."""
        method, params, number = message.get("method"), message.get("params") or {}, message.get("id")
        if method == "notifications/cancelled":
            self.note("cancelled")
            self.cancelled.setdefault(params["requestId"], threading.Event()).set()
        if number is None:
            return None
        try:
            return {"jsonrpc": "2.0", "id": number, "result": self.result(method, params, number)}
        except LookupError as error:
            return {"jsonrpc": "2.0", "id": number, "error": {"code": -32601, "message": f"No {error}"}}

    def result(self, method: str, params: dict, number: object) -> dict:
        match method:
            case "initialize":
                self.note("start")
                capabilities = {"tools": {"listChanged": True}, "resources": {}, "prompts": {}}
                info = {"name": "small", "version": "1"}
                return {"protocolVersion": "2025-06-18", "capabilities": capabilities, "serverInfo": info}
            case "tools/list":
                half, rows = len(tools(False)) // 2, tools(self.changed)
                if params.get("cursor"):
                    return {"tools": rows[half:]}
                return {"tools": rows[:half], "nextCursor": "more"}
            case "tools/call":
                self.note(f"call {params['name']}")
                return self.call(params["name"], params.get("arguments") or {}, params, number)
            case "resources/list":
                row = {
                    "uri": "note://today",
                    "name": "today",
                    "description": "What is on today",
                    "mimeType": "text/plain",
                }
                return {"resources": [row, {"uri": "pic://dot", "name": "dot", "mimeType": "image/png"}]}
            case "resources/templates/list":
                return {"resourceTemplates": [{"uriTemplate": "note://{day}", "name": "a day"}]}
            case "resources/read":
                if params["uri"].startswith("pic:"):
                    return {"contents": [{"uri": params["uri"], "mimeType": "image/png", "blob": PIXEL}]}
                return {"contents": [{"uri": params["uri"], "text": f"Of {params['uri']}: nothing."}]}
            case "prompts/list":
                need = [{"name": "code", "required": True}, {"name": "style", "required": False}]
                return {
                    "prompts": [{"name": "review", "description": "Review code", "arguments": need}, {"name": "hi"}]
                }
            case "prompts/get":
                words = " ".join(f"{key}={value}" for key, value in (params.get("arguments") or {}).items())
                content = {"type": "text", "text": f"{params['name']}: {words}".rstrip(": ")}
                return {"messages": [{"role": "user", "content": content}]}
            case _:
                raise LookupError(method)

    def call(self, name: str, given: dict, params: dict, number: object) -> dict:
        text = given.get("text", "")
        content = [{"type": "text", "text": text}]
        match name:
            case "fail":
                return {"content": [{"type": "text", "text": "no luck"}], "isError": True}
            case "image":
                return {"content": [{"type": "image", "data": PIXEL, "mimeType": "image/png"}]}
            case "structured":
                return {"content": [], "structuredContent": {"n": 1}}
            case "slow":
                token = (params.get("_meta") or {}).get("progressToken")
                if token is not None:
                    note = {"progressToken": token, "progress": 1, "total": 4, "message": "a quarter"}
                    self.send({"jsonrpc": "2.0", "method": "notifications/progress", "params": note})
                self.cancelled.setdefault(number, threading.Event()).wait(60)
            case "crash":
                print("out of luck", file=sys.stderr, flush=True)
                os._exit(3)
            case "spawn":
                # Two processes that read nothing and so notice nothing: this one, and one that it starts.
                child = os.fork()
                if child:
                    self.note(f"pids {os.getpid()} {child}")
                time.sleep(60)
            case "show env":
                content = [{"type": "text", "text": json.dumps(dict(os.environ))}]
            case "change":
                self.changed = True
                self.send({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"})
            case "refuse":
                raise LookupError("\x1b[31mway")
            case "noise":
                print("this is not JSON", flush=True)
        return {"content": content}


def stdio(notes: str) -> None:
    lock = threading.Lock()

    def send(message: dict) -> None:
        with lock:
            print(json.dumps(message), flush=True)

    server = Server(send, notes)

    def answer(message: dict) -> None:
        if (reply := server.handle(message)) is not None:
            send(reply)

    for line in sys.stdin:
        threading.Thread(target=answer, args=(json.loads(line),), daemon=True).start()
    server.note("end")


class Connection(BaseHTTPRequestHandler):
    mcp: Server

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.headers.get("authorization") != "Bearer open-sesame-1234":
            return self.answer(401, {"error": "who are you?"})
        reply = self.mcp.handle(body)
        return self.answer(202 if reply is None else 200, reply)

    def do_GET(self) -> None:
        self.answer(405, None)

    do_DELETE = do_GET

    def answer(self, status: int, body: object) -> None:
        data = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None: ...


if __name__ == "__main__":
    arguments = [one for one in sys.argv[1:] if one != "--http"]
    if "--http" in sys.argv:
        Connection.mcp = Server(lambda _: None, arguments[0] if arguments else "")
        served = ThreadingHTTPServer(("127.0.0.1", 0), Connection)
        print(served.server_port, flush=True)
        served.serve_forever()
    stdio(arguments[0] if arguments else "")
