"""``interop demo``: START HERE. A folder, the processes in it, the story, and the end of all of them."""

import contextlib
import select
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TextIO

from interop.demo.clock import FASTEST
from interop.demo.hospital import Hospital, Opening
from interop.demo.processes import Missing, Stopped, Stopping
from interop.demo.story import STORY
from interop.demo.telling import Teller, Told

PROVEN, FAILED, WRONG_USE = 0, 1, 2

MARK: Final = "SIMULATED: no patient, no drug and no pump here is real."


@dataclass(frozen=True, slots=True)
class Options:
    """``folder``: where all files go; None: a temporary one, which is removed afterwards unless ``keep`` or the story failed."""

    once: bool = False
    folder: Path | None = None
    keep: bool = False
    speed: int = 120


def demo(options: Options, *, out: TextIO, err: TextIO) -> int:
    """Play the story. Returns: 0: every step was proven; 1: not so, or it could not be played; 2: wrong use."""
    if not 1 <= options.speed <= FASTEST:
        err.write(f"interop: --speed is a whole number from 1 to {FASTEST}\n")
        return WRONG_USE
    if options.folder is not None and options.folder.exists() and (not options.folder.is_dir() or any(options.folder.iterdir())):
        err.write(f"interop: {options.folder} is not an empty folder; name one that is empty or not there yet\n")
        return WRONG_USE
    folder = options.folder if options.folder is not None else Path(tempfile.mkdtemp(prefix="interop-demo-"))
    say = _saying(out)
    is_kept = True
    try:
        with _signals() as stopping:
            code = _play(options, folder.absolute(), say, stopping)
            is_kept = options.keep or options.folder is not None or code != PROVEN
            return code
    except Missing as fault:
        err.write(f"interop: {fault}\n")
        return FAILED
    except OSError as fault:
        err.write(f"interop: {fault.filename or 'the system'}: {fault.strerror or type(fault).__name__}\n")
        return FAILED
    except Stopped:
        is_kept = options.keep or options.folder is not None
        err.write("interop: stopped\n")
        return FAILED
    finally:
        if is_kept:
            say(f"everything of this run is in {folder.absolute()}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


def _play(options: Options, folder: Path, say: Callable[[str], None], stopping: Stopping) -> int:
    """Raises: Missing, Stopped, OSError."""
    begun = time.monotonic()
    say(MARK)
    with Opening(folder, say, stopping, options.speed) as hospital:
        for what, where in hospital.addresses():
            say(f"{what:<8}{where}")
        play = (lambda: True) if options.once else _enter_pressed
        told = Teller[Hospital](say, hospital.trouble, play).tell(STORY, hospital)
        _sum_up(told, folder, say, time.monotonic() - begun)
        if not options.once:
            _stay(hospital, say)
    return PROVEN if told.failure is None else FAILED


def _sum_up(told: Told, folder: Path, say: Callable[[str], None], took_s: float) -> None:
    say("")
    if told.failure is None:
        say(f"{len(told.proven)} steps proven in {took_s:.1f} s: {', '.join(told.proven)}")
        return
    for path in sorted((folder / "logs").iterdir()):
        say(f"log     {path}")
    say(f"log     {folder / 'ehr' / 'journal.jsonl'}")


def _stay(hospital: Hospital, say: Callable[[str], None]) -> None:
    """Up, until somebody ends it."""
    with contextlib.suppress(Stopped):
        say("the hospital stays open; Ctrl-C ends it")
        while not (trouble := hospital.trouble()):
            time.sleep(0.5)
        raise Missing(trouble)


def _enter_pressed() -> bool:
    """Whether the one who watches wants the nurse's part played; without a terminal, a person plays it all."""
    if not sys.stdin.isatty() or not select.select([sys.stdin], [], [], 0)[0]:
        return False
    sys.stdin.readline()
    return True


def _saying(out: TextIO) -> Callable[[str], None]:
    def say(line: str) -> None:
        out.write(line.encode(out.encoding or "utf-8", "backslashreplace").decode(out.encoding or "utf-8") + "\n")
        out.flush()

    return say


@contextlib.contextmanager
def _signals() -> Iterator[Stopping]:
    """SIGINT, SIGTERM and a closed terminal end the demonstration once, and what it started with it; a second one does not disturb that."""

    stopping = Stopping()

    def stop(number: int, frame: object) -> None:
        for each in caught:
            signal.signal(each, signal.SIG_IGN)
        stopping.ask()

    caught = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {each: signal.signal(each, stop) for each in caught}
    try:
        yield stopping
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
