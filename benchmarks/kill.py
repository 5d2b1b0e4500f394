"""SIGKILL at random moments under load, and what is true of the record afterwards. ``python benchmarks/kill.py [--rounds 200] [--seed N] [--json]``

Exit 1 when an acknowledged message was lost, a request was planned twice or never, or a lane was reordered.
"""

import argparse
import json
import secrets
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

from tests.server import killing, machine  # noqa: E402


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        config = machine.init(Path(folder) / "server")
        verdict = killing.kill_rounds(config, arguments.rounds, arguments.seed, say=lambda line: print(line, file=sys.stderr, flush=True))
    if arguments.json:
        print(json.dumps({"seed": arguments.seed, **asdict(verdict), "sound": verdict.is_sound}, indent=2))
    else:
        print(f"seed {arguments.seed}: {verdict}")
    return 0 if verdict.is_sound else 1


if __name__ == "__main__":
    sys.exit(main())
