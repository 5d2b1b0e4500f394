"""``python -m interop.demo.ehr``: the stand-in EHR until SIGTERM or SIGINT; prints its two addresses, one a line, when it listens."""

import argparse
import contextlib
import secrets
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from interop.demo.clock import WorldClock
from interop.demo.ehr.control import Desk, control_server
from interop.demo.ehr.journal import Journal
from interop.demo.ehr.listening import Listener, context_of
from interop.demo.ehr.sending import Server, client_context

LOOK_S = 0.05
"""How often it is looked whether it is to end."""


def main(argv: Sequence[str] | None = None) -> int:
    """Exit 0: it was stopped; 1: it could not listen, or a file is missing."""
    parser = argparse.ArgumentParser(
        prog="python -m interop.demo.ehr", description="A stand-in EHR for `interop demo`. Everything is simulated."
    )
    parser.add_argument(
        "--folder", type=Path, required=True, help="holds journal.jsonl and key, which moves this EHR; made if it is missing"
    )
    parser.add_argument("--certificates", type=Path, required=True, help="the folder that `interop init` made")
    parser.add_argument("--world-clock", type=Path, required=True, metavar="FILE", help="the clock of the demonstration")
    parser.add_argument("--mllp", required=True, type=_where, metavar="HOST:PORT", help="interop's listener for PCD-03")
    parser.add_argument("--fhir", required=True, type=_where, metavar="HOST:PORT", help="interop's listener for FHIR")
    parser.add_argument("--token-file", type=Path, required=True, help="file with the bearer token for FHIR; read when it is used")
    parser.add_argument("--port", type=int, default=0, help="port that this EHR listens at for HL7; 0: any (default: 0)")
    asked = parser.parse_args(argv)
    stopping = threading.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: stopping.set())
    try:
        _run(asked, stopping)
    except (OSError, ValueError) as fault:
        sys.stderr.write(f"the stand-in EHR cannot run: {fault}\n")
        return 1
    return 0


def _run(asked: argparse.Namespace, stopping: threading.Event) -> None:
    """Raises: OSError, ValueError: why it cannot."""
    asked.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = secrets.token_urlsafe(32)
    (asked.folder / "key").touch(mode=0o600)
    (asked.folder / "key").write_text(f"{key}\n", encoding="ascii")
    own, authority = asked.certificates / "interop-send", str(asked.certificates / "ca.pem")
    pair = str(own.with_suffix(".pem")), str(own.with_suffix(".key"))
    server = Server(asked.mllp, asked.fhir, client_context(*pair, authority), asked.token_file)
    listening = context_of(str(asked.certificates / "server.pem"), str(asked.certificates / "server.key"), authority)
    clock = WorldClock(asked.world_clock)
    with contextlib.closing(Journal(asked.folder / "journal.jsonl")) as journal:
        listener = Listener(journal, clock.now, listening, asked.port)
        control = control_server(Desk(journal, listener, server, clock.now, secrets.token_hex(4).upper()), key)
        serving = threading.Thread(target=control.serve_forever, args=(LOOK_S,), daemon=True)
        serving.start()
        for line in (f"hl7 127.0.0.1:{listener.port}", f"page http://127.0.0.1:{control.server_port}/"):
            sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
        stopping.wait()
        listener.close()
        control.shutdown()
        control.server_close()


def _where(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit():
        raise argparse.ArgumentTypeError("HOST:PORT is wanted")
    return host, int(port)


if __name__ == "__main__":
    sys.exit(main())
