"""Who acts, and what each role may ask: every request and command carries an actor (SR-06), and what no row of ``RIGHTS`` gives is denied (SEC-11).

No right starts, resumes, stops or changes delivery, and none may be added that does (SR-01, SEC-17): that is done by hand, at the pump.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True)
class Clinician:
    """A person at the bedside by their own id; ``name`` may be empty, the id never is."""

    id: str
    name: str = ""


class Role(Enum):
    """What somebody is to this server (SEC-11). Persons may have several, a system and a pump have their own alone."""

    NURSE = "nurse"
    PHARMACIST = "pharmacist"
    ANALYST = "analyst"
    BIOMED = "biomed"
    IT = "it"
    AUDITOR = "auditor"
    ADMINISTRATOR = "administrator"
    EHR_SYSTEM = "ehr-system"
    PUMP = "pump"


class Kind(Enum):
    """What an actor is: a person, a system with a token or certificate, a pump."""

    PERSON = "person"
    SYSTEM = "system"
    PUMP = "pump"


class Proof(Enum):
    """How the actor showed who they are. A badge can be found in a corridor; what ``BADGE_IS_NOT_ENOUGH`` names needs more."""

    PASSWORD = "password"
    BADGE = "badge"
    TOKEN = "token"
    CERTIFICATE = "certificate"
    CONSOLE = "console"


class Right(Enum):
    """All that can be asked of the server. The list is closed: a test asserts every name of it (SEC-17)."""

    BE_KNOWN = "be known"  # ask who one is, log off, be told that something is not there
    PLACE_ORDER = "place an order"
    READ_ORDER = "read orders"
    READ_WORKLIST = "read the worklist"
    ASK_FOR_OFFER = "ask for an offer at the bedside"  # scans; the pump only shows it (D-06, D-11)
    RECALL_OFFER = "recall an offer"  # takes an unconfirmed program off a screen
    ATTEST_OUTCOME = "attest what was seen at a pump"  # settles an uncertain offer (D-10)
    SET_HOLD = "set a hold on an entry"  # blocks auto-programming (D-25)
    LIFT_HOLD = "lift a hold on an entry"
    READ_RELEASE = "read releases and explain orders"
    BUILD_RELEASE = "build a release"
    APPROVE_RELEASE = "approve a release"
    ENROL_PUMP = "enrol or revoke a pump"
    SPEAK_AS_PUMP = "speak as a pump"
    READ_OPERATIONS = "read what is stuck"
    RESEND_MESSAGE = "resend a parked message"
    DISCARD_MESSAGE = "discard a parked message"
    MANAGE_USERS = "manage users"
    MANAGE_CLIENTS = "manage clients"
    READ_AUDIT = "read the audit"


RIGHTS: Final[Mapping[Role, frozenset[Right]]] = MappingProxyType(
    {
        # takes orders to pumps, and says what was seen there
        Role.NURSE: frozenset(
            {
                Right.BE_KNOWN,
                Right.READ_ORDER,
                Right.READ_WORKLIST,
                Right.ASK_FOR_OFFER,
                Right.RECALL_OFFER,
                Right.ATTEST_OUTCOME,
            }
        ),
        # answers for what is given and for the limits: stops auto-programming alone, lets it go on only with another; approves what others built
        Role.PHARMACIST: frozenset(
            {
                Right.BE_KNOWN,
                Right.READ_ORDER,
                Right.READ_WORKLIST,
                Right.RECALL_OFFER,
                Right.SET_HOLD,
                Right.LIFT_HOLD,
                Right.READ_RELEASE,
                Right.APPROVE_RELEASE,
            }
        ),
        # keeps the interfaces and the mapping: sees why an order maps as it does, builds releases, clears what is stuck
        Role.ANALYST: frozenset(
            {
                Right.BE_KNOWN,
                Right.READ_ORDER,
                Right.READ_WORKLIST,
                Right.READ_RELEASE,
                Right.BUILD_RELEASE,
                Right.READ_OPERATIONS,
                Right.RESEND_MESSAGE,
                Right.DISCARD_MESSAGE,
            }
        ),
        # keeps the pumps: which there are, which library they hold; no orders, hence no patients
        Role.BIOMED: frozenset({Right.BE_KNOWN, Right.READ_RELEASE, Right.ENROL_PUMP, Right.READ_OPERATIONS}),
        # keeps the machine running; a discarded message is a document lost, so that is the analyst's
        Role.IT: frozenset({Right.BE_KNOWN, Right.READ_OPERATIONS, Right.RESEND_MESSAGE}),
        # reads what was done, changes nothing
        Role.AUDITOR: frozenset({Right.BE_KNOWN, Right.READ_AUDIT, Right.READ_RELEASE}),
        # says who may do what, and does none of it
        Role.ADMINISTRATOR: frozenset({Right.BE_KNOWN, Right.MANAGE_USERS, Right.MANAGE_CLIENTS, Right.READ_OPERATIONS}),
        # sends orders and reads back its own (``Actor.may_see_orders_of``)
        Role.EHR_SYSTEM: frozenset({Right.BE_KNOWN, Right.PLACE_ORDER, Right.READ_ORDER}),
        # tells what its own channels do and answers what it is offered (``Actor.may_speak_for_pump``)
        Role.PUMP: frozenset({Right.BE_KNOWN, Right.SPEAK_AS_PUMP}),
    }
)
"""The one table of rights, with the reason for each row."""

APART: Final[tuple[tuple[Right, Right], ...]] = (
    (Right.BUILD_RELEASE, Right.APPROVE_RELEASE),  # SEC-12: nobody creates and publishes
    (Right.ENROL_PUMP, Right.APPROVE_RELEASE),  # SEC-12: nor enrols a pump and publishes to it
    (Right.MANAGE_USERS, Right.READ_AUDIT),  # who gives out rights is watched by somebody else
    (Right.LIFT_HOLD, Right.LIFT_HOLD),  # D-25: one sets it, two lift it
)
"""Two acts on the same thing that need two persons. Different rights never meet in one account either (``clashes``)."""

BADGE_IS_NOT_ENOUGH: Final[frozenset[Right]] = frozenset(
    {
        Right.LIFT_HOLD,
        Right.BUILD_RELEASE,
        Right.APPROVE_RELEASE,
        Right.ENROL_PUMP,
        Right.DISCARD_MESSAGE,
        Right.MANAGE_USERS,
        Right.MANAGE_CLIENTS,
        Right.READ_AUDIT,
    }
)
"""What one act spreads to many patients or hides from them: asked with a password, never with a badge alone."""

PERSONAL: Final[frozenset[Role]] = frozenset(Role) - {Role.EHR_SYSTEM, Role.PUMP}
"""The roles that a person may have."""

_KINDS: Final[Mapping[Kind, frozenset[Role]]] = MappingProxyType(
    {Kind.PERSON: PERSONAL, Kind.SYSTEM: frozenset({Role.EHR_SYSTEM}), Kind.PUMP: frozenset({Role.PUMP})}
)

ACTOR_ID: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?", re.ASCII)
"""What an actor's id looks like: it stands in logs and audit rows."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks, as proved. ``session`` is the id of a person's log-in, never its token; ``sender`` the profile that a system is bound to.

    Raises: ValueError: without an id there is no actor (SR-06), and no actor has a role of another kind.
    """

    id: str
    kind: Kind
    roles: frozenset[Role]
    proof: Proof
    name: str = ""
    session: str = ""
    sender: str = ""

    def __post_init__(self) -> None:
        if not ACTOR_ID.fullmatch(self.id):
            raise ValueError("an actor needs an id of letters, digits, dots, dashes and underscores")
        allowed = PERSONAL if self.proof is Proof.CONSOLE else _KINDS[self.kind]
        if not self.roles <= allowed:
            raise ValueError(f"a {self.kind.value} cannot have the role {', '.join(sorted(role.value for role in self.roles - allowed))}")

    @property
    def key(self) -> str:
        """The actor in audit rows: ``person/anna``; a person and a system of one name are two."""
        return f"{self.kind.value}/{self.id}"

    def may_see_orders_of(self, sender: str) -> bool:
        """Whether orders of this sender profile are there for the actor: a system sees its own alone (SEC-16)."""
        return may(self, Right.READ_ORDER) and (
            self.kind is Kind.PERSON or (self.kind is Kind.SYSTEM and bool(sender) and self.sender == sender)
        )

    def may_speak_for_pump(self, pump_id: str) -> bool:
        """Whether what the actor says is said of this pump: a pump speaks for its own channels alone (SEC-16)."""
        return may(self, Right.SPEAK_AS_PUMP) and self.kind is Kind.PUMP and self.id == pump_id


class View(Enum):
    """Where a page is looked at: at the bedside an unattended screen is logged off sooner (SEC-14)."""

    DESK = "desk"
    BEDSIDE = "bedside"


@dataclass(frozen=True, slots=True)
class Asking:
    """Where a request comes from, for its audit row: address of the peer, X-Request-Id (SEC-34), method and pattern of the route, never the URL."""

    peer: str = ""
    request_id: str = ""
    method: str = ""
    route: str = ""


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """A log-in that holds; ``token`` is the session's secret and goes into the cookie and nowhere else."""

    actor: Actor
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class NotLoggedIn:
    """Why is not said: whether user or password was wrong is nobody's business. ``wait_s``: too many failures, ask again in so many seconds."""

    wait_s: int = 0


class Denial(Enum):
    """Why a request was refused before anything was done, for its audit row (SEC-33)."""

    NOT_KNOWN = "nobody known asks"
    TOKEN = "the token does not hold"
    NOT_DECLARED = "the route declares no right"
    NO_RIGHT = "the actor does not have the right"
    FORM = "the form was not made for this session"


@dataclass(frozen=True, slots=True)
class Deed:
    """What was done before to the same thing, and by whom (an ``Actor.key``)."""

    right: Right
    by: str


def may(actor: Actor, right: Right) -> bool:
    """Whether one of the actor's roles gives the right, and their proof is enough for it. What is not given is denied."""
    if right in BADGE_IS_NOT_ENOUGH and actor.proof is Proof.BADGE:
        return False
    return any(right in RIGHTS[role] for role in actor.roles)


def may_after(actor: Actor, right: Right, deeds: Iterable[Deed]) -> bool:
    """Whether the actor may do this to a thing to which ``deeds`` were done: not if one of those is theirs and must be another person's (SEC-12)."""
    own = {deed.right for deed in deeds if deed.by == actor.key}
    return may(actor, right) and not any(
        (right == second and first in own) or (right == first and second in own) for first, second in APART
    )


def clashes(roles: Iterable[Role]) -> tuple[tuple[Right, Right], ...]:
    """The pairs of ``APART`` that these roles together would give to one person; empty: one account may have them all (SEC-12)."""
    held = frozenset[Right]().union(*(RIGHTS[role] for role in roles))
    return tuple((first, second) for first, second in APART if first is not second and first in held and second in held)
