"""Structured logs without patient data: whatever a caller passes, a name finds no place to stand."""

import ast
import asyncio
import io
import json
import logging
import subprocess
import sys
import textwrap
import threading
import warnings
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interop.service.log import Formatter, LineHandler, set_up
from interop.service.log_fields import FIELDS, WITHHELD, entry_of
from interop.service.settings import Log, LogFormat, LogLevel
from interop.wire.hl7v2.er7 import Message, Unreadable
from tests.service.output import all_output

REPOSITORY = Path(__file__).parents[2]

NAMES = ("MARTINEZ", "Guadalupe", "19471103", "MRN-448812", "77 Elm Street")
"""What no output may hold: a patient's names, day of birth, number and address."""

NUMBERS = NAMES[2:4]
"""Of these, what cannot be told from the number of an order: no caller passes it for one."""

MESSAGE = (
    b"MSH|^~\\&|EHR1|DEMO|||20261123081500-0600||RGV^O15^RGV_O15|M448|P|2.6\r"
    b"PID|1||MRN-448812^^^DEMO||MARTINEZ^Guadalupe||19471103|F|||77 Elm Street\r"
)

log = logging.getLogger("interop.tests")
other = logging.getLogger("somebody.else")


def settings(form: LogFormat = LogFormat.JSON, level: LogLevel = LogLevel.DEBUG, queue_lines: int = 1000) -> Log:
    return Log(level=level, format=form, queue_lines=queue_lines)


def said(tell: Callable[[], object], form: LogFormat = LogFormat.JSON, level: LogLevel = LogLevel.DEBUG) -> list[str]:
    """The lines that are written while ``tell`` runs."""
    stream = io.StringIO()
    with set_up(settings(form, level), stream):
        tell()
    return stream.getvalue().splitlines()


def entry(tell: Callable[[], object]) -> dict[str, Any]:
    (line,) = said(tell)
    found = json.loads(line)
    assert isinstance(found, dict)
    return found


def record(**given: object) -> logging.LogRecord:
    return logging.makeLogRecord({"name": "interop.tests", "levelname": "INFO", "msg": "order accepted", **given})


# ── what a line says ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_line_of_json():
    found = entry(
        lambda: log.info(
            "order accepted", extra={"order": "ORD-1", "message_type": "RGV^O15^RGV_O15", "duration_ms": 4, "is_resend": False}
        )
    )
    at = found.pop("at")
    assert at.endswith("Z")
    assert len(at) == len("2026-11-23T08:15:00.123Z")
    assert found == {
        "level": "info",
        "logger": "interop.tests",
        "event": "order accepted",
        "order": "ORD-1",
        "message_type": "RGV^O15^RGV_O15",
        "duration_ms": 4,
        "is_resend": False,
    }


def test_a_line_for_people():
    (line,) = said(lambda: log.warning("lane held back", extra={"destination": "ehr1", "lane": 3}), LogFormat.TEXT)
    assert line.split(" ", 1)[1] == "WARNING interop.tests: lane held back destination=ehr1 lane=3"


def test_a_sentence_is_filled_in_with_fields_by_name():
    found = entry(lambda: log.error("the store is %(state)s", {"state": "failing", "errno": "ENOSPC"}))
    assert found["event"] == "the store is failing"
    assert (found["state"], found["errno"]) == ("failing", "ENOSPC")


def test_the_level_is_kept():
    def tell() -> None:
        log.info("one")
        log.warning("two")

    assert [json.loads(line)["event"] for line in said(tell, level=LogLevel.WARNING)] == ["two"]


def test_what_other_libraries_say_below_a_warning_says_nothing():
    assert said(lambda: other.info("GET /Patient?name=MARTINEZ")) == []


# ── what it does not say ────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_sec_30_a_key_that_is_not_in_the_list_is_dropped_and_named():
    found = entry(lambda: log.info("order accepted", extra={"order": "ORD-1", "patient_name": "MARTINEZ", "PID-5": "Guadalupe"}))
    assert found["order"] == "ORD-1"
    assert found["refused"] == ["patient_name", "a key"]
    assert "MARTINEZ" not in str(found)


def test_sec_30_values_without_a_field_are_dropped():
    found = entry(lambda: log.info("no bed for %s", "MARTINEZ"))
    assert found["event"] == "no bed for %s"
    assert found["refused"] == ["args"]
    found = entry(lambda: log.info("no bed for %(family_name)s in %(state)s", {"family_name": "MARTINEZ", "state": "open"}))
    assert found["event"] == f"no bed for {WITHHELD} in open"
    assert found["refused"] == ["family_name"]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("order", "MARTINEZ^Guadalupe"),
        ("order", "MARTINEZ"),
        ("control_id", "Guadalupe"),
        ("pump", "MARTINEZ"),
        ("channel", "Guadalupe"),
        ("order", "MARTINEZ Guadalupe"),
        ("order", MESSAGE.decode()),
        ("order", "x" * 81),
        ("order", b"ORD-1"),
        ("order", {"a": 1}),
        ("control_id", "M1\nlevel=error"),
        ("state", "x\x1b[2J"),
        ("pump", "LVP–1"),
        ("route", "/fhir/r4/Patient?name=MARTINEZ"),
        ("peer", "MARTINEZ"),
        ("peer", "DNS:a b"),
        ("host", "not a host"),
        ("message_type", "MARTINEZ"),
        ("resource_type", "Guadalupe"),
        ("duration_ms", "4 ms for MARTINEZ"),
        ("count", "4"),
        ("count", 4.5),
        ("count", LogLevel.DEBUG),
        ("since", datetime(1947, 11, 3)),  # noqa: DTZ001 - a day of birth would have no offset
        ("place", "PID-5: MARTINEZ"),
    ],
)
def test_sec_30_a_value_that_has_not_the_form_of_its_field_is_withheld(key: str, value: object):
    found = entry_of(record(**{key: value}))
    assert found.fields == {key: WITHHELD}


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("order", "ORD-2026/11#7", "ORD-2026/11#7"),
        ("order", 4711, "4711"),
        ("channel", "A", "A"),
        ("channel", "LVP1", "LVP1"),
        ("pump", "LVP-0001", "LVP-0001"),
        ("peer", "DNS:ehr.hospital.example", "DNS:ehr.hospital.example"),
        ("peer", "DNS:a.example, URI:urn:ehr:1 at 10.1.2.3", "DNS:a.example, URI:urn:ehr:1 at 10.1.2.3"),
        ("peer", "demo:loopback at ::1", "demo:loopback at ::1"),
        ("peer", "no name at 10.1.2.3", "no name at 10.1.2.3"),
        ("peer", "10.1.2.3", "10.1.2.3"),
        ("host", "ehr.hospital.example", "ehr.hospital.example"),
        ("route", "/fhir/r4/MedicationRequest/{id}", "/fhir/r4/MedicationRequest/{id}"),
        ("resource_type", "MedicationRequest", "MedicationRequest"),
        ("message_type", "ACK", "ACK"),
        ("place", "OBX[2]-5(1).3", "OBX[2]-5(1).3"),
        ("code", "9016.outcome-unknown", "9016.outcome-unknown"),
        ("count", 0, 0),
        ("order", None, None),
        ("state", LogLevel.DEBUG, "debug"),
        ("error_type", KeyError, "KeyError"),
        ("since", datetime(2026, 11, 23, 8, 15, tzinfo=UTC), "2026-11-23T08:15:00+00:00"),
    ],
)
def test_a_value_in_the_form_of_its_field_is_told(key: str, value: object, told: object):
    assert entry_of(record(**{key: value})).fields == {key: told}


@given(st.sampled_from(sorted(FIELDS)), st.text(min_size=1, max_size=60))
def test_sec_30_no_field_holds_two_words(key: str, text: str):
    """What a person writes has blanks or separators; what a field takes has none, but for the two names of a peer."""
    found = entry_of(record(**{key: f"{text} {text}"})).fields[key]
    assert found == WITHHELD


def test_every_field_says_what_it_is():
    for name, field in FIELDS.items():
        assert field.sentence, name
        assert name.isidentifier()


def test_sec_30_what_another_library_says_is_reduced_to_where_it_said_it():
    found = entry(lambda: other.error("could not parse MARTINEZ at %s", "77 Elm Street"))
    assert found["logger"] == "somebody.else"
    assert found["event"].startswith("a record of another library, at test_structured_log.py:")
    assert found["refused"] == ["args", "message"]


def test_sec_30_a_name_in_a_logger_is_withheld():
    found = entry(lambda: logging.getLogger("session of MARTINEZ").error("x"))
    assert found["logger"] == WITHHELD


# ── exceptions ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def fail_on_the_message() -> None:
    """An error of ours whose text, and whose cause's text, quote the message."""
    try:
        Message.parse(MESSAGE.replace(b"PID|", b"pid|MARTINEZ"))
    except Unreadable as fault:
        raise ValueError(f"77 Elm Street: {MESSAGE!r}") from fault


def test_sec_30_an_exception_is_told_by_its_type_and_our_places_only():
    def tell() -> None:
        try:
            fail_on_the_message()
        except ValueError:
            log.exception("intake failed")

    error = entry(tell)["error"]
    assert error["type"] == "ValueError"
    assert error["at"] == []  # these tests are not ours, as far as the log is concerned
    assert error["because"]["type"] == "interop.wire.hl7v2.er7_errors.Unreadable"
    (place,) = [place for place in error["because"]["at"] if place.endswith(" parse")]
    assert place.startswith("wire/hl7v2/er7.py:")


def test_an_error_of_the_operating_system_is_told_by_its_symbol():
    def tell() -> None:
        try:
            Path("/nowhere/MARTINEZ").read_bytes()
        except OSError:
            log.exception("no file")

    (line,) = said(tell, LogFormat.TEXT)
    assert line.endswith("error=FileNotFoundError ENOENT")


def test_a_group_of_errors_is_told_by_its_members_and_a_long_chain_is_cut():
    def tell() -> None:
        error: Exception = ExceptionGroup("MARTINEZ", [KeyError("MARTINEZ"), OSError(28, "77 Elm Street")])
        for _ in range(20):
            outer = RuntimeError("MARTINEZ")
            outer.__cause__ = error
            error = outer
        log.error("many", exc_info=error)
        log.error("group", exc_info=ExceptionGroup("MARTINEZ", [KeyError("MARTINEZ"), OSError(28, "77 Elm Street")]))

    chain, group = said(tell, LogFormat.TEXT)
    assert chain.count("because") == 4
    assert group.endswith("error=ExceptionGroup of (KeyError; OSError ENOSPC)")


# ── every way out ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def say_it_every_way() -> None:
    """Names, numbers and a whole message, to every way by which a process says something without being asked."""
    for name in (*NAMES, MESSAGE.decode()):
        log.info("order accepted", extra={"patient": name, "place": name, "message_type": name})
        if name not in NUMBERS:
            log.info("order accepted", extra={"order": name, "control_id": name, "pump": name, "channel": name})
        log.warning("%s is not known", name)
        other.error(name)
        other.warning("%s is not known", name, extra={"order": name})
        warnings.warn(f"about {name}", stacklevel=1)
    try:
        fail_on_the_message()
    except ValueError:
        log.exception("intake failed", stack_info=True)
        other.exception("about 77 Elm Street")
    thread = threading.Thread(target=fail_on_the_message)
    thread.start()
    thread.join()

    async def forgotten() -> None:
        task = asyncio.create_task(fail_in_a_task())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        del task
        asyncio.get_running_loop().call_exception_handler(
            {"message": "about MARTINEZ", "exception": ValueError("MARTINEZ"), "mrn": "MRN-448812"}
        )

    async def fail_in_a_task() -> None:
        fail_on_the_message()

    asyncio.run(forgotten())

    class Unloved:
        def __del__(self) -> None:
            fail_on_the_message()

    Unloved()

    class Unprintable:
        def __str__(self) -> str:
            raise ValueError("MARTINEZ")

    log.info("order accepted", extra={"order": Unprintable()})
    other.error(Unprintable())
    sys.excepthook(ValueError, ValueError("MARTINEZ"), None)


@pytest.mark.filterwarnings("always")
@pytest.mark.parametrize("form", list(LogFormat))
def test_sec_30_known_names_and_numbers_are_in_no_output(form: LogFormat):
    with all_output() as output, set_up(settings(form)):
        say_it_every_way()
    assert output.text.count("order accepted") == 11
    assert output.text.count("another library") >= 16
    assert output.text.count("Unreadable") == 5  # both loggers, the thread, the task, the finalizer
    for name in NAMES:
        assert name not in output.text
    assert "MARTINEZ" in "".join(NAMES)  # and could have been there


def test_sec_30_an_error_that_nobody_caught_is_told_without_its_text():
    """A process of its own, whose last words are the interpreter's."""
    program = """
        from interop.service.log import set_up
        from interop.service.settings import Log
        from interop.wire.hl7v2.er7 import Message
        set_up(Log())
        try:
            Message.parse(b"MARTINEZ")
        except Exception as fault:
            raise KeyError("MARTINEZ") from fault
    """
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=False
    )
    assert run.returncode == 1
    told = json.loads(run.stderr)
    assert told["event"] == "the process ends by an error nobody caught"
    assert told["error"]["type"] == "KeyError"
    assert "MARTINEZ" not in run.stdout + run.stderr


# ── never in the way ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


class Slow(io.StringIO):
    """A reader that takes nothing until it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.may_read = threading.Event()
        self.is_reading = threading.Event()

    def write(self, text: str) -> int:
        self.is_reading.set()
        self.may_read.wait(60)
        return super().write(text)


def test_sec_42_a_reader_that_is_slow_holds_nobody_up_and_what_is_lost_is_counted():
    stream = Slow()
    logging_ = set_up(settings(queue_lines=100), stream)
    log.info("first")
    stream.is_reading.wait(60)
    for _ in range(150):
        log.info("more")  # would wait for ever if it waited for the reader
    stream.may_read.set()
    logging_.close()
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["event"] for line in lines[:101]] == ["first", *["more"] * 100]
    assert [(line["event"], line["count"]) for line in lines[101:]] == [("log lines were dropped", 50)]


def test_a_reader_that_has_gone_stops_nothing():
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    with set_up(settings(), Gone()):
        log.info("nobody hears this")


def test_closing_does_not_wait_for_ever_for_a_reader(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("interop.service.log.CLOSE_WAITS_S", 0)
    stream = Slow()
    handler = LineHandler(stream, Formatter(LogFormat.JSON), 1)
    handler.handle(record())
    stream.is_reading.wait(60)
    handler.handle(record())
    handler.close()
    stream.may_read.set()


def test_a_record_that_cannot_be_formatted_is_counted(monkeypatch: pytest.MonkeyPatch):
    def broken(given: logging.LogRecord) -> object:
        if given.name == "interop.tests":
            raise ValueError("MARTINEZ")
        return entry_of(given)

    monkeypatch.setattr("interop.service.log.entry_of", broken)
    found = entry(lambda: log.info("x"))
    assert (found["event"], found["count"]) == ("log lines were dropped", 1)


def test_everything_is_as_before_when_it_is_closed():
    root = logging.getLogger()
    before = (
        root.handlers[:],
        root.level,
        logging.raiseExceptions,
        sys.excepthook,
        threading.excepthook,
        sys.unraisablehook,
        warnings.showwarning,
    )
    logging_ = set_up(settings(), io.StringIO())
    assert sys.excepthook is not before[3]
    logging_.close()
    logging_.close()
    after = (
        root.handlers[:],
        root.level,
        logging.raiseExceptions,
        sys.excepthook,
        threading.excepthook,
        sys.unraisablehook,
        warnings.showwarning,
    )
    assert after == before


def test_lines_of_many_threads_stay_whole():
    stream = io.StringIO()
    with set_up(settings(), stream):
        threads = [threading.Thread(target=lambda: [log.info("x", extra={"count": n}) for n in range(20)]) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len([json.loads(line) for line in stream.getvalue().splitlines()]) == 160


# ── how the product calls it ────────────────────────────────────────────────────────────────────────────────────────────────────────────

CALLS = {"debug", "info", "warning", "error", "exception", "critical", "log"}


def faults_of_calls(source: str, path: str) -> Iterator[str]:
    """The calls of a logger that do not give a constant sentence, and fields of the closed list by name."""
    for node in ast.walk(ast.parse(source)):
        if not (
            isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CALLS and is_logger(node.func.value)
        ):
            continue
        given = node.args[1:] if node.func.attr == "log" else node.args
        where = f"{path}:{node.lineno}"
        if not given or not (isinstance(given[0], ast.Constant) and isinstance(given[0].value, str)):
            yield f"{where}: the sentence is not constant"
        fields = [*given[1:], *(keyword.value for keyword in node.keywords if keyword.arg == "extra")]
        for each in fields:
            if not isinstance(each, ast.Dict):
                yield f"{where}: a value without a field: write extra={{'field': value}}"
                continue
            for key in each.keys:
                if not (isinstance(key, ast.Constant) and key.value in FIELDS):
                    yield f"{where}: {ast.unparse(key) if key else '**'} is no field of log_fields.FIELDS"


def is_logger(node: ast.expr) -> bool:
    """``log``, ``logger``, ``_log``, ``self._log``, ``logging`` and ``logging.getLogger(…)``."""
    text = ast.unparse(node)
    return text.startswith("logging.getLogger(") or text.rpartition(".")[2].lstrip("_").lower() in ("log", "logger", "logging")


def test_sec_30_every_line_of_the_product_is_a_constant_sentence_with_fields_of_the_list():
    found = [
        fault
        for path in sorted((REPOSITORY / "interop").rglob("*.py"))
        for fault in faults_of_calls(path.read_text(encoding="utf-8"), path.relative_to(REPOSITORY).as_posix())
    ]
    assert found == []


@pytest.mark.parametrize(
    "call",
    [
        "log.info(f'order of {name}')",
        "log.info('order of %s', name)",
        "log.info('order of ' + name)",
        "log.warning('order', extra={'patient': name})",
        "log.warning('order', extra={**fields})",
        "log.warning('order', extra=fields)",
        "log.log(logging.INFO, text)",
        "self._log.error(text)",
        "logging.getLogger(__name__).warning('%s', peer)",
    ],
)
def test_a_call_that_could_say_a_name_is_found(call: str):
    assert list(faults_of_calls(call, "x.py"))


@pytest.mark.parametrize(
    "call",
    [
        "log.info('order accepted', extra={'order': n})",
        "log.exception('failed')",
        "log.log(level, 'x %(state)s', {'state': s})",
        "math.log(x)",
    ],
)
def test_a_call_that_cannot_is_left_alone(call: str):
    assert list(faults_of_calls(call, "x.py")) == []
