"""Structured logging on the standard library's: JSON or text lines without patient data (SEC-30), never in the way of the work (SEC-42).

Every module logs with ``logging.getLogger("interop.…")``: a constant sentence, and fields of the closed list in ``extra``:

    log.info("order accepted", extra={"order": "ORD-1", "control_id": "M1", "duration_ms": 4})

What other libraries say is reduced to where they said it; an exception to its type and our own places. Lines wait in a bounded queue for one
thread that writes them, so that a reader which is slow, or gone, holds up nothing.
"""

import json
import logging
import queue
import sys
import threading
from contextlib import suppress
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final, TextIO

from interop.service.log_fields import OURS, Entry, entry_of
from interop.service.settings import Log, LogFormat

CLOSE_WAITS_S: Final = 2
"""How long closing waits, in seconds of wall time, for a reader that does not take the last lines."""

log = logging.getLogger("interop.log")


class Formatter(logging.Formatter):
    """A record as one line of ASCII."""

    def __init__(self, form: LogFormat) -> None:
        super().__init__()
        self._form = form

    def format(self, record: logging.LogRecord) -> str:
        entry = entry_of(record)
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return _as_json(at, entry) if self._form is LogFormat.JSON else _as_text(at, entry)


class LineHandler(logging.Handler):
    """Formats in the caller's thread, writes in its own; a full queue drops the line and counts it. ``close`` writes what waits."""

    def __init__(self, stream: TextIO, formatter: logging.Formatter, bound: int) -> None:
        super().__init__()
        self.setFormatter(formatter)
        self.addFilter(_is_wanted)
        self._stream = stream
        self._lines: queue.Queue[str | None] = queue.Queue(bound)
        self._counting = threading.Lock()
        self._dropped = 0
        self._thread = threading.Thread(target=self._write, name="log", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._lines.put_nowait(self.format(record))
        except Exception:
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:
        """The line is lost and counted; the standard's own way prints the record, message and all."""
        with self._counting:
            self._dropped += 1

    def close(self) -> None:
        if self._thread.is_alive():
            with suppress(queue.Full):
                self._lines.put(None, timeout=CLOSE_WAITS_S)
            self._thread.join(CLOSE_WAITS_S)
        super().close()

    def _write(self) -> None:
        while (line := self._lines.get()) is not None:
            self._put(line)
            if self._dropped and self._lines.empty():
                self._tell_dropped()
        self._tell_dropped()

    def _tell_dropped(self) -> None:
        with self._counting:
            count, self._dropped = self._dropped, 0
        if count:
            record = logging.makeLogRecord(
                {"name": log.name, "levelno": logging.WARNING, "levelname": "WARNING", "msg": "log lines were dropped", "count": count}
            )
            self._put(self.format(record))

    def _put(self, line: str) -> None:
        with suppress(OSError, ValueError):  # the reader has gone; the work goes on
            self._stream.write(line + "\n")
            self._stream.flush()


class Logging:
    """The process's logging while it is set up; ``close`` writes what waits and puts everything back."""

    def __init__(self, settings: Log, stream: TextIO) -> None:
        self.handler = LineHandler(stream, Formatter(settings.format), settings.queue_lines)
        root = logging.getLogger()
        self._before = (root.handlers[:], root.level, logging.raiseExceptions)
        self._hooks = (sys.excepthook, threading.excepthook, sys.unraisablehook)
        root.handlers[:] = [self.handler]
        root.setLevel(settings.level.value.upper())
        logging.raiseExceptions = False
        logging.captureWarnings(True)
        sys.excepthook = _uncaught
        threading.excepthook = _uncaught_in_thread
        sys.unraisablehook = _unraisable

    def close(self) -> None:
        """Idempotent."""
        root = logging.getLogger()
        if root.handlers != [self.handler]:
            return
        sys.excepthook, threading.excepthook, sys.unraisablehook = self._hooks
        logging.captureWarnings(False)
        root.handlers[:], level, logging.raiseExceptions = self._before
        root.setLevel(level)
        self.handler.close()

    def __enter__(self) -> "Logging":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()


def set_up(settings: Log, stream: TextIO | None = None) -> Logging:
    """Make this the only way that anything is logged in this process; to standard error unless ``stream``.

    Uncaught errors, of threads too, and warnings go the same way: the usual traceback prints texts of exceptions.
    """
    return Logging(settings, stream if stream is not None else sys.stderr)


def _is_wanted(record: logging.LogRecord) -> bool:
    """Of other libraries only what warns: without their text, the rest says nothing."""
    return record.name == OURS or record.name.startswith(f"{OURS}.") or record.levelno >= logging.WARNING


def _uncaught(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        log.warning("interrupted from the keyboard")
    else:
        log.critical("the process ends by an error nobody caught", exc_info=error)


def _uncaught_in_thread(lost: threading.ExceptHookArgs) -> None:
    log.critical("a thread ended by an error nobody caught", exc_info=lost.exc_value)


def _unraisable(lost: "sys.UnraisableHookArgs") -> None:
    log.critical("an error that could not be raised", exc_info=lost.exc_value)


def _as_json(at: str, entry: Entry) -> str:
    told: dict[str, Any] = {"at": at, "level": entry.level, "logger": entry.logger, "event": entry.event, **entry.fields}
    if entry.error is not None:
        told["error"] = entry.error
    if entry.refused:
        told["refused"] = entry.refused
    return json.dumps(told)


def _as_text(at: str, entry: Entry) -> str:
    parts = [at, entry.level.upper(), f"{entry.logger}:", entry.event, *(f"{name}={value}" for name, value in entry.fields.items())]
    if entry.error is not None:
        parts.append(f"error={_error_text(entry.error)}")
    if entry.refused:
        parts.append(f"refused={','.join(entry.refused)}")
    return " ".join(parts).encode("ascii", "backslashreplace").decode("ascii")


def _error_text(error: Any) -> str:
    places = f" at {', '.join(error['at'])}" if error["at"] else ""
    number = f" {error['errno']}" if "errno" in error else ""
    group = f" of ({'; '.join(_error_text(each) for each in error['group'])})" if "group" in error else ""
    because = f" because {_error_text(error['because'])}" if "because" in error else ""
    return f"{error['type']}{number}{places}{group}{because}"
