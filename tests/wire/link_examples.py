"""The frames that docs/pump-link.md shows, as they stand there."""

import json
import re
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[2] / "docs" / "pump-link.md"


def shown() -> list[dict[str, Any]]:
    """Every frame of the page, in its order."""
    return [json.loads(block) for block in re.findall(r"```json\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)]


def of_pumps() -> list[dict[str, Any]]:
    return [frame for frame in shown() if frame["frame"] not in SERVERS]


SERVERS = {"ack", "offer", "withdraw", "read_back", "associate", "dissociate", "library_available"}
