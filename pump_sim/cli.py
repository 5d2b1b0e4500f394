"""``pump-sim``: a simulated fleet of infusion pumps on the pump link. Everything it says is marked as simulated; nothing of it touches a patient."""

import argparse
import asyncio
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pump_sim.fleet import Fleet, Setup
    from pump_sim.library import Library

MODELS = ("demo-lvp", "demo-syringe", "mixed")


class CannotRun(Exception):
    """What was given cannot be run; the text says why."""


def main(argv: Sequence[str] | None = None) -> int:
    """The commands; 0: done, 1: something is wrong with what was given."""
    args = _parser().parse_args(argv)
    try:
        match args.command:
            case "run":
                with asyncio.Runner(loop_factory=_loop()) as runner:
                    return runner.run(_run(args))
            case "library":
                return _library(args.file)
            case _:
                return _faults()
    except CannotRun as error:
        print(f"pump-sim: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0


def _loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop where there is one: a link costs a seventh of the memory with it."""
    try:
        import uvloop
    except ImportError:
        return None
    new: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return new


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="pump-sim", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser(
        "run", help="run pumps", description="Runs pumps until it is ended. Prints a line for each pump, and for the panel and the control."
    )
    run.add_argument("--server", required=True, metavar="URL", help="wss://HOST:PORT/pump-link/1")
    run.add_argument("--pumps", type=int, default=0, metavar="N", help="how many; left out: those of --pump or of the certificates, or one")
    run.add_argument("--pump", action="append", default=[], metavar="ID[=MODEL]", help="one pump by name; may be given often")
    run.add_argument("--model", choices=MODELS, default="demo-lvp", help="mixed: every third is a syringe pump")
    run.add_argument("--certificates", type=Path, metavar="DIR", help="ID.pem and ID.key of each pump, and ca.pem: whom they trust")
    run.add_argument("--library", type=Path, metavar="FILE", help="the drug library document")
    run.add_argument("--state", type=Path, metavar="DIR", help="the pumps' memory; left out: they forget when this ends")
    run.add_argument("--history", type=Path, metavar="DIR", help="every log frame of each pump, for ever: one growing file a pump")
    run.add_argument("--care-area", default="", metavar="NAME", help="the care area selected on each pump at first")
    run.add_argument(
        "--epoch", type=_instant, metavar="ISO", help="the instant at which the world's clock and the real one agree; left out: now"
    )
    run.add_argument("--seed", type=int, default=0)
    run.add_argument("--ripple", action="store_true", help="the seeded flow model instead of an ideal flow")
    run.add_argument("--panel", metavar="HOST:PORT", help="serve the pumps' screens there; on loopback only, but for --panel-name")
    run.add_argument(
        "--panel-name", action="append", default=[], metavar="NAME", help="a name or address by which other machines may open the panel"
    )
    test = run.add_argument_group("test interface", "off unless given (SR-98): time control and faults")
    test.add_argument("--speed", type=_factor, default=Fraction(1), metavar="FACTOR", help="how fast the world's clock runs")
    test.add_argument("--world-clock", type=Path, metavar="FILE", help="a growing file that tells the time, instead of --speed and --epoch")
    test.add_argument("--control", metavar="HOST:PORT", help="press keys and read pumps from a program there, on loopback only")
    test.add_argument("--control-key", type=Path, metavar="FILE", help="where to write the key of --control, for its owner only")
    test.add_argument("--faults", action="store_true", help="faults may be injected from the panel")
    test.add_argument("--fault", nargs="+", action="extend", default=[], metavar="NAME[@ID]", help="faults by name, of all pumps or of one")
    library = commands.add_parser("library", help="check a drug library document")
    library.add_argument("file", type=Path)
    commands.add_parser("faults", help="list the faults by name")
    return parser


def _instant(text: str) -> datetime:
    told = datetime.fromisoformat(text)
    if told.tzinfo is None:
        raise argparse.ArgumentTypeError("an instant needs its offset: 2026-03-02T08:00:00+00:00")
    return told


def _factor(text: str) -> Fraction:
    factor = Fraction(text)
    if not 0 < factor <= 10_000:
        raise argparse.ArgumentTypeError("more than 0, at most 10000")
    return factor


# ── run ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def _run(args: argparse.Namespace) -> int:
    from pump_sim.faults import UnknownFault
    from pump_sim.fleet import Fleet
    from pump_sim.link import NoLink

    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):  # before a line is printed: who reads it may end us at once
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    try:
        fleet = Fleet(_setup(args))
    except (NoLink, UnknownFault, OSError, ValueError) as error:
        raise CannotRun(str(error)) from None
    async with AsyncExitStack() as stack:
        fleet.start()
        stack.push_async_callback(fleet.stop)
        for pump_id, unit in fleet.units.items():
            print(f"pump {pump_id} {unit.config.model} simulated", flush=True)
        if args.panel:
            await _panel(fleet, args.panel, args.panel_name, stack)
        if args.control:
            await _control(fleet, args.control, args.control_key, stack)
        await ended.wait()
    return 0


async def _panel(fleet: "Fleet", where: str, names: Sequence[str], stack: AsyncExitStack) -> None:
    from pump_sim.panel import serving

    host, port = _here(where, "--panel", is_only=not names)
    try:
        address = await stack.enter_async_context(serving(fleet, host, port, names))
    except OSError as error:
        raise CannotRun(f"--panel {error}") from None
    print(f"panel {address}", flush=True)


async def _control(fleet: "Fleet", where: str, key_file: Path | None, stack: AsyncExitStack) -> None:
    from pump_sim.panel.control import controlling

    if key_file is None:
        raise CannotRun("--control: it needs --control-key FILE, where its key is written")
    host, port = _here(where, "--control", is_only=True)
    try:
        address = await stack.enter_async_context(controlling(fleet, host, port, key_file))
    except OSError as error:
        raise CannotRun(f"--control {error}") from None
    print(f"control {address}", flush=True)


def _here(where: str, option: str, *, is_only: bool) -> tuple[str, int]:
    """``HOST:PORT``; ``is_only``: of this machine."""
    host, _, port = where.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isdecimal() or int(port) > 65535 or (is_only and host not in ("127.0.0.1", "::1", "localhost")):
        raise CannotRun(f"{option} {where}: HOST:PORT{' on this machine only' if is_only else ''}")
    return host, int(port)


def _setup(args: argparse.Namespace) -> "Setup":
    from pump_sim.fleet import Setup

    if args.world_clock is not None and (args.epoch is not None or args.speed != 1):
        raise CannotRun("--world-clock: it tells the time instead of --speed and --epoch")
    library, problem = _read(args.library)
    pumps = _pumps(args)
    return Setup(
        server=args.server,
        pumps=pumps,
        certificates=args.certificates,
        library=library,
        problem=problem,
        state=args.state,
        history=args.history,
        care_area=args.care_area,
        speed=args.speed,
        epoch=args.epoch,
        world_clock=args.world_clock,
        seed=args.seed,
        ripple=args.ripple,
        faults=_faults_of(args.fault, pumps),
        injectable=args.faults,
    )


def _pumps(args: argparse.Namespace) -> dict[str, str]:
    from pump_sim.fleet import ids_in, pumps_of

    pumps: dict[str, str] = {}
    for given in args.pump:
        pump_id, _, model = given.partition("=")
        if model not in ("", *MODELS[:2]):
            raise CannotRun(f"--pump {given}: the models are {', '.join(MODELS[:2])}")
        pumps[pump_id] = model or args.model
    if not pumps:
        ids = ids_in(args.certificates) if args.certificates is not None else []
        pumps = pumps_of(args.pumps or len(ids) or 1, args.model, ids)
    elif "mixed" in pumps.values():
        pumps = pumps_of(len(pumps), "mixed", pumps)
    if args.pumps and len(pumps) != args.pumps:
        raise CannotRun(f"--pumps {args.pumps}: there are {len(pumps)}")
    return pumps


def _faults_of(given: Sequence[str], pumps: dict[str, str]) -> dict[str, tuple[str, ...]]:
    faults: dict[str, tuple[str, ...]] = {}
    for each in given:
        name, _, pump_id = each.partition("@")
        if pump_id and pump_id not in pumps:
            raise CannotRun(f"--fault {each}: there is no pump {pump_id}")
        for one in [pump_id] if pump_id else pumps:
            faults[one] = (*faults.get(one, ()), name)
    return faults


def _read(file: Path | None) -> "tuple[Library | None, str]":
    """A damaged library is no reason not to run: the pump says so and starts nothing from it (SR-94)."""
    from pump_sim.library import NoLibrary, read_library

    if file is None:
        return None, "none was given"
    try:
        return read_library(file.read_bytes()), ""
    except NoLibrary as error:
        print(f"pump-sim: {file}: {error}", file=sys.stderr)
        return None, str(error)
    except OSError as error:
        raise CannotRun(f"{file}: {error.strerror}") from None


# ── the other commands ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _library(file: Path) -> int:
    from pump_sim.library import NoLibrary, read_library

    try:
        read = read_library(file.read_bytes())
    except (OSError, NoLibrary) as error:
        raise CannotRun(f"{file}: {error}") from None
    print(f"{read.ref.id} {read.ref.version} ({read.ref.hash[:12]}): {len(read.entries)} entries in {len(read.care_areas)} care areas")
    return 0


def _faults() -> int:
    from pump_sim.faults import FAULTS

    width = max(len(name) for name in FAULTS)
    for name, words in FAULTS.items():
        print(f"{name:<{width}}  {words}")
    return 0
