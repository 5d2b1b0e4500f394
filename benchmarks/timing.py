"""How the benchmarks measure: interleaved rounds of the thing and its ceiling in one run, medians, and a fixed loop that tells how busy the machine was."""

import json
import platform
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Row:
    """One figure: ``what`` beside ``ceiling`` (the least that any way of doing it must cost), in microseconds or milliseconds an operation."""

    what: str
    unit: str
    target: float | None
    run: Callable[[], object]
    ceiling: str
    bare: Callable[[], object]
    repeat: int
    samples: list[float] = field(default_factory=list)
    bare_samples: list[float] = field(default_factory=list)


SCALE = {"us": 1e6, "ms": 1e3}


def once(run: Callable[[], object], repeat: int, unit: str) -> float:
    start = time.perf_counter()
    for _ in range(repeat):
        run()
    return (time.perf_counter() - start) / repeat * SCALE[unit]


def busy() -> float:
    """Milliseconds for a million additions: about 30 on the quiet machine that the first figures were taken on."""
    start = time.perf_counter()
    total = 0
    for number in range(1_000_000):
        total += number
    return (time.perf_counter() - start) * 1e3


def measure(rows: list[Row], rounds: int) -> dict[str, object]:
    loops = []
    for _ in range(rounds):
        loops.append(busy())
        for row in rows:
            row.samples.append(once(row.run, row.repeat, row.unit))
            row.bare_samples.append(once(row.bare, row.repeat, row.unit))
    figures = []
    for row in rows:
        median, least = statistics.median(row.samples), min(row.samples)
        bare = statistics.median(row.bare_samples)
        met = None if row.target is None else median <= row.target
        figures.append(
            {
                "what": row.what,
                "unit": row.unit,
                "median": round(median, 1),
                "least": round(least, 1),
                "target": row.target,
                "met": met,
                "ceiling": row.ceiling,
                "ceiling_median": round(bare, 1),
                "times_the_ceiling": round(median / bare, 1),
            }
        )
    return {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "rounds": rounds,
        "million_additions_ms": round(statistics.median(loops), 1),
        "figures": figures,
    }


def report(result: dict[str, object], as_json: bool) -> None:
    if as_json:
        json.dump(result, sys.stdout, indent=2)
        sys.stdout.write("\n")
        return
    print(f"Python {result['python']}, {result['rounds']} rounds, a million additions in {result['million_additions_ms']} ms")
    print(f"{'':<58}{'median':>9}{'least':>9}{'target':>9}{'':>5}{'ceiling':>10}{'times':>7}")
    for figure in result["figures"]:  # type: ignore[attr-defined]
        target = "" if figure["target"] is None else f"{figure['target']:g}"
        met = "" if figure["met"] is None else ("met" if figure["met"] else "MISS")
        print(
            f"{figure['what']:<58}{figure['median']:>9}{figure['least']:>9}{target:>9}{met:>5}"
            f"{figure['ceiling_median']:>10}{figure['times_the_ceiling']:>7}  {figure['unit']}; ceiling: {figure['ceiling']}"
        )
