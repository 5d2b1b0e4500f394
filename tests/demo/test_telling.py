"""A story proves something only if it can fail: what the teller does when a witness is late, says otherwise, or cannot be asked."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from interop.demo.processes import Missing
from interop.demo.step import THREE, Seen, Step, Who, Witness
from interop.demo.telling import Teller


@dataclass
class Ward:
    """``asked``: how often a witness was asked; ``acts``: what was done."""

    asked: int = 0
    acts: list[str] = field(default_factory=list)


Look = Callable[[Ward], Seen]


def proven(ward: Ward) -> Seen:
    return Seen(True, "it is so")


def later(ward: Ward) -> Seen:
    ward.asked += 1
    return Seen(ward.asked >= 3, f"asked {ward.asked} times")


def never(ward: Ward) -> Seen:
    return Seen(False, "nothing came")


def gone(ward: Ward) -> Seen:
    raise ConnectionRefusedError("nobody listens")


def a_step(
    ehr: Look = proven, pump: Look = proven, fhir: Look = proven, name: str = "a step", still: tuple[Look, ...] = (), **words: object
) -> Step[Ward]:
    witnesses = [Witness(who, look) for who, look in zip((Who.EHR, Who.PUMP, Who.FHIR), (ehr, pump, fhir), strict=True)]
    witnesses += [Witness(Who.PUMP, look, still=True) for look in still]
    step = Step[Ward](
        name=name, sentence=f"{name} happens.", act=lambda ward, say: ward.acts.append(name), witnesses=tuple(witnesses), within_s=0.3
    )
    return replace(step, **words)  # type: ignore[arg-type]


class Telling:
    def __init__(self, *steps: Step[Ward], trouble: str = "", play: Callable[[], bool] = lambda: True) -> None:
        self.ward, self.lines = Ward(), list[str]()
        self.told = Teller[Ward](self.lines.append, lambda: trouble, play).tell(steps, self.ward)

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


def test_a_step_is_proven_when_all_three_have_said_so():
    telling = Telling(a_step(fhir=later))
    assert telling.told.proven == ["a step"]
    assert telling.told.failure is None
    assert "FHIR  asked 3 times" in telling.text, "it was told when it came"


@pytest.mark.parametrize(("who", "place"), [(Who.EHR, "ehr"), (Who.PUMP, "pump"), (Who.FHIR, "fhir")])
def test_one_witness_that_does_not_speak_up_in_time_is_enough_to_fail_and_each_ones_word_is_told(who: Who, place: str):
    telling = Telling(a_step(**{place: never}), a_step(name="the next"))
    assert telling.told.failure is not None
    assert telling.told.proven == []
    assert telling.ward.acts == ["a step"], "what stands on it is not tried"
    assert "NOT PROVEN: a step: not within" in telling.text
    assert f"{who:<4}  does not: nothing came" in telling.text
    assert telling.text.count("proves it: it is so") == 2


def test_what_must_not_have_happened_is_asked_when_the_others_have_spoken():
    order: list[str] = []

    def positive(ward: Ward) -> Seen:
        order.append("positive")
        return later(ward)

    def negative(ward: Ward) -> Seen:
        order.append("negative")
        return Seen(True, "no second offer")

    assert Telling(a_step(ehr=positive, still=(negative,))).told.failure is None
    assert order == ["positive"] * 3 + ["negative"]


def test_what_must_not_happen_and_has_happened_fails_the_step():
    telling = Telling(a_step(still=(lambda ward: Seen(False, "two offers for one order"),)))
    assert telling.told.proven == []
    assert "a witness says otherwise" in telling.text
    assert "pump  does not: two offers for one order" in telling.text


def test_a_witness_that_cannot_be_asked_proves_nothing():
    telling = Telling(a_step(fhir=gone))
    assert telling.told.proven == []
    assert "FHIR  does not: it could not be asked: ConnectionRefusedError: nobody listens" in telling.text


def test_an_act_that_cannot_be_done_fails_the_step_at_once():
    def act(ward: Ward, say: Callable[[str], None]) -> None:
        raise Missing("the answer is CR and not CA")

    telling = Telling(a_step(act=act))
    assert "NOT PROVEN: a step: the answer is CR and not CA" in telling.text


def test_a_process_that_ended_by_itself_fails_the_step_before_its_time_is_over():
    telling = Telling(a_step(pump=never, within_s=3600), trouble="the server ended with exit code 1")
    assert "NOT PROVEN: a step: the server ended with exit code 1" in telling.text


def test_a_person_may_do_the_nurses_part_and_it_is_not_played_as_well():
    telling = Telling(a_step(ehr=later, by_hand="confirm at LVP-0001"), play=lambda: False)
    assert telling.told.proven == ["a step"]
    assert telling.ward.acts == []
    assert "you   confirm at LVP-0001" in telling.text


def test_the_nurses_part_is_played_when_the_one_who_watches_asks_for_it():
    presses = iter([False, False, True])
    telling = Telling(a_step(ehr=lambda ward: Seen(bool(ward.acts), "after the act"), by_hand="confirm"), play=lambda: next(presses))
    assert telling.told.proven == ["a step"]
    assert telling.ward.acts == ["a step"]


def test_a_step_in_which_one_of_the_three_neither_speaks_nor_says_why_cannot_be_written():
    def written(witnesses: tuple[Witness[Ward], ...], silent: dict[Who, str]) -> Step[Ward]:
        return Step(name="s", sentence="S.", act=lambda ward, say: None, witnesses=witnesses, silent=silent)

    ehr = Witness(Who.EHR, proven)
    written((ehr,), {Who.PUMP: "none is there", Who.FHIR: "nothing to read"})
    for witnesses, silent in [((ehr,), {Who.PUMP: "none"}), ((), dict.fromkeys(THREE, "none")), ((ehr,), dict.fromkeys(THREE, "none"))]:
        with pytest.raises(ValueError):
            written(witnesses, silent)


def test_the_nurses_page_is_no_witness_and_a_step_without_its_words_is_not_proven():
    page = Witness[Ward](Who.PAGE, lambda ward: Seen(False, "the sentence is not there"))
    with pytest.raises(ValueError):
        Step[Ward](name="s", sentence="S.", act=lambda ward, say: None, witnesses=(page,), silent=dict.fromkeys(THREE, "none"))
    step = a_step()
    telling = Telling(replace(step, witnesses=(*step.witnesses, page)))
    assert telling.told.proven == []
    assert "page  does not: the sentence is not there" in telling.text
