"""Search parameters as R4 has them (3.1.1): what each prefix means, and that no value is taken for what it is not."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interop.wire.fhir.search import ADMINISTRATION, MOST, TASK, By, Grammar, NotASearch, Search, Token
from interop.wire.fhir.search import read_search as read


def read_search(parameters: list[tuple[str, str]], grammar: Grammar = ADMINISTRATION) -> Search:
    return read(parameters, grammar)


def at(hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 3, 2, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("asked", "fits"),
    [  # the period is 08:00 to 09:00 on 2 March, in UTC
        ("2026-03-02", True),
        ("eq2026-03-02", True),
        ("2026-03", True),
        ("2026", True),
        ("2026-03-02T08:30:00Z", False),
        ("2026-03-02T09:30:00+01:00", False),
        ("gt2026-03-02T08:30:00Z", True),
        ("gt2026-03-02T09:00:00Z", False),
        ("ge2026-03-02", True),
        ("ge2026-03-03", False),
        ("lt2026-03-02T08:30:00Z", True),
        ("lt2026-03-02T08:00:00Z", False),
        ("le2026-03-02", True),
        ("le2026-03-01", False),
        ("sa2026-03-01", True),
        ("sa2026-03-02T08:30:00Z", False),
        ("eb2026-03-02T09:30:00Z", True),
        ("eb2026-03-02T09:00:00Z", False),
        ("2025-12", False),
        ("eb2027", True),
    ],
)
def test_a_prefix_compares_a_period_as_the_standard_has_it(asked: str, fits: bool):
    (span,) = read_search([("effective-time", asked)]).effective
    assert span.fits(at(8), at(9)) is fits


@pytest.mark.parametrize(
    ("asked", "fits"), [("2026-03-02", False), ("ge2026-03-02", True), ("gt2030", True), ("eb2030", False), ("lt2026-03-03", True)]
)
def test_a_period_that_goes_on_has_no_end(asked: str, fits: bool):
    (span,) = read_search([("effective-time", asked)]).effective
    assert span.fits(at(8), None) is fits


def test_a_plus_sign_that_arrived_as_a_blank_is_one():
    spaced, plus = (read_search([("effective-time", f"2026-03-02T08:00:00{sign}01:00")]).effective for sign in " +")
    assert spaced == plus


def test_references_and_numbers_are_two_things():
    search = read_search(
        [("patient", "p-1"), ("patient:identifier", r"urn:x\|y|A\,1"), ("request", "https://ehr.example/MedicationRequest/1")]
    )
    assert [(each.by, each.any_of) for each in search.criteria] == [
        (By.SUBJECT, (Token(None, "Patient/p-1"),)),
        (By.PATIENT, (Token("urn:x|y", "A,1"),)),
        (By.REQUEST, (Token(None, "https://ehr.example/MedicationRequest/1"),)),
    ]


@pytest.mark.parametrize(
    ("token", "authority", "fits"),
    [
        (Token(None, "1"), "DEMO", True),
        (Token("DEMO", "1"), "DEMO", True),
        (Token("", "1"), "DEMO", False),
        (Token("", "1"), "", True),
        (Token("urn:oid:1.2.3", "1"), "1.2.3", True),
        (Token("DEMO", "2"), "DEMO", False),
        (Token("demo", "1"), "DEMO", False),
    ],
)
def test_a_token_is_its_system_and_its_value(token: Token, authority: str, fits: bool):
    assert token.fits("1", authority) is fits


def test_what_nobody_knows_is_told_apart_and_a_count_has_a_bound():
    search = read_search([("_format", "json"), ("colour", "blue"), ("_count", "100000")])
    assert (search.unknown, search.count, search.used) == (("colour",), MOST, (("_count", "100000"),))


def test_each_resource_is_asked_by_its_own_parameters():
    asked = [
        ("focus:identifier", "EHR1|ORD-1"),
        ("business-status", "urn:x|kvo,paused"),
        ("owner:identifier", "LVP-0001"),
        ("modified", "2026"),
    ]
    search = read_search(asked, TASK)
    assert [each.by for each in search.criteria] == [By.ORDER, By.BUSINESS_STATUS, By.DEVICE]
    assert (len(search.updated), search.effective, search.unknown) == (1, (), ())
    assert set(read_search(asked).unknown) == {name for name, _ in asked}
    assert [each.can_find for each in search.criteria] == [True, False, False]
    for name, value in [("status", "not-done"), ("focus", "Task/1"), ("owner", "Device/1"), ("identifier", "x|")]:
        with pytest.raises(NotASearch):
            read_search([(name, value)], TASK)


names = st.sampled_from(
    [
        "_id",
        "identifier",
        "patient",
        "patient:identifier",
        "request",
        "focus",
        "status",
        "business-status",
        "effective-time",
        "modified",
        "_lastUpdated",
        "_count",
        "_after",
    ]
)


@given(
    st.lists(
        st.tuples(names | st.text(max_size=12), st.text(max_size=40) | st.from_regex(r"(eq|gt|sa)?\d{4}(-\d\d){0,2}(T\d\d:\d\d:\d\dZ)?")),
        max_size=6,
    ),
    st.sampled_from([ADMINISTRATION, TASK]),
)
def test_sec_24_any_text_is_a_search_or_refused(parameters: list[tuple[str, str]], grammar: Grammar):
    try:
        search = read_search(parameters, grammar)
    except NotASearch:
        return
    assert 1 <= search.count <= MOST
