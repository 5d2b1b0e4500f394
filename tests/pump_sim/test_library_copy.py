"""The pump's own copy of the drug library: read exactly, and not used when anything about it is wrong (SR-94)."""

import json
from fractions import Fraction

import pytest

from pump_sim.amounts import Amount
from pump_sim.library import Limits, NoLibrary, digest, read_library
from tests.pump_sim.ward import ENTRIES, amount, document, library


def damaged(change) -> bytes:
    """The document with something changed, and its sha256 made right again: only the content is wrong."""
    top = json.loads(document())
    top.pop("sha256")
    change(top)
    return json.dumps(top | {"sha256": digest(top)}).encode()


def test_a_document_is_read_with_exact_amounts():
    dopamine = library().entries["DOP"]
    assert dopamine.limits == Limits(*(Amount(Fraction(each), "ug/kg/min") for each in (1, 2, 20, 50)))
    assert dopamine.concentration == Amount(Fraction(8, 5), "mg/mL")
    assert dopamine.limits.judge(Amount(Fraction(50), "ug/kg/min"))[0] == "soft_high"
    assert library().entries["NS-PEDS"].limits == Limits()  # a limit that is not there is none, and not zero
    assert library().ref.version == "42"


@pytest.mark.requirement("SR-94")
def test_sr_94_every_single_flipped_byte_is_found_or_changes_nothing():
    good = document()
    for place in range(0, len(good), 37):
        for bit in (1, 4, 32):
            flipped = bytearray(good)
            flipped[place] ^= bit
            try:
                assert read_library(bytes(flipped)) == library()  # white space only
            except NoLibrary:
                continue


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda top: top.update(form="another"), "not a document of the form"),
        (lambda top: top.update(entries={}), "entries is not a list"),
        (lambda top: top["entries"].append(ENTRIES[0]), "twice"),
        (lambda top: top["entries"][0].pop("second_check"), "second_check is missing"),
        (lambda top: top["entries"][0].update(mode="DRIP"), "none of"),
        (lambda top: top["entries"][0].update(care_area="MARS"), "not in the library"),
        (lambda top: top["entries"][0].update(dosing_unit="U/h"), "not known"),
        (lambda top: top["entries"][0].update(dosing_unit="mg"), "do not|measure|not dosed"),
        (lambda top: top["entries"][0].update(concentration={"value": 1.6, "unit": "mg/mL"}), "not an amount"),
        (lambda top: top["entries"][0].update(concentration=amount("1.60 mg/mL")), "plain decimal"),
        (lambda top: top["entries"][0]["limits"].update(hard_low=amount("60 ug/kg/min")), "do not rise"),
        (lambda top: top["entries"][0]["limits"].update(hard_high=amount("50 mg/h")), "different things"),
    ],
)
def test_sr_94_a_document_whose_content_is_wrong_is_not_used(change, why):
    with pytest.raises(NoLibrary, match=why):
        read_library(damaged(change))


@pytest.mark.parametrize("data", [b"", b"\xff\xfe", b"[]", b"{}", b'{"form":"interop pump library 1"}', b'{"a":1,"a":2}'])
def test_sr_94_what_is_no_document_is_said_to_be_none(data):
    with pytest.raises(NoLibrary):
        read_library(data)
