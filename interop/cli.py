"""The commands, thin; each imports what it needs when it runs, so that ``--help`` costs nothing.

Exit codes of ``explain``: 0 offered, 3 refused, 1 unreadable, 2 wrong use.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from interop.domain.quantity import Quantity

OK, UNREADABLE, WRONG_USE, REFUSED = 0, 1, 2, 3


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and gives its exit code."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    if not hasattr(arguments, "run"):
        parser.print_help()
        return WRONG_USE
    try:
        return int(arguments.run(arguments))
    except BrokenPipeError:  # the reader of our output has gone, as `| head` does
        sys.stderr.close()
        return OK


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="interop", description="Medication orders onto infusion pumps: checked, explained, documented.")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")

    explain = commands.add_parser(
        "explain",
        help="why one order is offered or refused, stage by stage",
        description="Plans the HL7 v2 or FHIR order in FILE against a site and tells why it maps as it does. "
        "Exit 0: offered; 3: refused, or no order; 1: unreadable; 2: wrong use.",
    )
    explain.add_argument("file", metavar="FILE", help="an HL7 v2 message or a FHIR resource; - reads standard input")
    _site_option(explain)
    explain.add_argument("--sender", default="", metavar="PROFILE", help="read it through this sender profile of the site")
    explain.add_argument(
        "--at",
        default="",
        metavar="TIME",
        help="plan for this time, ISO 8601 with offset (default: ORC-9 plus 10 s; for an order without one, now)",
    )
    explain.add_argument("--care-area", default="", metavar="AREA", help="care area selected on the pump (default: one that fits)")
    explain.add_argument("--library", default="", metavar="VERSION", help="library version the pump reports (default: the site's)")
    explain.add_argument("--pump-model", default="", metavar="MODEL", help="pump model (default: the first that fits)")
    explain.add_argument("--pump-weight", default="", metavar="WEIGHT", help='weight entered on the pump, such as "80 kg" (default: none)')
    explain.add_argument("--json", action="store_true", help="the same as JSON")
    explain.set_defaults(run=_explain)

    mappings = commands.add_parser("mappings", help="a site's files", description="Work on a site's files.")
    of_mappings = mappings.add_subparsers(title="commands", metavar="COMMAND", required=True)
    check = of_mappings.add_parser(
        "check",
        help="every fault of a site at once",
        description="Checks the files of a site and plans its order sentences. Exit 0: sound; 3: faults were found; 2: no such site.",
    )
    check.add_argument("site", nargs="?", default="", metavar="SITE", help="a site's folder (default: the demo site)")
    check.add_argument("--json", action="store_true", help="the same as JSON")
    check.set_defaults(run=_mappings_check)

    trace = commands.add_parser(
        "safety-trace",
        help="which tests show which requirement",
        description="Prints each safety, security and design requirement with the tests that carry its id, and those without one.",
    )
    trace.add_argument("--tests", default="tests", metavar="DIR", help="folder of the tests (default: tests)")
    trace.add_argument("--only", default="", metavar="KINDS", help="kinds of requirement, such as SR,D")
    trace.add_argument("--strict", action="store_true", help="exit 3 when a requirement has no test")
    trace.add_argument("--json", action="store_true", help="the same as JSON")
    trace.set_defaults(run=_safety_trace)
    return parser


def _site_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--site", default="", metavar="DIR", help="folder of the site (default: the demo site)")


def _say(text: str) -> None:
    sys.stdout.write(text if text.endswith("\n") else text + "\n")


def _fail(text: str, code: int, *, as_json: bool = False, faults: Sequence[str] = ()) -> int:
    """Says on standard error why a command came to no answer; a program that asked for JSON is told on standard output as well."""
    from interop.workbench import explain

    sys.stderr.write(explain.as_lines([*faults, f"interop: {text}"]))
    if as_json:
        outcome = "unreadable" if code == UNREADABLE else "wrong use"
        _say(explain.json_text({"outcome": outcome, "error": text, **({"faults": list(faults)} if faults else {})}))
    return code


class _NoAnswer(Exception):
    """A command ends before its answer: why, and with which exit code."""

    def __init__(self, text: str, code: int, faults: Sequence[str] = ()) -> None:
        super().__init__(text)
        self.text, self.code, self.faults = text, code, faults


def _time_given(text: str) -> "datetime | None":
    """--at. Raises: _NoAnswer."""
    from datetime import datetime

    try:
        at = datetime.fromisoformat(text) if text else None
    except ValueError:
        raise _NoAnswer("--at wants a time such as 2026-11-23T08:15:00-06:00", WRONG_USE) from None
    if at is not None and at.tzinfo is None:
        raise _NoAnswer("--at needs an offset, such as 2026-11-23T08:15:00-06:00", WRONG_USE)
    return at


def _weight_given(text: str) -> "Quantity | None":
    """--pump-weight. Raises: _NoAnswer."""
    from interop.domain.quantity import NotANumber, Quantity

    if not text:
        return None
    number, _, unit = text.partition(" ")
    if unit.strip() not in ("kg", "g"):
        raise _NoAnswer("--pump-weight wants a number and its unit, kg or g, such as '80 kg'", WRONG_USE)
    try:
        weight = Quantity.of(number, unit.strip())
    except NotANumber:
        weight = None
    if weight is None or weight.value <= 0:
        raise _NoAnswer("--pump-weight wants a weight above zero as a plain number, such as '80 kg'", WRONG_USE)
    return weight


def _site_folder(named: str) -> Path:
    from interop.site.places import demo_site

    return Path(named) if named else demo_site()


def _explain(arguments: argparse.Namespace) -> int:
    try:
        return _explained(arguments)
    except _NoAnswer as ended:
        return _fail(ended.text, ended.code, as_json=arguments.json, faults=ended.faults)


def _explained(arguments: argparse.Namespace) -> int:
    """Raises: _NoAnswer."""
    from datetime import datetime

    from interop.pathway import plan
    from interop.site.load import load_site
    from interop.workbench import explain, reading, supposed

    at, weight = _time_given(arguments.at), _weight_given(arguments.pump_weight)
    loaded = load_site(_site_folder(arguments.site))
    if loaded.release is None:
        raise _NoAnswer("the site is unsound: see `interop mappings check`", WRONG_USE, [str(fault) for fault in loaded.faults])
    try:
        data = sys.stdin.buffer.read() if arguments.file == "-" else Path(arguments.file).read_bytes()
        order = reading.read_order(data, loaded.release, arguments.sender)
    except OSError as fault:
        raise _NoAnswer(f"{arguments.file}: {fault.strerror}", UNREADABLE) from fault
    except reading.Unreadable as fault:
        raise _NoAnswer(f"{arguments.file} cannot be read: {fault.reason}", UNREADABLE) from fault
    except LookupError as fault:
        raise _NoAnswer(str(fault.args[0]), WRONG_USE) from fault
    if isinstance(order, reading.NotAnOrder):
        if arguments.json:
            outcome = {"what": order.what, "outcome": "refused", "findings": [explain.finding_as_json(order.finding)], "offer": None}
            _say(explain.json_text(outcome))
        else:
            _say(explain.as_lines([*explain.finding_lines(order.finding), "  NOT OFFERED: 1 reason"]))
        return REFUSED
    today = datetime.now().astimezone().replace(microsecond=0)
    wishes = supposed.Wishes(at, today, arguments.care_area, arguments.library, arguments.pump_model, weight)
    try:
        case, now = supposed.suppose(order.request, loaded.release, wishes, order.assumptions)
    except supposed.CannotSuppose as fault:
        raise _NoAnswer(str(fault), WRONG_USE) from fault
    made = plan(order.request, case, now)
    if arguments.json:
        _say(explain.json_text(explain.as_json(made, loaded.release, order.what, now)))
    else:
        _say(explain.as_text(made, loaded.release, order.what, now))
    return OK if made.offer is not None else REFUSED


def _mappings_check(arguments: argparse.Namespace) -> int:
    from interop.workbench import mappings_check

    folder = _site_folder(arguments.site)
    if not folder.is_dir():
        return _fail(f"{folder} is not a folder", WRONG_USE, as_json=arguments.json)
    report = mappings_check.check(folder)
    _say(json.dumps(report.as_json(), indent=2, ensure_ascii=False) if arguments.json else report.as_text())
    return OK if report.is_sound else REFUSED


def _safety_trace(arguments: argparse.Namespace) -> int:
    from interop.workbench import safety_trace

    return safety_trace.run(
        Path(arguments.tests), only=arguments.only, strict=arguments.strict, as_json=arguments.json, out=sys.stdout, err=sys.stderr
    )


if __name__ == "__main__":
    sys.exit(main())
