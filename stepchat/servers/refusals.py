"""What the server did not take lately, for those who say what is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stepchat.chat.request import rejected_settings
from stepchat.reasoning.effort import REJECTED_SETTING, reasoning_settings, setting_key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stepchat.chat.workspace import Workspace
    from stepchat.messages import Json


class RejectedSettings:
    """Of one model at a time: the one that was asked about last."""

    def __init__(self) -> None:
        self._model = ""
        self._refused: Mapping[str, float] = {}

    async def load(self, workspace: Workspace, model: str) -> None:
        """Read it anew. Raises StoreError."""
        refused = await rejected_settings(workspace.store, workspace.client.base_url, model)
        self._model, self._refused = model, refused

    def reason(self, model: str, name: str, value: Any) -> str:
        """Why a setting does not leave, "" when it does."""
        return REJECTED_SETTING if model == self._model and setting_key(name, value) in self._refused else ""

    def rejects_effort(self, model: str, parameters: Json) -> bool:
        """Whether one of the efforts that are set was not taken."""
        return model == self._model and any(name in self._refused for name in reasoning_settings(parameters))
