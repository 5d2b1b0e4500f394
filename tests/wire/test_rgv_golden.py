"""One golden message for each kind of order of PCD-03, held to its table field by field (tests/golden/rgv/README.md)."""

import csv
from pathlib import Path

import pytest

from interop.domain.request import OrderRequest, Purpose
from interop.site.load import load_site
from interop.site.places import demo_site
from interop.wire.hl7v2.er7 import Message
from interop.wire.hl7v2.profile import find_sender
from interop.wire.hl7v2.rgv import read_rgv
from tests.wire.rgv_reading import everything_said

GOLDEN = Path(__file__).parent.parent / "golden" / "rgv"
NAMES = sorted(path.stem for path in GOLDEN.glob("*.hl7"))


def read(name: str) -> OrderRequest:
    """The golden message by the profile that the demo site ships for its sender."""
    release = load_site(demo_site()).release
    assert release is not None
    message = Message.parse((GOLDEN / f"{name}.hl7").read_bytes())
    profile = find_sender(message, release.senders.values())
    assert profile is not None
    return read_rgv(message, profile)


def rows(name: str) -> list[dict[str, str]]:
    with (GOLDEN / f"{name}.csv").open(encoding="utf-8", newline="") as table:
        return list(csv.DictReader(table, strict=True))


def test_every_kind_of_order_has_its_message_and_every_message_its_table():
    assert NAMES == [
        "bolus-dose-and-rate",
        "bolus-volume-and-duration",
        "intermittent",
        "lvp-dose-over-time",
        "lvp-dose-rate",
        "lvp-rate",
        "multistep",
        "pca",
        "piggyback",
        "rate-change",
        "rate-change-fluid",
        "syringe",
    ]
    assert sorted(path.stem for path in GOLDEN.glob("*.csv")) == NAMES


@pytest.mark.requirement("D-28")
@pytest.mark.parametrize("name", NAMES)
def test_d_28_a_golden_message_is_read_as_its_table_says_field_by_field(name):
    request = read(name)
    assert request.findings == ()
    said = set(everything_said(request))
    for row in rows(name):
        field, as_sent = row["field"], row["as_sent"]
        if as_sent:
            assert (field, as_sent) in said, row
        else:
            assert not [text for place, text in said if text and (place == field or place.startswith(f"{field}."))], row


@pytest.mark.parametrize(
    ("name", "purpose"),
    [("lvp-rate", Purpose.START), ("rate-change", Purpose.CHANGE), ("bolus-dose-and-rate", Purpose.BOLUS)],
)
def test_the_three_order_controls_of_piv_are_three_purposes(name, purpose):
    assert read(name).purpose is purpose


def test_the_golden_bytes_end_every_segment_with_a_carriage_return_and_hold_no_line_feed():
    for name in NAMES:
        data = (GOLDEN / f"{name}.hl7").read_bytes()
        assert data.endswith(b"\r")
        assert b"\n" not in data
