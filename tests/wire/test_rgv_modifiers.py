"""PCD-03: what stands beside the dose and decides whether it is given at all, to whom, when and how fast. None of it is passed over in silence."""

import pytest

from interop.domain.finding import Finding, Owner, Severity
from interop.domain.request import AsSent, OrderRequest
from interop.domain.sender import FieldRule
from tests.wards.messages import a_cefazolin_rgv, a_dopamine_rgv, a_piggyback_rgv, an_rgv
from tests.wire.rgv_reading import read, refused_fields


def only(request: OrderRequest) -> Finding:
    (finding,) = request.findings
    return finding


# ── is it an order to be given now ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.requirement("SR-07")
@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ("A", "active"),
        ("IP", "active"),
        ("SC", "active"),
        ("HD", "on-hold"),
        ("DC", "stopped"),
        ("RP", "stopped"),
        ("CA", "cancelled"),
        ("CM", "completed"),
        ("", ""),
        ('""', ""),
    ],
)
def test_sr_07_the_order_s_status_is_read_by_the_table_of_orc_5(sent, status):
    request = read(an_rgv(fields={"ORC-5": sent}))
    assert request.status == AsSent(status, "ORC-5")
    assert request.findings == ()


@pytest.mark.requirement("SR-07")
@pytest.mark.parametrize("sent", ["ER", "ZZ", "a", "A ", "A^B", "A~CA"])
def test_sr_07_a_status_that_nobody_here_knows_is_refused_and_never_taken_for_active(sent):
    request = read(an_rgv(fields={"ORC-5": sent}))
    assert ("9004", "ORC-5") in refused_fields(request)
    assert request.status == AsSent("unknown", "ORC-5")


@pytest.mark.parametrize(("purpose", "word"), [("T", "training"), ("D", "debugging")])
def test_a_message_for_training_or_debugging_programs_no_pump(purpose, word):
    finding = only(read(an_rgv(fields={"MSH-11": purpose})))
    assert (finding.code_text, finding.field, finding.severity) == ("9016.not-an-order", "MSH-11", Severity.REFUSE)
    assert word in finding.sentence


@pytest.mark.parametrize("purpose", ["X", "p", "P~T", "TEST"])
def test_a_processing_id_that_is_not_in_the_table_is_not_taken_for_production(purpose):
    assert refused_fields(read(an_rgv(fields={"MSH-11": purpose}))) == {("9004", "MSH-11")}


@pytest.mark.parametrize("purpose", ["P", "P^T", "", " P"])
def test_a_production_message_and_one_that_does_not_say_are_read(purpose):
    assert read(an_rgv(fields={"MSH-11": purpose})).findings == ()


@pytest.mark.requirement("D-14")
def test_d_14_an_order_marked_for_human_review_waits_for_it():
    finding = only(read(a_cefazolin_rgv(fields={"RXG-12": "Y"})))
    assert (finding.code_text, finding.field) == ("9016.not-verified", "RXG-12")
    assert "marked for human review" in finding.sentence
    assert read(a_cefazolin_rgv(fields={"RXG-12": "N"})).findings == ()
    assert refused_fields(read(a_cefazolin_rgv(fields={"RXG-12": "maybe"}))) == {("9004", "RXG-12")}


# ── for whom ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("field", "text"), [("PID-30", "Y"), ("PID-29", "20260301"), ("PID-30", "perhaps")])
def test_an_order_for_a_patient_whom_the_sender_marks_as_dead_is_refused(field, text):
    finding = only(read(an_rgv(fields={field: text})))
    assert (finding.code_text, finding.field, finding.owner) == ("9004", field, Owner.NURSE)
    assert text not in finding.sentence or text == "Y"


@pytest.mark.parametrize("text", ["N", "", '""'])
def test_a_patient_who_lives_is_no_finding(text):
    assert read(an_rgv(fields={"PID-30": text})).findings == ()


@pytest.mark.requirement("SR-02")
@pytest.mark.parametrize(
    "sent",
    [
        "4711001^^^DEMO^MR~4711002^^^DEMO^MR",
        "4711001^^^DEMO^MR~4711002^^^DEMO",
        "4711001~4711002",
        "4711001^^^DEMO^MR~77^^^OTHER^PI~4711002^^^DEMO^MR",
        "4711001^^^&2.16.1&ISO^PI~4711002^^^&2.16.1&ISO^PI",
    ],
)
def test_sr_02_two_ids_of_one_authority_that_differ_name_nobody(sent):
    request = read(an_rgv(fields={"PID-3": sent}))
    assert [(code, field[:5]) for code, field in refused_fields(request)] == [("9031", "PID-3")]
    assert "4711" not in only(request).sentence


@pytest.mark.parametrize(
    "sent", ["4711001^^^DEMO^MR~4711001^^^DEMO^MR", "4711001^^^DEMO^MR~88^^^DEMO^SS", "1^^^A^PI~2^^^B^PI", "~4711001^^^DEMO"]
)
def test_ids_of_several_authorities_or_kinds_and_the_same_id_twice_are_one_patient(sent):
    assert read(an_rgv(fields={"PID-3": sent})).findings == ()


def test_a_profile_that_says_which_repetition_is_the_patient_has_chosen():
    sent = {"PID-3": "55~4711001"}
    assert read(an_rgv(fields=sent), places={"patient_id": FieldRule(path="PID-3(2).1")}).findings == ()
    assert refused_fields(read(an_rgv(fields=sent), places={"patient_id": FieldRule(path="PID-3.1")})) == {("9031", "PID-3(2)")}


# ── when, how fast, by which method ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("RXG-3", "1^Q8H"),
        ("RXG-14", "H1"),
        ("TQ1-2", "2"),
        ("TQ1-3", "Q8H"),
        ("TQ1-6", "30^min"),
        ("TQ1-7", "20260302"),
        ("TQ1-8", "20260303"),
        ("TQ1-9", "PRN"),
    ],
)
def test_a_field_that_could_change_whether_or_how_fast_it_is_given_is_refused(field, text):
    finding = only(read(a_cefazolin_rgv(fields={field: text})))
    assert (finding.code_text, finding.field, finding.severity) == ("9004", field, Severity.REFUSE)
    assert f"PCD-03 does not use {field}" in finding.sentence


@pytest.mark.parametrize(
    ("field", "text"),
    [("TQ1-4", "0800"), ("TQ1-5", "1^h"), ("TQ1-10", "see chart"), ("TQ1-11", "slow"), ("TQ1-12", "S"), ("TQ1-14", "3"), ("RXG-6", "500")],
)
def test_any_other_field_that_piv_does_not_use_is_answered_at_the_pump(field, text):
    finding = only(read(a_cefazolin_rgv(fields={field: text})))
    assert (finding.severity, finding.field, finding.must_confirm) == (Severity.CAUTION, field, True)
    assert finding.action


def test_a_null_in_a_field_that_piv_does_not_use_says_nothing():
    assert read(a_cefazolin_rgv(fields={"TQ1-7": '""', "RXG-14": '""', "RXG-12": '""'})).findings == ()


@pytest.mark.requirement("SR-20")
@pytest.mark.parametrize("method", ["IVP", "^PUSH^HL70165", "IM", "^IV^HL70165^IVPB^x^HL70165", "iv", "^IM^HL70165^IV^x^LOCAL", "A~B"])
def test_sr_20_a_method_that_is_no_infusion_is_refused(method):
    assert ("9004", "RXR-4") in refused_fields(read(a_dopamine_rgv(fields={"RXR-4": method})))


@pytest.mark.parametrize(
    ("method", "read_as"), [("", ""), ("IV", "IV"), ("^IV^HL70165", "IV"), ("IVPB^x^y", "IVPB"), ("7^drip^LOCAL^^IVPB^HL70165", "IVPB")]
)
def test_the_methods_of_piv_are_read_and_none_is_none(method, read_as):
    request = read(a_piggyback_rgv(fields={"RXR-4": method}))
    assert request.findings == ()
    assert request.gives[0].method == AsSent(read_as, "RXR-4")
