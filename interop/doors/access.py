"""Deny by default for every door over HTTP: each route declares the right it asks for, or why it is open; who asks is found out before anything is done.

    @needs(Right.READ_WORKLIST)
    async def worklist(request: Request) -> Response: ...

``walk`` tells every (path, method, right) of an application, ``check`` refuses to serve one with a route that declares nothing, and ``Doorkeeper``
denies such a route all the same. Routes stand in ``app.routes`` themselves or in a mounted application, where they can be walked.
"""

import re
import secrets
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Any, Final, Protocol, TypeVar

from starlette.requests import Request
from starlette.routing import BaseRoute, Match, Mount, Route
from starlette.types import Scope

from interop.domain.actor import Actor, Asking, Denial, LoggedIn, NotLoggedIn, Right, View, may
from interop.domain.errors import OurError, SenderError

SESSION_COOKIE: Final = "__Host-interop"
"""Bound to this host, sent over TLS only: browsers hold to that because of its prefix (RFC 6265bis, 4.1.3.2)."""
CSRF_HEADER: Final = "x-csrf-token"
CSRF_FIELD: Final = "csrf"
SAFE_METHODS: Final = frozenset({"GET", "HEAD"})
REQUEST_ID: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._:+-]{0,62}[A-Za-z0-9])?", re.ASCII)

_MARK: Final = "__interop_access__"
T = TypeVar("T")


class Identity(Protocol):
    """What a door asks about who is asking. What reads or writes the record may raise StoreUnavailable and Busy: then nobody is let in."""

    async def of_token(self, token: str, asking: Asking) -> Actor | None:
        """The system with this bearer token; ``None``: it does not hold."""

    async def of_session(self, token: str, view: View, asking: Asking, *, is_use: bool = True) -> Actor | None:
        """The person with this session, now looking at a page of ``view``; ``None``: it is over, or never was.

        ``is_use`` False: only asked, by what goes on by itself; the time until it ends for idling goes on.
        """

    async def log_in_with_password(self, user: str, password: str, asking: Asking) -> LoggedIn | NotLoggedIn:
        """Open a session for a user and a password."""

    async def log_in_with_badge(self, badge: str, asking: Asking) -> LoggedIn | NotLoggedIn:
        """Open a session for what a badge reader typed."""

    async def log_off(self, token: str, asking: Asking) -> None:
        """End a session."""

    def form_token(self, bound_to: str) -> str:
        """What a form carries that is shown to the session ``bound_to``."""

    def is_form_token(self, bound_to: str, given: str) -> bool:
        """Whether a form that came back was shown to that session."""

    async def refused(self, actor: Actor | None, right: Right | None, why: Denial, asking: Asking) -> None:
        """Write a refusal to the audit (SEC-33); never raises for the store."""


# ── what a route declares ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


class Open(Enum):
    """The only reasons for which a route answers without identity (SEC-01); each holds for its own paths and methods alone."""

    LIVENESS = "says that the process lives, and nothing else"
    METADATA = "the CapabilityStatement, open by the FHIR specification"
    SMART = "SMART discovery, needed to find the token endpoint"
    LOG_IN = "nobody is known before they have logged in"
    STATIC = "style sheets and scripts of the log-in page"


_OPEN: Final[Mapping[Open, tuple[frozenset[str], re.Pattern[str]]]] = MappingProxyType(
    {
        Open.LIVENESS: (SAFE_METHODS, re.compile(r"/(?:health/)?live")),
        Open.METADATA: (SAFE_METHODS, re.compile(r"/(?:[a-z0-9]+/)*metadata")),
        Open.SMART: (SAFE_METHODS, re.compile(r"/(?:[a-z0-9]+/)*\.well-known/smart-configuration")),
        Open.LOG_IN: (SAFE_METHODS | {"POST"}, re.compile(r"/login")),
        Open.STATIC: (SAFE_METHODS, re.compile(r"/static(?:/.*)?")),
    }
)


@dataclass(frozen=True, slots=True)
class Access:
    """What a route declares: a right, or why it is open; where its page is looked at; whether to ask for it is to use the session (SEC-14)."""

    right: Right | None = None
    open: Open | None = None
    view: View = View.DESK
    is_use: bool = True


def needs(right: Right, *, view: View = View.DESK, is_use: bool = True) -> Callable[[T], T]:
    """Declares what an endpoint asks for, or a mounted application as a whole. ``is_use`` False: what a page asks by itself, while nobody touches it."""
    return _marked(Access(right, view=view, is_use=is_use))


def is_open(reason: Open) -> Callable[[T], T]:
    """Declares that an endpoint answers anybody; only ``check`` decides whether it may."""
    return _marked(Access(open=reason))


def _marked(access: Access) -> Callable[[T], T]:
    def mark(endpoint: T) -> T:
        setattr(endpoint, _MARK, access)
        return endpoint

    return mark


@dataclass(frozen=True, slots=True)
class Declared:
    """One method of one route and what it declares; ``*``: any method. ``access`` None: nothing, so it is denied to everybody."""

    path: str
    method: str
    access: Access | None

    @property
    def fault(self) -> str:
        """What is wrong with it, in a sentence; empty: nothing."""
        if self.access is None:
            return f"{self.method} {self.path} declares no right"
        if self.access.open is not None and not _is_rightly_open(self.access.open, self.method, self.path):
            return f"{self.method} {self.path} is open, which is not for it: {self.access.open.value}"
        return ""


def _is_rightly_open(reason: Open, method: str, path: str) -> bool:
    """An application that is mounted open answers any method itself; the doorkeeper lets only the safe ones through."""
    methods, paths = _OPEN[reason]
    return (method in methods or (method == "*" and reason is Open.STATIC)) and paths.fullmatch(path) is not None


class HasRoutes(Protocol):
    """An application, or whatever else holds routes."""

    @property
    def routes(self) -> list[BaseRoute]:
        """In the order in which they are tried."""


def walk(app: HasRoutes) -> Iterator[Declared]:
    """Every route and method, those of mounted applications too. What cannot be looked into declares nothing."""
    yield from _walked(app.routes, "")


def _walked(routes: Iterable[BaseRoute], prefix: str) -> Iterator[Declared]:
    for route in routes:
        path = prefix + str(getattr(route, "path", "?"))
        if isinstance(route, Mount) and route.routes:
            yield from _walked(route.routes, path)
        elif isinstance(route, Route):
            for method in sorted(route.methods or {"*"}):
                yield Declared(path, method, _access_of(route))
        else:
            yield Declared(path, "*", _access_of(route))


def _access_of(route: BaseRoute) -> Access | None:
    """A route that is none of HTTP (a web socket, an included router, a host) declares nothing, whatever its endpoint says."""
    declaring = route.endpoint if isinstance(route, Route) else route.app if isinstance(route, Mount) else None
    access: Access | None = getattr(declaring, _MARK, None)
    return access


class Undeclared(OurError):
    """Routes that declare no right, or are open without reason; one sentence each. Nothing is served."""


def check(app: HasRoutes) -> None:
    """To be called before an application is served. Raises: Undeclared."""
    faults = [declared.fault for declared in walk(app) if declared.fault]
    if faults:
        raise Undeclared("\n".join(faults))


# ── who is let in ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


class Denied(SenderError):
    """The request goes no further: HTTP ``status``, a sentence for who asked, headers of the answer."""

    def __init__(self, status: int, why: Denial, sentence: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(sentence)
        self.status, self.why, self.sentence, self.headers = status, why, sentence, dict(headers or {})


class Accepts(Enum):
    """How the callers of a door may show who they are: EHRs by token, people by session; never both at one door."""

    TOKENS = "tokens"
    SESSIONS = "sessions"


FormField = Callable[[], Awaitable[str]]
"""Reads the ``csrf`` field of the form in the body; empty where there is none."""


async def _no_form() -> str:
    return ""


class Doorkeeper:
    """Finds out who asks and whether they may; sets ``actor``, ``asking`` and ``request_id`` of ``request.state`` for the endpoint."""

    def __init__(self, app: HasRoutes, identity: Identity, accepts: Accepts) -> None:
        self._app, self._identity, self._accepts = app, identity, accepts

    async def admit(self, request: Request, form_field: FormField = _no_form) -> Actor | None:
        """The actor who may; ``None``: the route is open. A known actor is let through to a route that is not there, and told so.

        Raises: Denied: it is in the audit already. StoreUnavailable, Busy: nobody can be known now.
        """
        found = _find(self._app.routes, request.scope, "")
        asking = _asking(request, "" if found is None else found.path)
        state = request.state
        state.request_id, state.asking, state.actor = asking.request_id, asking, None
        if found is not None and (found.access is None or found.fault):
            raise await self._denied(403, Denial.NOT_DECLARED, "this is not open to anybody", None, None, asking)
        access = Access(Right.BE_KNOWN) if found is None or found.access is None else found.access
        if access.open is not None:
            return None
        actor = await self._known(request, access, asking)
        state.actor = actor
        if access.right is None or not may(actor, access.right):
            raise await self._denied(403, Denial.NO_RIGHT, "you do not have the right to do this", actor, access.right, asking)
        if self._accepts is Accepts.SESSIONS and request.method not in SAFE_METHODS:
            await self._check_form(request, form_field, actor, access.right, asking)
        return actor

    async def _known(self, request: Request, access: Access, asking: Asking) -> Actor:
        if self._accepts is Accepts.SESSIONS:
            session = request.cookies.get(SESSION_COOKIE, "")
            person = await self._identity.of_session(session, access.view, asking, is_use=access.is_use) if session else None
            if person is not None:
                return person
            raise await self._denied(401, Denial.NOT_KNOWN, "log in first", None, access.right, asking)
        given = request.headers.getlist("authorization")
        if not given:
            challenge = {"WWW-Authenticate": 'Bearer realm="interop"'}
            raise await self._denied(401, Denial.NOT_KNOWN, "a bearer token is needed", None, access.right, asking, challenge)
        scheme, _, token = given[0].partition(" ")
        system = await self._identity.of_token(token.strip(), asking) if len(given) == 1 and scheme.casefold() == "bearer" else None
        if system is not None:
            return system
        challenge = {"WWW-Authenticate": 'Bearer realm="interop", error="invalid_token"'}
        raise await self._denied(401, Denial.TOKEN, "the bearer token does not hold", None, access.right, asking, challenge)

    async def _check_form(self, request: Request, form_field: FormField, actor: Actor, right: Right, asking: Asking) -> None:
        """Cross-site request forgery: the browser says where the form stood, and the form says to whom it was shown."""
        session = request.cookies.get(SESSION_COOKIE, "")
        given = request.headers.get(CSRF_HEADER) or await form_field()
        if not is_same_origin(request) or not self._identity.is_form_token(session, given):
            raise await self._denied(403, Denial.FORM, "this form is out of date: load the page again", actor, right, asking)

    async def _denied(
        self,
        status: int,
        why: Denial,
        sentence: str,
        actor: Actor | None,
        right: Right | None,
        asking: Asking,
        headers: Mapping[str, str] | None = None,
    ) -> Denied:
        await self._identity.refused(actor, right, why, asking)
        return Denied(status, why, sentence, headers)


def is_same_origin(request: Request) -> bool:
    """Whether the browser, if it says so at all (Fetch Metadata), sent this from a page of ours or by the user's own hand."""
    return request.headers.get("sec-fetch-site", "same-origin") in ("same-origin", "none")


def _find(routes: Iterable[BaseRoute], scope: Scope, prefix: str) -> Declared | None:
    """The route that will answer, chosen as Starlette's router does: the first that matches in full; ``None``: none does."""
    for route in routes:
        match, child = route.matches(scope)
        if match is not Match.FULL:
            continue
        path = prefix + str(getattr(route, "path", "?"))
        if isinstance(route, Mount) and route.routes:
            return _find(route.routes, {**scope, **child}, path)
        return Declared(path, str(scope.get("method", "*")), _access_of(route))
    return None


def _asking(request: Request, route: str) -> Asking:
    given = request.headers.getlist("x-request-id")
    request_id = given[0] if len(given) == 1 and REQUEST_ID.fullmatch(given[0]) else secrets.token_hex(16)
    return Asking("" if request.client is None else request.client.host, request_id, request.method, route)


def actor_of(request: Request) -> Actor:
    """Who asks, on a route that is not open. Raises: Undeclared: nobody was let in, which is a fault of ours."""
    actor: Any = getattr(request.state, "actor", None)
    if not isinstance(actor, Actor):
        raise Undeclared("an endpoint was reached by nobody")
    return actor


def asking_of(request: Request) -> Asking:
    """Where the request comes from, for audit rows and commands (SEC-34)."""
    asking: Asking = request.state.asking
    return asking
