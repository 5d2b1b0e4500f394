"""The story, chapter by chapter."""

from collections.abc import Sequence
from typing import Final

from interop.demo.chapters import running, scanning, starting, trouble
from interop.demo.hospital import Hospital
from interop.demo.step import Step

STORY: Final[Sequence[Step[Hospital]]] = (*starting.STEPS, *running.STEPS, *scanning.STEPS, *trouble.STEPS)
