"""Order lives on a ward, as many as wanted: ``python benchmarks/ward.py [--lives 200000] [--pumps 20] [--seed N] [--json]``

Server, pumps, EHR and clinicians in one thread on virtual time, with faults on every edge (tests/ward/run.py says what is checked after each step).
In parts of 2,500 lives, one after the other, each with a seed of its own. Exit 1 and the seed, when something was seen that must never happen.
"""

import argparse
import json
import logging
import secrets
import sys
import time
from dataclasses import asdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

from tests.ward.run import Broken, ward_run  # noqa: E402

PART = 2500


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lives", type=int, default=200_000)
    parser.add_argument("--pumps", type=int, default=20)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    logging.disable(logging.CRITICAL)  # a ward with faults on every edge says a lot
    done, start = 0, time.perf_counter()
    for part, seed in enumerate(range(arguments.seed, arguments.seed + -(-arguments.lives // PART))):
        lives = min(PART, arguments.lives - part * PART)
        try:
            verdict = ward_run(seed, lives, arguments.pumps)
        except Broken as broken:
            print(f"seed {seed}: {broken}")
            return 1
        done += lives
        said = {"seed": seed, "lives": done, "wall_s": round(time.perf_counter() - start), **asdict(verdict)}
        print(json.dumps(said) if arguments.json else f"{done} lives, {said['wall_s']} s: {verdict}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
