"""The grammar of a PCD-03 order: every message outside it is refused with the segment's name, and nothing is lost in silence (SR-53)."""

import re
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interop.domain.finding import PivError, Severity
from interop.domain.sender import FieldRule
from interop.wire.hl7v2.er7 import Message
from interop.wire.hl7v2.rgv_structure import read_structure
from tests.wards.messages import a_dopamine_rgv, a_multistep_rgv, an_rgv, message_of
from tests.wire.rgv_reading import read, refused_fields

GRAMMAR = re.compile(r"MSH PID (PV1 )?(ORC (RXG (TQ1 )?RXR (OBX )+)+)+")
WITHOUT_OBX = re.compile(r"MSH PID (PV1 )?(ORC (RXG (TQ1 )?RXR (OBX )*)+)+")
HEADER = "MSH|^~\\&|EHR1|DEMO"

segment_names = st.lists(st.sampled_from(["PID", "PV1", "ORC", "RXG", "TQ1", "RXR", "OBX"]), max_size=12)
orders = st.lists(
    st.tuples(st.booleans(), st.integers(1, 3)).map(lambda give: ["RXG", *(["TQ1"] if give[0] else []), "RXR", *["OBX"] * give[1]]),
    min_size=1,
    max_size=4,
).map(lambda gives: ["PID", "ORC", *[name for give in gives for name in give]])


@pytest.mark.requirement("SR-53")
def test_sr_53_a_message_is_refused_exactly_if_it_is_outside_the_grammar():
    outcomes: Counter[bool] = Counter()

    @given(segment_names | orders, st.booleans())
    def is_judged_by_the_grammar(names, obx_required):
        message = Message.parse(message_of([HEADER, *(f"{name}|1" for name in names)]))
        sent = "".join(f"{segment.name} " for segment in message)
        inside = (GRAMMAR if obx_required else WITHOUT_OBX).fullmatch(sent) is not None
        several = names.count("ORC") > 1
        findings = read_structure(message, obx_required=obx_required).findings
        assert bool(findings) is (not inside or several)
        outcomes[inside] += 1

    is_judged_by_the_grammar()
    assert outcomes[True]
    assert outcomes[False]


@pytest.mark.requirement("SR-53")
@pytest.mark.parametrize("segment", ["PID", "ORC", "RXG", "RXR"])
def test_sr_53_a_missing_segment_is_named(segment):
    request = read(an_rgv(without=[segment]))
    assert ("9003", segment) in refused_fields(request)


@pytest.mark.requirement("SR-53")
def test_sr_53_an_order_without_any_obx_misses_it_and_the_pump():
    assert refused_fields(read(an_rgv(without=["OBX"]))) == {("9003", "OBX"), ("9003", "OBX-18.1")}


@pytest.mark.requirement("SR-53")
def test_sr_53_a_step_that_lost_its_route_does_not_take_the_next_steps():
    request = read(a_multistep_rgv(without=["RXR[1]"]))
    assert refused_fields(request) == {("9003", "RXR")}
    assert [give.routes[0].code for give in request.gives] == ["", "IV"]


@pytest.mark.requirement("SR-53")
def test_sr_53_a_header_alone_misses_everything():
    assert refused_fields(read(message_of([HEADER + "|||20260302||RGV^O15|1"]), require_profile_id=False)) == {
        ("9003", "PID"),
        ("9003", "ORC"),
        ("9003", "RXG"),
        ("9003", "RXR"),
        ("9003", "OBX"),
        ("9003", "OBX-18.1"),
    }


@pytest.mark.requirement("SR-53")
@pytest.mark.parametrize("segment", ["SFT", "NTE", "AL1", "PV2", "TQ2", "RXO", "RXE", "RXC", "RXV", "DSC", "QQQ"])
def test_sr_53_a_segment_that_piv_forbids_is_named_and_refused_wherever_it_stands(segment):
    for after in ("MSH", "PID", "ORC", "RXG", "RXR", "OBX[2]"):
        request = read(a_dopamine_rgv(after={after: [f"{segment}|1"]}))
        assert refused_fields(request) == {("9004", segment)}


@pytest.mark.requirement("SR-53")
def test_sr_53_an_unknown_segment_in_a_required_place_does_not_fill_it():
    lines = an_rgv().decode("ascii").split("\r")[:-1]
    for name in ("RXQ", "ZXR"):
        request = read(message_of(line.replace("RXR|", f"{name}|", 1) if line.startswith("RXR") else line for line in lines))
        assert ("9003", "RXR") in refused_fields(request)


def test_a_local_segment_is_noted_or_read_if_the_profile_reads_it():
    message = a_dopamine_rgv(after={"OBX[2]": ["ZRX|1|VTE"]})
    request = read(message)
    assert [(finding.severity, finding.field) for finding in request.findings] == [(Severity.NOTE, "ZRX")]
    request = read(message, places={"therapy": FieldRule(path="ZRX-2")})
    assert (request.findings, request.therapy.text) == ((), "VTE")


def test_a_note_may_be_read_by_a_profile_and_a_pharmacy_segment_never_passed_over():
    message = a_dopamine_rgv(after={"RXR": ["NTE|1||VTE"]})
    assert read(message, places={"therapy": FieldRule(path="NTE-3")}).findings == ()
    message = a_dopamine_rgv(after={"RXR": ["RXC|A|KCl|20|meq"]})
    assert refused_fields(read(message, places={"therapy": FieldRule(path="RXC-2")})) == {("9004", "RXC")}


@pytest.mark.parametrize(
    ("order", "found"),
    [
        (["MSH", "PID", "RXG", "ORC", "RXR", "OBX"], {("9003", "ORC"), ("9003", "RXG"), ("9003", "RXR"), ("9003", "OBX")}),
        (["MSH", "ORC", "RXG", "RXR", "OBX", "PID"], {("9003", "PID"), ("9004", "PID")}),
        (["MSH", "PID", "ORC", "TQ1", "RXG", "RXR", "OBX"], {("9004", "TQ1")}),
        (["MSH", "PID", "ORC", "RXG", "RXR", "TQ1", "OBX"], {("9004", "TQ1")}),
        (["MSH", "PID", "ORC", "RXG", "TQ1", "TQ1", "RXR", "OBX"], {("9004", "TQ1[2]")}),
        (["MSH", "PID", "ORC", "RXG", "RXR", "RXR", "OBX"], {("9004", "RXR[2]")}),
        (["MSH", "PID", "ORC", "PV1", "RXG", "RXR", "OBX"], {("9004", "PV1")}),
        (["MSH", "PID", "PID", "ORC", "RXG", "RXR", "OBX"], {("9004", "PID[2]")}),
        (["MSH", "PID", "OBX", "ORC", "RXG", "RXR", "OBX"], {("9003", "ORC"), ("9003", "RXG"), ("9003", "RXR")}),
        (["MSH", "PID", "ORC", "RXG", "RXR", "OBX", "RXG"], {("9003", "RXR"), ("9003", "OBX")}),
        (["MSH", "PID", "ORC", "RXG", "OBX", "RXR"], {("9003", "RXR"), ("9004", "RXR")}),
    ],
)
def test_a_segment_out_of_its_place_is_named(order, found):
    message = Message.parse(message_of([HEADER, *(f"{name}|1" for name in order[1:])]))
    assert {(finding.code_text, finding.field) for finding in read_structure(message).findings} == found


@pytest.mark.requirement("D-08")
def test_d_08_several_orders_in_one_message_are_refused_whole():
    one = a_dopamine_rgv().decode("ascii").split("\r")[:-1]
    request = read(message_of([*one, *(line for line in one if line[:3] in ("ORC", "RXG", "RXR", "OBX"))]))
    (finding,) = request.findings
    assert (finding.code, finding.field) == (PivError.INVALID_PARAMETER, "ORC[2]")
    assert "2 orders" in finding.sentence
    assert len(request.gives) == 1
