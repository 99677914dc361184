"""What the server did not take lately, for those who say what is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stepchat.chat.request import refused_settings
from stepchat.reasoning.effort import REFUSED, setting, settings_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stepchat.chat.workspace import Workspace
    from stepchat.messages import Json


class Refusals:
    """Of one model at a time: the one that was asked about last."""

    def __init__(self) -> None:
        self._model = ""
        self._refused: Mapping[str, float] = {}

    async def learn(self, workspace: Workspace, model: str) -> None:
        """Read it anew. Raises StoreError."""
        refused = await refused_settings(workspace.store, workspace.client.base_url, model)
        self._model, self._refused = model, refused

    def why(self, model: str, name: str, value: Any) -> str:
        """Why a setting does not leave, "" when it does."""
        return REFUSED if model == self._model and setting(name, value) in self._refused else ""

    def any_of(self, model: str, parameters: Json) -> bool:
        """Whether one of the efforts that are set was not taken."""
        return model == self._model and any(name in self._refused for name in settings_of(parameters))
