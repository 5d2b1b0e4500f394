"""Figures of one word of a long infusion: how long it keeps the event loop. ``python benchmarks/words.py [--json] [--events N…] [--rounds N]``

A hospital in one thread, with the store in memory, takes a start and then so many changes of rate at the pump; the next word (another change of rate) is
heard ``--rounds`` times and never committed, so that each is the word after as many events. What is timed is all that the loop does for it: what is known
is looked up, it is followed, and messages and resources are written. The least of the rounds is told beside the median, as the machine may be busy.

``after a restart`` is the same word where nothing of the infusion is kept in memory yet, once: it is read and folded from its first event.

Target: 5 ms (design: nothing over 5 ms runs on the event loop), however long the infusion.
"""

import argparse
import json
import statistics
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

from timing import busy  # noqa: E402

from interop.domain import pump as said  # noqa: E402
from interop.domain.events.event import PumpSaid  # noqa: E402
from tests.conduct.pump import APump, ml, ml_per_h  # noqa: E402
from tests.conduct.test_bedside import running  # noqa: E402
from tests.conduct.test_offers_and_runs import a_hospital  # noqa: E402
from tests.conduct.virtual import run  # noqa: E402
from tests.conduct.ward import Hospital  # noqa: E402

TARGET_MS = 5.0


async def changes(pump: APump, count: int) -> None:
    """The rate at each is another, so that every word ends an interval and begins one."""
    for _ in range(count):
        said_so_far = len(pump.log)
        told: dict[str, Any] = {"old_rate": ml_per_h("30"), "rate": ml_per_h(str(30 + said_so_far % 2)), "cause": "clinician"}
        await pump.event(said.Kind.RATE_CHANGED, "A", str(said_so_far), **told)


async def heard(hospital: Hospital, pump: APump) -> float:
    """Milliseconds for the word that the pump would tell next."""
    now, number = hospital.clock.now(), len(pump.log) + 1
    told: dict[str, Any] = {"old_rate": ml_per_h("30"), "rate": ml_per_h("40"), "cause": "clinician"}
    told |= {
        "kind": said.Kind.RATE_CHANGED,
        "channel_id": "A",
        "infusion_id": pump.states["A"].run.infusion_id,
        "delivered": ml(str(number)),
    }
    word = said.Event(number=number, at=now, log_id=pump.log_id, **told)
    known = await hospital.bedside.now(pump.pump_id)
    start = time.perf_counter()
    decision = await hospital.bedside.hearing.word(known, word, PumpSaid(now, timedelta(0), pump.log_id, number), now)
    took = time.perf_counter() - start
    assert len(decision.events) == 1, "the word was followed"
    return took * 1e3


async def measured(events: list[int], rounds: int) -> list[dict[str, float]]:
    rows: list[dict[str, float]] = []
    hospital, pump = await a_hospital()
    await running(hospital, pump)
    done = 0
    for count in sorted(events):
        await changes(pump, count - done)
        done = count
        await hospital.restart()
        await pump.connect()
        first = await heard(hospital, pump)
        each = [await heard(hospital, pump) for _ in range(rounds)]
        rows.append({"events": count, "least_ms": min(each), "median_ms": statistics.median(each), "after_a_restart_ms": first})
    await hospital.close()
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--events", type=int, nargs="+", default=[20, 80, 320, 1280])
    parser.add_argument("--rounds", type=int, default=40)
    arguments = parser.parse_args()
    noise = busy()
    rows = run(measured(arguments.events, arguments.rounds))
    if arguments.json:
        print(json.dumps({"target_ms": TARGET_MS, "million_additions_ms": noise, "figures": rows}, indent=2))
        return
    print(f"a word on the event loop, ms; target {TARGET_MS:g}; a million additions take {noise:.0f} ms")
    print(f"{'events before':>14}{'least':>9}{'median':>9}{'after a restart':>18}")
    for row in rows:
        print(f"{row['events']:>14.0f}{row['least_ms']:>9.2f}{row['median_ms']:>9.2f}{row['after_a_restart_ms']:>18.1f}")


if __name__ == "__main__":
    main()
