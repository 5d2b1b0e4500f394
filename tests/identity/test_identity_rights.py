"""Who may ask for what: the whole table, word by word, and the names that no right may ever have."""

import re
from itertools import chain, combinations

import pytest

from interop.domain.actor import (
    APART,
    BADGE_IS_NOT_ENOUGH,
    PERSONAL,
    RIGHTS,
    Actor,
    Deed,
    Kind,
    Proof,
    Right,
    Role,
    clashes,
    may,
    may_after,
)

ALLOWED = {
    "BE_KNOWN": "everybody",
    "PLACE_ORDER": "ehr-system",
    "READ_ORDER": "nurse pharmacist analyst ehr-system",
    "READ_WORKLIST": "nurse pharmacist analyst",
    "ASK_FOR_OFFER": "nurse",
    "RECALL_OFFER": "nurse pharmacist",
    "ATTEST_OUTCOME": "nurse",
    "SET_HOLD": "pharmacist",
    "LIFT_HOLD": "pharmacist",
    "READ_RELEASE": "pharmacist analyst biomed auditor",
    "BUILD_RELEASE": "analyst",
    "APPROVE_RELEASE": "pharmacist",
    "ENROL_PUMP": "biomed",
    "SPEAK_AS_PUMP": "pump",
    "READ_OPERATIONS": "analyst biomed it administrator",
    "RESEND_MESSAGE": "analyst it",
    "DISCARD_MESSAGE": "analyst",
    "MANAGE_USERS": "administrator",
    "MANAGE_CLIENTS": "administrator",
    "READ_AUDIT": "auditor",
}
"""Written a second time and by hand: a change of the table is a change here, and is looked at twice."""

KIND = {Role.EHR_SYSTEM: (Kind.SYSTEM, Proof.TOKEN), Role.PUMP: (Kind.PUMP, Proof.CERTIFICATE)}


def somebody(*roles: Role, proof: Proof | None = None, id: str = "anna") -> Actor:
    kind, usual = KIND.get(roles[0], (Kind.PERSON, Proof.PASSWORD))
    return Actor(id, kind, frozenset(roles), proof or usual)


@pytest.mark.parametrize("right", Right, ids=lambda right: right.name)
@pytest.mark.parametrize("role", Role, ids=lambda role: role.name)
def test_sec_11_every_role_has_the_rights_of_the_table_and_no_other(role: Role, right: Right):
    allowed = ALLOWED[right.name]
    assert may(somebody(role), right) is (allowed == "everybody" or role.value in allowed.split())


def test_sec_11_somebody_without_a_role_has_no_right():
    nobody = Actor("anna", Kind.PERSON, frozenset(), Proof.PASSWORD)
    assert not [right for right in Right if may(nobody, right)]


def test_sec_11_every_role_has_a_row():
    assert set(RIGHTS) == set(Role)


def test_sec_17_sr_01_the_rights_are_these_and_none_of_them_touches_delivery():
    assert {right.name for right in Right} == set(ALLOWED)
    words = set(chain.from_iterable(re.findall("[a-z]+", f"{right.name} {right.value}".replace("_", " ").lower()) for right in Right))
    assert not words & {
        "start",
        "stop",
        "resume",
        "pause",
        "run",
        "deliver",
        "delivery",
        "infuse",
        "rate",
        "titrate",
        "bolus",
        "confirm",
        "program",
    }


@pytest.mark.parametrize("proof", [Proof.PASSWORD, Proof.BADGE], ids=lambda proof: proof.name)
@pytest.mark.parametrize("right", Right, ids=lambda right: right.name)
def test_a_badge_alone_is_not_enough_for_what_reaches_many_patients(right: Right, proof: Proof):
    roles = [role for role in PERSONAL if right in RIGHTS[role]]
    for role in roles:
        assert may(somebody(role, proof=proof), right) is (proof is Proof.PASSWORD or right not in BADGE_IS_NOT_ENOUGH)


def test_a_nurse_needs_no_more_than_a_badge():
    assert not RIGHTS[Role.NURSE] & BADGE_IS_NOT_ENOUGH


def test_sr_06_there_is_no_actor_without_an_id():
    for id in ("", " ", "anna berg", "a\n", "-", "ä"):
        with pytest.raises(ValueError, match="needs an id"):
            somebody(Role.NURSE, id=id)


@pytest.mark.parametrize("kind", Kind, ids=lambda kind: kind.name)
@pytest.mark.parametrize("role", Role, ids=lambda role: role.name)
def test_sec_11_persons_systems_and_pumps_have_roles_of_their_own_kind(role: Role, kind: Kind):
    own = {Role.EHR_SYSTEM: Kind.SYSTEM, Role.PUMP: Kind.PUMP}.get(role, Kind.PERSON)
    if kind is own:
        assert Actor("x", kind, frozenset({role}), Proof.PASSWORD).roles == {role}
    else:
        with pytest.raises(ValueError, match="cannot have the role"):
            Actor("x", kind, frozenset({role}), Proof.PASSWORD)


def test_a_person_and_a_system_of_one_name_are_two():
    assert somebody(Role.NURSE, id="epic").key != somebody(Role.EHR_SYSTEM, id="epic").key


def test_sec_16_a_pump_speaks_for_itself_alone():
    pump = somebody(Role.PUMP, id="P1")
    assert pump.may_speak_for_pump("P1")
    assert not pump.may_speak_for_pump("P2")
    assert not somebody(Role.NURSE, id="P1").may_speak_for_pump("P1")


def test_sec_16_a_system_sees_the_orders_of_its_own_sender_alone():
    ehr = Actor("epic", Kind.SYSTEM, frozenset({Role.EHR_SYSTEM}), Proof.TOKEN, sender="epic-r4")
    assert ehr.may_see_orders_of("epic-r4")
    assert not ehr.may_see_orders_of("cerner-r4")
    assert not somebody(Role.EHR_SYSTEM).may_see_orders_of("")
    assert somebody(Role.NURSE).may_see_orders_of("epic-r4")
    assert not somebody(Role.BIOMED).may_see_orders_of("epic-r4")


def test_sec_12_who_built_a_release_does_not_approve_it():
    pharmacist = somebody(Role.PHARMACIST)
    assert may_after(pharmacist, Right.APPROVE_RELEASE, [Deed(Right.BUILD_RELEASE, "person/boris")])
    assert not may_after(pharmacist, Right.APPROVE_RELEASE, [Deed(Right.BUILD_RELEASE, "person/anna")])
    assert not may_after(pharmacist, Right.APPROVE_RELEASE, [Deed(Right.ENROL_PUMP, "person/anna")])


def test_d_25_one_pharmacist_sets_a_hold_and_two_lift_it():
    anna = somebody(Role.PHARMACIST)
    assert may_after(anna, Right.LIFT_HOLD, [Deed(Right.SET_HOLD, "person/anna")])
    assert may_after(anna, Right.LIFT_HOLD, [Deed(Right.LIFT_HOLD, "person/boris")])
    assert not may_after(anna, Right.LIFT_HOLD, [Deed(Right.LIFT_HOLD, "person/anna")])


def test_sec_12_a_deed_gives_no_right():
    assert not may_after(somebody(Role.NURSE), Right.LIFT_HOLD, [])


def test_sec_12_no_set_of_roles_without_a_clash_gives_one_person_both_sides():
    sets = chain.from_iterable(combinations(PERSONAL, size) for size in range(1, len(PERSONAL) + 1))
    seen = set()
    for roles in sets:
        held = frozenset(chain.from_iterable(RIGHTS[role] for role in roles))
        both = [pair for pair in APART if pair[0] is not pair[1] and set(pair) <= held]
        assert bool(clashes(roles)) is bool(both)
        seen.add(bool(both))
    assert seen == {True, False}


@pytest.mark.parametrize("role", sorted(PERSONAL, key=lambda role: role.name), ids=lambda role: role.name)
def test_sec_12_no_single_role_clashes_with_itself(role: Role):
    assert clashes([role]) == ()
