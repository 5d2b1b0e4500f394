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
    explain.add_argument(
        "--running",
        default="",
        metavar="RATE",
        help='what the channel runs of this order before, such as "10 ug/kg/min" or "30 mL/h" (default: half of a changed rate; nothing for a start)',
    )
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

    _server_commands(commands)
    _demo_command(commands)

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


def _server_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """What makes, runs, tries and looks after a server."""
    init = commands.add_parser(
        "init",
        help="make what a server needs: settings, secrets, certificates, store, release, administrator",
        description="Makes in DIR what is missing there, and changes nothing that is there. Exit 0: done; 1: it failed; 2: wrong use; 3: the site is unsound.",
    )
    init.add_argument("folder", metavar="DIR", help="folder of the server's files; made if it is missing")
    init.add_argument(
        "--site", default="", metavar="SITE", help="folder of the site to build the first release of (default: the demo site)"
    )
    init.add_argument("--host", default="127.0.0.1", metavar="ADDRESS", help="IP address that the listeners bind to (default: 127.0.0.1)")
    init.add_argument("--server-name", action="append", default=[], metavar="NAME", help="a further name in the server's certificate")
    init.add_argument("--mllp-port", type=int, default=2575, metavar="PORT", help="port for HL7 over MLLP; 0: any (default: 2575)")
    init.add_argument("--fhir-port", type=int, default=8443, metavar="PORT", help="port for FHIR; 0: any (default: 8443)")
    init.add_argument("--pages-port", type=int, default=8444, metavar="PORT", help="port for the pages; 0: any (default: 8444)")
    init.add_argument("--pumps-port", type=int, default=8445, metavar="PORT", help="port for the pump link; 0: any (default: 8445)")
    init.add_argument(
        "--node", default="node-1", metavar="NAME", help="name of this server among those that share a store (default: node-1)"
    )
    init.add_argument(
        "--store", default="sqlite:///interop.db", metavar="URL", help="address of the record (default: sqlite:///interop.db)"
    )
    init.add_argument("--demo", action="store_true", help="a demonstration on this machine, marked as such everywhere")
    init.add_argument("--clear-text", action="store_true", help="MLLP and pump link without TLS; for --demo only, and only on this machine")
    init.add_argument("--administrator", default="admin", metavar="USER", help="id of the first administrator (default: admin)")
    init.add_argument(
        "--password-file", default="", metavar="FILE", help="file with the first administrator's password (default: one is made and shown)"
    )
    init.set_defaults(run=_init)

    serve = commands.add_parser(
        "serve",
        help="run the server",
        description="Runs the server until SIGTERM or SIGINT and prints the address of each listener when it listens. "
        "Exit 0: stopped; 1: it cannot run now; 2: the settings, the schema or the release must be put right first.",
    )
    _config_option(serve)
    serve.add_argument("--world-clock", default="", metavar="FILE", help="the clock of a demonstration; [demo] enabled only")
    serve.set_defaults(run=_serve)

    send = commands.add_parser(
        "send",
        help="send HL7 or FHIR to a server and print the answers",
        description="Sends all messages of the files in their order. "
        "Exit 0: all were accepted; 3: not all of them; 1: a file or an answer is missing; 2: wrong use.",
    )
    send.add_argument("files", nargs="+", metavar="FILE", help="HL7 v2 messages or a FHIR resource; - reads standard input")
    send.add_argument("--to", required=True, metavar="WHERE", help="HOST:PORT for HL7 over MLLP, https://HOST:PORT/fhir/r4 for FHIR")
    send.add_argument("--config", default="", metavar="FILE", help="an interop.toml whose [send] names certificate, authority and token")
    send.add_argument("--token-file", default="", metavar="FILE", help="file with the bearer token, over that of --config")
    send.add_argument("--demo", action="store_true", help="speak clear text, to this machine only")
    send.add_argument("--update", action="store_true", help="FHIR: update the resource under its id, instead of creating it")
    send.add_argument("--answer-s", type=int, default=60, metavar="SECONDS", help="how long to wait for each answer (default: 60)")
    send.set_defaults(run=_send)

    settings = commands.add_parser(
        "settings", help="every key of interop.toml", description="Tells every key of interop.toml and its variable."
    )
    settings.add_argument("--json", action="store_true", help="the same as JSON")
    settings.set_defaults(run=_settings)

    release = commands.add_parser("release", help="releases in the store", description="Work on the releases in the store.")
    of_release = release.add_subparsers(title="commands", metavar="COMMAND", required=True)
    build = of_release.add_parser(
        "build",
        help="build a site's release into the store and make it active",
        description="Imports the files of a site; the same files again change nothing. Exit 0: in force; 3: the site is unsound; 1, 2: not done.",
    )
    build.add_argument(
        "site", nargs="?", default="", metavar="SITE", help="a site's folder (default: the one of the settings, or the demo site)"
    )
    _config_option(build)
    build.set_defaults(run=_release_build)
    library = of_release.add_parser(
        "library",
        help="write a release's drug library as the document that pumps hold",
        description="Writes the drug library of the release in force, or of a site's folder, as one JSON document for pumps (docs/pump-link.md, 5).",
    )
    library.add_argument("--config", default="", metavar="FILE", help="the server's settings: the library of its release in force")
    library.add_argument("--site", default="", metavar="SITE", help="folder of a site instead (default without --config: the demo site)")
    library.add_argument("--out", required=True, metavar="FILE", help="where to write it; a file that is there is replaced")
    library.set_defaults(run=_release_library)

    store = commands.add_parser("store", help="the record", description="Work on the record.")
    of_store = store.add_subparsers(title="commands", metavar="COMMAND", required=True)
    migrate = of_store.add_parser(
        "migrate", help="bring the schema up", description="Brings the schema to what this version needs; migrations only expand."
    )
    _config_option(migrate)
    migrate.set_defaults(run=_store_migrate)

    rebuild = commands.add_parser(
        "rebuild",
        help="fold the projections anew from the events",
        description="Follows the chain of all events and folds every projection anew. Exit 0: done; 3: the chain is broken, and nothing was rebuilt.",
    )
    _config_option(rebuild)
    rebuild.set_defaults(run=_rebuild)
    _people_commands(commands)
    _pump_commands(commands)


def _demo_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    demo = commands.add_parser(
        "demo",
        help="a simulated ward with server, pumps and EHR, and a story that proves itself",
        description="Starts a server, simulated pumps and a stand-in EHR on this machine and plays a story in which nothing is real; each step is "
        "proven by what the EHR got, by the pump's own log and by a FHIR read. You are the nurse: at the pages it names, or by Enter, which plays "
        "her part. Exit 0: every step was proven; 1: not so; 2: wrong use.",
    )
    demo.add_argument(
        "--once", action="store_true", help="play the nurse's part too, end everything, and say by the exit code whether it is proven"
    )
    demo.add_argument("--dir", default="", metavar="DIR", help="folder for all files, empty or not there yet (default: a temporary one)")
    demo.add_argument("--keep", action="store_true", help="keep the temporary folder; after a failure it is kept in any case")
    demo.add_argument(
        "--speed",
        type=int,
        default=120,
        metavar="N",
        help="how many times as fast time passes while a pump only delivers, 1 to 3600 (default: 120)",
    )
    demo.set_defaults(run=_demo)


def _people_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    users = commands.add_parser("users", help="the people who log in", description="Work on local users.")
    of_users = users.add_subparsers(title="commands", metavar="COMMAND", required=True)
    add = of_users.add_parser("add", help="a new user", description="Adds a user. Exit 0: done; 2: wrong use; 3: refused.")
    add.add_argument("id", metavar="ID", help="what the user logs in as: small letters and digits")
    add.add_argument("--name", required=True, metavar="NAME", help="the person's name, for pages and the audit")
    add.add_argument(
        "--role",
        action="append",
        required=True,
        metavar="ROLE",
        help="nurse, pharmacist, analyst, biomed, it, auditor or administrator; may be repeated",
    )
    add.add_argument("--password-file", default="", metavar="FILE", help="file with the password (default: it is asked for)")
    add.add_argument("--badge-file", default="", metavar="FILE", help="file with what the badge reader types")
    add.add_argument("--badge", action="store_true", help="ask for the badge")
    add.add_argument("--no-password", action="store_true", help="log-in by badge only")
    _config_option(add)
    add.set_defaults(run=_users_add)
    disable = of_users.add_parser("disable", help="no log-in from now on", description="Disables a user and ends the open sessions.")
    disable.add_argument("id", metavar="ID", help="the user")
    _config_option(disable)
    disable.set_defaults(run=_users_disable)
    listed = of_users.add_parser("list", help="one a line", description="Lists the users: id, state, roles, how they log in, name.")
    _config_option(listed)
    listed.set_defaults(run=_users_list)

    clients = commands.add_parser("clients", help="the systems with a token", description="Work on the bearer tokens of EHR systems.")
    of_clients = clients.add_subparsers(title="commands", metavar="COMMAND", required=True)
    new = of_clients.add_parser("add", help="a new client", description="Adds a client; its token is the last line, shown this once.")
    new.add_argument("id", metavar="ID", help="the client, as a FHIR sender profile of the site names it")
    new.add_argument("--sender", required=True, metavar="PROFILE", help="the sender profile that its orders are read by")
    new.add_argument(
        "--expires-in-days", type=int, default=None, metavar="DAYS", help="the token holds for so long (default: until it is revoked)"
    )
    _config_option(new)
    new.set_defaults(run=_clients_add)
    revoke = of_clients.add_parser("revoke", help="its token holds no longer", description="Revokes a client's token.")
    revoke.add_argument("id", metavar="ID", help="the client")
    _config_option(revoke)
    revoke.set_defaults(run=_clients_revoke)
    known = of_clients.add_parser(
        "list", help="one a line", description="Lists the clients: id, state, sender profile, last use; never a token."
    )
    _config_option(known)
    known.set_defaults(run=_clients_list)


def _pump_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    pumps = commands.add_parser(
        "pumps", help="the pumps that may connect", description="Work on the pumps that may connect to the pump link."
    )
    of_pumps = pumps.add_subparsers(title="commands", metavar="COMMAND", required=True)
    enroll = of_pumps.add_parser(
        "enroll",
        help="let a pump connect",
        description="Enrols pumps, each with one certificate: made in certificates/pumps beside the interop.toml, or named by --certificate. "
        "Exit 0: done; 1: it failed; 2: wrong use; 3: refused.",
    )
    enroll.add_argument("ids", nargs="+", metavar="PUMP_ID[=MODEL]", help="a pump's id: the common name of its certificate")
    enroll.add_argument(
        "--model", default="", metavar="MODEL", help="the model of pumps that do not name their own, as the site's pump_models name it"
    )
    enroll.add_argument("--certificate", default="", metavar="FILE", help="the pump's certificate, signed elsewhere, PEM (for one pump)")
    _config_option(enroll)
    enroll.set_defaults(run=_pumps_enroll)
    revoke = of_pumps.add_parser("revoke", help="it may not connect any more", description="Revokes a pump; its link ends within a minute.")
    revoke.add_argument("id", metavar="PUMP_ID", help="the pump")
    _config_option(revoke)
    revoke.set_defaults(run=_pumps_revoke)
    listed = of_pumps.add_parser("list", help="one a line", description="Lists the pumps: id, state, model, since when, certificate.")
    _config_option(listed)
    listed.set_defaults(run=_pumps_list)


def _config_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", required=True, metavar="FILE", help="the interop.toml that `interop init` made")


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


def _running_given(text: str) -> "Quantity | None":
    """--running. Raises: _NoAnswer."""
    from interop.domain.quantity import NotANumber, Quantity

    if not text:
        return None
    number, _, unit = text.partition(" ")
    wrong = _NoAnswer("--running wants a rate or dose rate above zero and its UCUM unit, such as '10 ug/kg/min' or '30 mL/h'", WRONG_USE)
    try:
        running = Quantity.of(number, unit.strip())
    except (NotANumber, KeyError):
        raise wrong from None
    if not running.value or not (running.measure.is_flow or running.measure.is_dose_rate):
        raise wrong
    return running


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
    wishes = supposed.Wishes(
        at, today, arguments.care_area, arguments.library, arguments.pump_model, weight, _running_given(arguments.running)
    )
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


def _init(arguments: argparse.Namespace) -> int:
    from interop.service.commands import init_folder
    from interop.service.init import Wishes

    wishes = Wishes(
        site=_path(arguments.site),
        host=arguments.host,
        server_names=tuple(arguments.server_name),
        mllp_port=arguments.mllp_port,
        fhir_port=arguments.fhir_port,
        pages_port=arguments.pages_port,
        pumps_port=arguments.pumps_port,
        node=arguments.node,
        store_url=arguments.store,
        demo=arguments.demo,
        clear_text=arguments.clear_text,
        administrator=arguments.administrator,
        password_file=_path(arguments.password_file),
    )
    return init_folder(Path(arguments.folder), wishes, out=sys.stdout, err=sys.stderr)


def _serve(arguments: argparse.Namespace) -> int:
    from interop.service.run import serve

    return serve(Path(arguments.config), say=_say_at_once, fail=_complain, world_clock=_path(arguments.world_clock))


def _demo(arguments: argparse.Namespace) -> int:
    from interop.demo.run import Options, demo

    options = Options(once=arguments.once, folder=_path(arguments.dir), keep=arguments.keep, speed=arguments.speed)
    return demo(options, out=sys.stdout, err=sys.stderr)


def _complain(text: str) -> None:
    sys.stderr.write(f"interop: {text}\n")


def _say_at_once(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _send(arguments: argparse.Namespace) -> int:
    from interop.service.send import send

    return send(
        arguments.files,
        arguments.to,
        config=_path(arguments.config),
        token_file=_path(arguments.token_file),
        demo=arguments.demo,
        update=arguments.update,
        answer_s=arguments.answer_s,
    )


def _settings(arguments: argparse.Namespace) -> int:
    from interop.service import settings_text

    _say(json.dumps(settings_text.as_json(), indent=2, ensure_ascii=False) if arguments.json else settings_text.describe())
    return OK


def _release_library(arguments: argparse.Namespace) -> int:
    from interop.service.pump_library import write_library

    config = Path(arguments.config) if arguments.config else None
    return write_library(config, _path(arguments.site), Path(arguments.out), out=sys.stdout, err=sys.stderr)


def _release_build(arguments: argparse.Namespace) -> int:
    from interop.service.commands import build_release

    return build_release(Path(arguments.config), _path(arguments.site), out=sys.stdout, err=sys.stderr)


def _store_migrate(arguments: argparse.Namespace) -> int:
    from interop.service.commands import migrate

    return migrate(Path(arguments.config), out=sys.stdout, err=sys.stderr)


def _rebuild(arguments: argparse.Namespace) -> int:
    from interop.service.commands import rebuild

    return rebuild(Path(arguments.config), out=sys.stdout, err=sys.stderr)


def _users_add(arguments: argparse.Namespace) -> int:
    from interop.service.commands import users_add
    from interop.service.people import NewUser

    new = NewUser(
        id=arguments.id,
        name=arguments.name,
        roles=arguments.role,
        password_file=_path(arguments.password_file),
        badge_file=_path(arguments.badge_file),
        has_password=not arguments.no_password,
        has_badge=arguments.badge,
    )
    return users_add(Path(arguments.config), new, out=sys.stdout, err=sys.stderr)


def _users_disable(arguments: argparse.Namespace) -> int:
    from interop.service.commands import users_disable

    return users_disable(Path(arguments.config), arguments.id, out=sys.stdout, err=sys.stderr)


def _users_list(arguments: argparse.Namespace) -> int:
    from interop.service.commands import users_list

    return users_list(Path(arguments.config), out=sys.stdout, err=sys.stderr)


def _clients_add(arguments: argparse.Namespace) -> int:
    from interop.service.commands import clients_add

    return clients_add(Path(arguments.config), arguments.id, arguments.sender, arguments.expires_in_days, out=sys.stdout, err=sys.stderr)


def _clients_revoke(arguments: argparse.Namespace) -> int:
    from interop.service.commands import clients_revoke

    return clients_revoke(Path(arguments.config), arguments.id, out=sys.stdout, err=sys.stderr)


def _clients_list(arguments: argparse.Namespace) -> int:
    from interop.service.commands import clients_list

    return clients_list(Path(arguments.config), out=sys.stdout, err=sys.stderr)


def _pumps_enroll(arguments: argparse.Namespace) -> int:
    from interop.service.commands import pumps_enroll

    models: dict[str, str] = {}
    for given in arguments.ids:
        pump, _, model = given.partition("=")
        if pump in models or not (model or arguments.model):
            sys.stderr.write(f"interop: {pump} {'is named twice' if pump in models else 'has no model: --model, or PUMP_ID=MODEL'}\n")
            return WRONG_USE
        models[pump] = model or arguments.model
    certificate = _path(arguments.certificate)
    return pumps_enroll(Path(arguments.config), models, certificate, out=sys.stdout, err=sys.stderr)


def _pumps_revoke(arguments: argparse.Namespace) -> int:
    from interop.service.commands import pumps_revoke

    return pumps_revoke(Path(arguments.config), arguments.id, out=sys.stdout, err=sys.stderr)


def _pumps_list(arguments: argparse.Namespace) -> int:
    from interop.service.commands import pumps_list

    return pumps_list(Path(arguments.config), out=sys.stdout, err=sys.stderr)


def _path(named: str) -> Path | None:
    return Path(named) if named else None


if __name__ == "__main__":
    sys.exit(main())
