"""The simulated pumps as the story meets them: keys that a clinician presses, the screen she sees, and each pump's own log as a witness."""

import http.client
import json
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from interop.demo.browser import Page, read_page
from interop.demo.processes import Missing

ASK_S: Final = 60


@dataclass(frozen=True, slots=True)
class Place:
    """A channel of a pump; ``str`` is its scanned label."""

    pump: str
    channel: str

    def __str__(self) -> str:
        return f"{self.pump}/{self.channel}"


class PumpDesk:
    """Asks by HTTP, on this machine."""

    def __init__(self, panel: str, control: str, key_file: Path) -> None:
        """``panel``, ``control``: the addresses that the fleet printed. Raises: OSError."""
        self._panel = panel
        self._at = control.removeprefix("http://").rstrip("/")
        self._key = key_file.read_text(encoding="ascii").strip()

    def screen(self, pump: str) -> dict[str, Any]:
        """What stands on the pump's screen, and the amounts exactly. Raises: Missing."""
        return self._ask("GET", f"/pumps/{pump}")

    def panel(self, pump: str) -> Page:
        """The pump's panel as it is in a browser. Raises: Missing."""
        try:
            with urllib.request.urlopen(f"{self._panel}pumps/{pump}", timeout=ASK_S) as response:
                return read_page(response.status, f"/pumps/{pump}", response.read().decode())
        except OSError as fault:
            raise Missing(f"the panel of {pump} cannot be read: {fault}") from None

    def channel(self, place: Place) -> dict[str, Any]:
        """The screen of one channel. Raises: Missing."""
        found = [each for each in self.screen(place.pump)["channels"] if each["channel_id"] == place.channel]
        if len(found) != 1:
            raise Missing(f"{place.pump} has no channel {place.channel}")
        return dict(found[0])

    def press(self, pump: str, key: str, **values: str) -> None:
        """One key. Raises: Missing: the pump says why it does nothing."""
        refused = self._ask("POST", f"/pumps/{pump}/keys", {"key": key, "values": values})["refused"]
        if refused:
            raise Missing(f"{pump}: the key {key} does nothing: {refused}")

    def fault(self, pump: str, name: str) -> None:
        """One of ``pump-sim faults``, or ``cable-out``, ``cable-in``, ``power-loss``. Raises: Missing."""
        self._ask("POST", f"/pumps/{pump}/faults", {"name": name})

    def log(self, pump: str) -> list[dict[str, Any]]:
        """Every log frame that the pump ever numbered. Raises: Missing."""
        frames: list[dict[str, Any]] = []
        while (said := self._ask("GET", f"/pumps/{pump}/log?after={len(frames)}"))["frames"]:
            frames += said["frames"]
        return frames

    def _ask(self, method: str, path: str, document: Mapping[str, Any] | None = None) -> dict[str, Any]:
        connection = http.client.HTTPConnection(self._at, timeout=ASK_S)
        try:
            body = None if document is None else json.dumps(document)
            connection.request(method, path, body, {"X-Demo-Key": self._key})
            response = connection.getresponse()
            said = json.loads(response.read())
        except (OSError, http.client.HTTPException, ValueError) as fault:
            raise Missing(f"the simulated pumps at {self._at} do not answer: {type(fault).__name__}") from None
        finally:
            connection.close()
        if response.status != 200:
            raise Missing(f"the simulated pumps: {said.get('error', response.status)}")
        return dict(said)
