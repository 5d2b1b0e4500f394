"""Whatever a message says, reading it ends in an ``OrderRequest``: a fault is a finding and never an exception (SR-53, SEC-24)."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interop.domain.request import OrderRequest
from interop.domain.sender import FieldRule
from interop.wire.hl7v2.er7 import Message, Unreadable
from interop.wire.hl7v2.rgv import MOST_FINDINGS, kind_of, read_rgv
from tests.wire.rgv_reading import EHR1, everything_said

GOLDEN = [path.read_bytes() for path in sorted((Path(__file__).parent.parent / "golden" / "rgv").glob("*.hl7"))]
PLACED = {
    "pump_id": FieldRule(path="OBX[3.1=69986]-18.1", separator=":", part=1),
    "therapy": FieldRule(path="ZRX-2(3).4.5"),
    "weight_is_dosing_weight": FieldRule(path="OBX[2=NM]-17"),
    "patient_id": FieldRule(path="PID-3(2).1"),
}

characters = st.text(alphabet='|^~\\&"\r05.RXGOBXTQ1PIDmgUCMDLk -é', max_size=40)


@st.composite
def mutated(draw):
    """A golden message with a few stretches of it cut out, doubled or overwritten."""
    data = draw(st.sampled_from(GOLDEN))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(4, len(data)))
        end = min(len(data), start + draw(st.integers(0, 60)))
        put = draw(st.sampled_from(["", "again"]) | characters)
        data = data[:start] + (data[start:end] * 2 if put == "again" else put.encode("utf-8")) + data[end:]
    return data


@pytest.mark.requirement("SR-53", "SEC-24")
def test_sr_53_sec_24_any_message_that_can_be_split_can_be_read():
    outcomes: Counter[str] = Counter()

    @given(mutated(), st.booleans())
    def is_read(data, placed):
        try:
            message = Message.parse(data)
        except Unreadable:
            outcomes["unreadable"] += 1
            return
        request = read_rgv(message, replace(EHR1, places=PLACED) if placed else EHR1)
        kind_of(message)
        assert isinstance(request, OrderRequest)
        assert len(request.findings) <= MOST_FINDINGS + 1
        assert all(finding.field and finding.sentence for finding in request.findings)
        assert all(isinstance(text, str) for _, text in everything_said(request))
        outcomes["refused" if any(finding.refuses for finding in request.findings) else "read"] += 1

    is_read()
    assert outcomes["refused"]
    assert outcomes["read"]


@pytest.mark.requirement("SEC-24")
@pytest.mark.parametrize("hostile", ["~" * 100_000, "^" * 100_000, "&" * 100_000, '""~' * 40_000, "\\F\\" * 40_000, "9" * 100_000])
def test_sec_24_a_field_as_long_as_a_message_may_be_is_read_to_an_end(hostile):
    for place in (b"|4711001", b"|10|", b"|80.0|", b"^LVP-0001", b"|LVP-0001"):
        data = GOLDEN[4].replace(place, b"|" + hostile.encode("ascii") + b"|", 1)
        assert isinstance(read_rgv(Message.parse(data), EHR1), OrderRequest)


@pytest.mark.requirement("SEC-24")
def test_sec_24_two_thousand_segments_are_read_to_an_end():
    head, rest = GOLDEN[0].split(b"\r", 1)
    for line in (b"OBX|1|NM|158017^A^MDC||1|mg", b"RXG|1|||A^B^C|1||mL", b"ORC|RE|1", b"NTE|1", b"PID|||1", b"TQ1|1", b"ZZZ|1"):
        request = read_rgv(Message.parse(head + b"\r" + rest + (line + b"\r") * 1985), EHR1)
        assert len(request.findings) <= MOST_FINDINGS + 1
