"""The commands, thin; each imports what it needs when it runs, so that ``--help`` costs nothing.

Exit codes of ``explain``: 0 offered, 3 refused, 1 unreadable, 2 wrong use.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

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
    explain.add_argument("--at", default="", metavar="TIME", help="plan for this time, ISO 8601 with offset (default: ORC-9 plus 10 s; for an order without one, now)")
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


def _fail(text: str, code: int) -> int:
    sys.stderr.write(f"interop: {text}\n")
    return code


def _site_folder(named: str) -> Path:
    from interop.site.places import demo_site

    return Path(named) if named else demo_site()


def _explain(arguments: argparse.Namespace) -> int:
    from datetime import datetime

    from interop.domain.quantity import NotANumber, Quantity
    from interop.pathway import plan
    from interop.site.load import load_site
    from interop.workbench import explain, reading, supposed

    try:
        at = datetime.fromisoformat(arguments.at) if arguments.at else None
        number, _, unit = arguments.pump_weight.partition(" ")
        weight = Quantity.of(number, unit.strip()) if arguments.pump_weight else None
    except (ValueError, NotANumber):
        return _fail("--at wants a time such as 2026-11-23T08:15:00-06:00, --pump-weight a weight such as '80 kg'", WRONG_USE)
    except KeyError:
        return _fail(f"--pump-weight: {arguments.pump_weight!r} has no unit of weight (kg or g)", WRONG_USE)
    if at is not None and at.tzinfo is None:
        return _fail("--at needs an offset, such as 2026-11-23T08:15:00-06:00", WRONG_USE)
    if weight is not None and weight.unit not in ("kg", "g"):
        return _fail(f"--pump-weight: {weight.unit} is not a unit of weight (kg or g)", WRONG_USE)
    loaded = load_site(_site_folder(arguments.site))
    if loaded.release is None:
        for fault in loaded.faults:
            sys.stderr.write(f"{fault}\n")
        return _fail("the site is unsound: see `interop mappings check`", WRONG_USE)
    try:
        data = sys.stdin.buffer.read() if arguments.file == "-" else Path(arguments.file).read_bytes()
        order = reading.read_order(data, loaded.release, arguments.sender)
    except OSError as fault:
        return _fail(f"{arguments.file}: {fault.strerror}", UNREADABLE)
    except reading.Unreadable as fault:
        return _fail(f"{arguments.file} cannot be read: {fault.reason}", UNREADABLE)
    except LookupError as fault:
        return _fail(str(fault.args[0]), WRONG_USE)
    if isinstance(order, reading.NotAnOrder):
        if arguments.json:
            outcome = {"what": order.what, "outcome": "refused", "findings": [explain.finding_as_json(order.finding)], "offer": None}
            _say(json.dumps(outcome, indent=2, ensure_ascii=False))
        else:
            _say("\n".join([order.what, *explain.finding_lines(order.finding), "  NOT OFFERED: 1 reason"]))
        return REFUSED
    today = datetime.now().astimezone().replace(microsecond=0)
    wishes = supposed.Wishes(at, today, arguments.care_area, arguments.library, arguments.pump_model, weight)
    try:
        case, now = supposed.suppose(order.request, loaded.release, wishes, order.assumptions)
    except supposed.CannotSuppose as fault:
        return _fail(str(fault), WRONG_USE)
    made = plan(order.request, case, now)
    if arguments.json:
        _say(json.dumps(explain.as_json(made, loaded.release, order.what, now), indent=2, ensure_ascii=False))
    else:
        _say(explain.as_text(made, loaded.release, order.what, now))
    return OK if made.offer is not None else REFUSED


def _mappings_check(arguments: argparse.Namespace) -> int:
    from interop.workbench import mappings_check

    folder = _site_folder(arguments.site)
    if not folder.is_dir():
        return _fail(f"{folder} is not a folder", WRONG_USE)
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
