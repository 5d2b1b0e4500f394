"""The RRG as it goes out (ihe-pcd.md 3.8): golden bytes, and what holds for every one of them."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interop.conduct.answers import code_of, refusal
from interop.domain.envelope import Accept, CannotBe, NotAccepted
from interop.domain.finding import Code, Finding, PivError, Sub
from interop.wire.hl7v2.er7 import Message
from interop.wire.hl7v2.reader import RgvReader, RgvRenderer
from tests.wards.messages import a_dopamine_rgv, a_fluid_rgv
from tests.wards.ward import NOW, demo_release

GOLDEN = Path(__file__).parents[1] / "golden" / "rrg"
RENDERER = RgvRenderer()


def two_orders() -> bytes:
    return a_fluid_rgv() + b"ORC" + a_fluid_rgv(order="ORD-2").split(b"\rORC", 1)[1]


def reason(code: Code, field: str, sentence: str = "") -> Finding:
    """With an action of this page, so that the golden bytes do not move with the product's advice."""
    return Finding.against(code, field, sentence, action="What to do.")


STORIES = {
    "aa-on-the-screen": (a_dopamine_rgv(), "AA", ()),
    "ae-9007-offline": (a_dopamine_rgv(), "AE", (reason(PivError.OFFLINE, "channel", "LVP-0001 channel A is not connected"),)),
    "ar-9010-not-matched": (
        a_dopamine_rgv(),
        "AR",
        (reason(PivError.DRUG_NOT_MATCHED, "RXG-4", "no row of formulary.csv has the code LOC-99999"),),
    ),
    "ar-9016-conflict-and-others": (
        a_dopamine_rgv(),
        "AR",
        (
            reason(Sub.CONFLICT, "ORC-2", "the same request was already made with other content"),
            reason(PivError.HARD_LIMIT, "dose rate", "100 ug/kg/min is above the hard limit"),
            reason(PivError.NO_CARE_AREA, "care area"),
        ),
    ),
    "ae-9016-outcome-unknown": (a_dopamine_rgv(), "AE", (reason(Sub.OUTCOME_UNKNOWN, "channel", "the pump did not answer"),)),
    "ar-several-orders": (two_orders(), "AR", (reason(PivError.INVALID_PARAMETER, "ORC[2]", "the message holds 2 orders"),)),
}


@pytest.mark.parametrize("name", STORIES)
def test_d_07_the_answer_is_written_byte_for_byte_as_the_golden_one(name: str):
    message, code, reasons = STORIES[name]
    assert RENDERER.answer(message, code, reasons, "N00000001", NOW) == (GOLDEN / f"{name}.hl7").read_bytes()


def test_every_golden_answer_has_its_story():
    assert {path.stem for path in GOLDEN.glob("*.hl7")} == set(STORIES)


@pytest.mark.parametrize("error", PivError)
def test_d_08_ae_or_ar_is_fixed_by_the_code(error: PivError):
    answer = refusal([Finding.against(error, "RXG-15")])
    assert answer.code == error.acknowledgment_code
    written = Message.parse(RENDERER.answer(a_dopamine_rgv(), answer.code, answer.reasons, "N1", NOW))
    assert written.first("ERR").text(5, 1) == str(error.number)
    assert written.first("ERR").text(5, 2) == error.text
    assert written.first("MSA").text(2) == "MSG-0001"


def test_d_07_an_unknown_outcome_is_ae_and_a_conflict_ar_and_the_conflict_comes_first():
    assert code_of(Finding.against(Sub.OUTCOME_UNKNOWN, "channel")) == "AE"
    answer = refusal([Finding.against(PivError.OFFLINE, "channel"), Finding.against(Sub.CONFLICT, "ORC-2")])
    assert (answer.code, answer.reasons[0].code) == ("AR", Sub.CONFLICT)


@pytest.mark.parametrize(
    ("code", "reasons"), [("AA", (Finding.against(PivError.OFFLINE, "channel"),)), ("AE", ()), ("AR", ()), ("CA", ()), ("CE", ())]
)
def test_sr_15_an_answer_that_contradicts_itself_is_never_written(code: str, reasons: tuple[Finding, ...]):
    with pytest.raises(ValueError):
        RENDERER.answer(a_dopamine_rgv(), code, reasons, "N1", NOW)


@given(
    st.lists(
        st.builds(
            lambda error, field, sentence: Finding.against(error, field, sentence),
            st.sampled_from([*PivError, *Sub]),
            st.text(max_size=80),
            st.text(max_size=400),
        ),
        min_size=1,
        max_size=40,
    )
)
def test_sr_15_whatever_the_reasons_say_the_answer_can_be_read_and_carries_the_gravest(reasons: list[Finding]):
    answer = refusal(reasons)
    written = Message.parse(RENDERER.answer(a_dopamine_rgv(), answer.code, answer.reasons, "N1", NOW))
    (err,) = written.all("ERR")
    assert err.text(5, 1) == str(answer.reasons[0].piv_error.number)  # type: ignore[union-attr]
    assert len(err.text(5, 9) or "") <= 199
    assert [segment.name for segment in written] == ["MSH", "MSA", "ERR", "PID", "ORC"]


@given(st.binary(max_size=300), st.sampled_from(CannotBe))
def test_sr_53_any_bytes_at_all_get_an_accept_answer(message: bytes, why: CannotBe):
    RENDERER.accept(message, Accept.REJECTED, "N1", NOW, NotAccepted(why, "a sentence", "MSH-9"))
    RENDERER.accept(message, Accept.NOT_STORED, "N1", NOW)
    RENDERER.accept(message, Accept.COMMITTED, "N1", NOW)


@given(st.integers(0, 900), st.integers(0, 255), st.integers(0, 3))
def test_sr_53_a_damaged_order_is_opened_or_refused_and_never_anything_else(at: int, byte: int, cut: int):
    whole = a_dopamine_rgv()
    at %= len(whole)
    damaged = whole[:at] + bytes([byte]) + whole[at + cut :]
    try:
        opened = RgvReader().open(damaged, demo_release().senders.values())
    except NotAccepted:
        return
    else:
        RgvReader().request(damaged, opened.profile)
        RENDERER.answer(damaged, "AR", (Finding.against(PivError.OFFLINE, "channel"),), "N1", NOW)


@given(st.integers(0, 900))
def test_sr_53_an_order_cut_short_is_opened_or_refused_and_has_another_hash(at: int):
    whole = a_dopamine_rgv()
    reader, senders = RgvReader(), demo_release().senders.values()
    cut = whole[: at % (len(whole) - 1)]
    try:
        opened = reader.open(cut, senders)
    except NotAccepted:
        return
    assert opened.content_hash != reader.open(whole, senders).content_hash


def test_d_04_a_resend_differs_in_msh_7_only_and_a_repeat_in_nothing_after_msh():
    reader, senders = RgvReader(), demo_release().senders.values()
    first = reader.open(a_dopamine_rgv(), senders)
    resent = reader.open(a_dopamine_rgv(sent_at="20260302020000-0600"), senders)
    repeated = reader.open(a_dopamine_rgv(message_id="MSG-0002"), senders)
    other = reader.open(a_dopamine_rgv(rate="11"), senders)
    assert first.content_hash == resent.content_hash != repeated.content_hash
    assert first.effect_hash == resent.effect_hash == repeated.effect_hash != other.effect_hash
    assert first.about == {"placer_order_number ORD-1001", "pump_id LVP-0001"}
