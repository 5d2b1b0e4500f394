"""All that a process says, whichever way: standard output and error, of Python and below it."""

import io
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass
class Output:
    """What was said; complete once the block has ended."""

    text: str = ""


@contextmanager
def all_output() -> Iterator[Output]:
    """Catches what is written to ``sys.stdout``, ``sys.stderr`` and the two descriptors under them, such as a crash's own report."""
    output = Output()
    with tempfile.TemporaryFile() as kept:
        before = (os.dup(1), os.dup(2))
        streams = (sys.stdout, sys.stderr)
        writer = io.TextIOWrapper(os.fdopen(os.dup(kept.fileno()), "wb"), encoding="utf-8", write_through=True)
        try:
            os.dup2(kept.fileno(), 1)
            os.dup2(kept.fileno(), 2)
            sys.stdout = sys.stderr = writer
            yield output
        finally:
            writer.flush()
            sys.stdout, sys.stderr = streams
            for number, kept_aside in zip((1, 2), before, strict=True):
                os.dup2(kept_aside, number)
                os.close(kept_aside)
            writer.close()
            kept.seek(0)
            output.text = kept.read().decode("utf-8", "replace")
