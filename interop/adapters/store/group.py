"""One transaction of the record as a script: the units of a group judged and written in slices, or each alone after a value that does not fit.

A group is tried in up to three ways, each after the one before was ``Unfit`` and rolled back: together and trusting that what must be new is new;
together after a look at that; each unit alone. What comes out is the same, and the first way is the shortest.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from interop.adapters.store.deciding import decide
from interop.adapters.store.facts import read_facts
from interop.adapters.store.steps import Chore, Savepoint, Script, Work, Write
from interop.ports import Commit, Committed, RecordError, RecordWentBack, StoreUnavailable, Unfit

Outcome = Committed | RecordError | int

SLICE = 64  # units judged between two looks at the clock; about 2 ms, so asyncpg's group does not hold up the loop


@dataclass(frozen=True, slots=True)
class Standing:
    """The newest position that this process has acknowledged, with its digest: a database that stands lower has lost commits."""

    position: int = 0
    chain: bytes = b""


def _commits(commits: Sequence[Commit], node: str, standing: Standing, *, trusting: bool) -> Script[tuple[list[Outcome], Standing]]:
    facts = yield from read_facts(commits, node, trusting=trusting)
    if facts.position < standing.position or (facts.position == standing.position and facts.chain != standing.chain and standing.chain):
        raise RecordWentBack(f"the record ends at position {facts.position}; {standing.position} was acknowledged")
    outcomes: list[Outcome] = [decide(commit, facts, node) for commit in commits]
    if trusting and any(isinstance(outcome, RecordError) for outcome in outcomes):
        return (yield from _commits(commits, node, standing, trusting=False))  # a reason that was not asked for may be the more telling one
    changes = tuple(facts.changes())
    if changes:
        yield Write(changes)
    return outcomes, Standing(facts.position, facts.chain)


def _units(works: Sequence[Work], node: str, standing: Standing, *, trusting: bool) -> Script[tuple[list[Outcome], Standing]]:
    """A slice: its commits as one set, then its chores one by one.

    Raises: Unfit: some unit of the slice cannot be written; nothing of the transaction may stay.
    """
    outcomes: dict[int, Outcome] = {}
    places = [place for place, work in enumerate(works) if isinstance(work, Commit)]
    try:
        if places:
            commits = [work for work in works if isinstance(work, Commit)]
            decided, standing = yield from _commits(commits, node, standing, trusting=trusting)
            outcomes.update(zip(places, decided, strict=True))
        for place, work in enumerate(works):
            if isinstance(work, Chore):
                outcomes[place] = (yield work)[0]
    except (Unfit, StoreUnavailable):
        raise
    except Exception as error:  # a value of a wrong type met while judging: found out alone, it fails its own caller only
        raise Unfit(type(error).__name__) from error
    return [outcomes[place] for place in range(len(works))], standing


def together(
    works: Sequence[Work], node: str, standing: Standing, monotonic: Callable[[], float], longest_s: float, *, trusting: bool
) -> Script[tuple[list[Outcome], Standing]]:
    """All units, slice by slice, as far as ``longest_s`` seconds reach: the outcomes are of the first units, the rest is for the next group.

    ``trusting``: what must be new is taken to be new, as nearly all of it is. ``Unfit`` then says that some of it is not, or that a value does not fit.
    """
    began = monotonic()
    outcomes: list[Outcome] = []
    for start in range(0, len(works), SLICE):
        if outcomes and monotonic() - began > longest_s:
            break
        told, standing = yield from _units(works[start : start + SLICE], node, standing, trusting=trusting)
        outcomes += told
    return outcomes, standing


def each_alone(works: Sequence[Work], node: str, standing: Standing) -> Script[tuple[list[Outcome], Standing]]:
    """Every unit under a savepoint of its own: the one that does not fit is told so, the others are written."""
    outcomes: list[Outcome] = []
    for work in works:
        yield Savepoint.SET
        try:
            told, standing = yield from _units([work], node, standing, trusting=False)
        except Unfit as unfit:
            yield Savepoint.BACK
            told = [unfit.with_traceback(None)]
        yield Savepoint.RELEASE
        outcomes += told
    return outcomes, standing
