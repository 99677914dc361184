"""A plain reader of event streams, so that the demo server is not judged by stepchat's own client."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from stepchat import lossless_json

if TYPE_CHECKING:
    import httpx

CHAT = "/chat/completions"


@dataclass
class Reading:
    """What a stream said."""

    status: int
    headers: dict[str, str]
    data: bytes
    events: list[str] = field(default_factory=list)
    comments: int = 0

    @property
    def chunks(self) -> list[dict[str, Any]]:
        parsed = []
        for event in self.events:
            try:
                value = lossless_json.loads(event)
            except ValueError:
                continue
            if isinstance(value, dict):
                parsed.append(value)
        return parsed

    @property
    def choices(self) -> list[dict[str, Any]]:
        return [choice for chunk in self.chunks for choice in chunk.get("choices", [])]

    @property
    def deltas(self) -> list[dict[str, Any]]:
        return [choice["delta"] for choice in self.choices]

    def joined(self, name: str) -> str:
        return "".join(delta.get(name) or "" for delta in self.deltas)

    @property
    def text(self) -> str:
        return self.joined("content")

    @property
    def reasoning(self) -> str:
        return self.joined("reasoning")

    @property
    def details(self) -> list[Any]:
        return [entry for delta in self.deltas for entry in delta.get("reasoning_details", [])]

    @property
    def finish(self) -> list[str]:
        return [choice["finish_reason"] for choice in self.choices if choice["finish_reason"]]

    @property
    def usage(self) -> list[dict[str, Any]]:
        return [chunk["usage"] for chunk in self.chunks if chunk.get("usage")]

    @property
    def done(self) -> bool:
        return self.events[-1:] == ["[DONE]"]

    @property
    def error(self) -> dict[str, Any]:
        return json.loads(self.data)["error"]


def body_of(question: str, *earlier: dict[str, Any], **more: Any) -> dict[str, Any]:
    messages = [*earlier, {"role": "user", "content": question}]
    return {"model": "stepfun/step-3.5-flash", "stream": True, "messages": messages, **more}


def ask(client: httpx.Client, question: str, *earlier: dict[str, Any], **more: Any) -> Reading:
    """Send a question and read the answer to its end."""
    with client.stream("POST", CHAT, json=body_of(question, *earlier, **more)) as response:
        data = response.read()
        return read(data, response.status_code, dict(response.headers))


def read(data: bytes, status: int = 200, headers: dict[str, str] | None = None) -> Reading:
    reading = Reading(status, headers or {}, data)
    text = data.decode().removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    for block in text.split("\n\n"):
        lines = block.split("\n")
        reading.comments += sum(line.startswith(":") for line in lines)
        values = [line.removeprefix("data:").removeprefix(" ") for line in lines if line.startswith("data:")]
        if values:
            reading.events.append("\n".join(values))
    return reading


def whole(client: httpx.Client, question: str, *earlier: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The completion of a request that does not stream."""
    response = client.post(CHAT, json=body_of(question, *earlier, **more) | {"stream": False})
    assert response.status_code == 200, response.text
    return lossless_json.loads(response.text)


def as_message(completion: dict[str, Any]) -> dict[str, Any]:
    """The assistant message as it should go back with the next request."""
    message = completion["choices"][0]["message"]
    kept = ("role", "content", "reasoning_details", "tool_calls")
    return {key: message[key] for key in kept if message.get(key) is not None}
