"""What every page has in common: templates with all values escaped, the headers that keep a browser from doing more than it must, who is logged in."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import Response

from interop.domain.actor import Actor, View
from interop.doors.access import CSRF_FIELD, SESSION_COOKIE, Identity

POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
"""Nothing inline, nothing from elsewhere, in no frame."""

HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
HSTS: Final = "max-age=31536000"

NO_STORE: Final = {"Cache-Control": "no-store"}
"""A page may show a patient: no cache keeps it."""


@dataclass(frozen=True, slots=True)
class PagesSettings:
    """How the pages are served. The two times are those of the sessions: a page left alone for so long leaves the screen by itself (SEC-14)."""

    idle_s: int = 900
    bedside_idle_s: int = 180
    max_body_bytes: int = 65_536
    is_demo: bool = False


@cache
def _compiled() -> Environment:
    """Every template, compiled before the first page is asked for: it would hold the event loop for too long."""
    templates = Environment(loader=PackageLoader("interop.doors.pages"), autoescape=True, undefined=StrictUndefined, auto_reload=False)
    for name in templates.list_templates():
        templates.get_template(name)
    return templates


class Frame:
    """Renders pages. One instance a server."""

    def __init__(self, identity: Identity, settings: PagesSettings) -> None:
        self.identity, self.settings = identity, settings
        self._templates = _compiled()

    def page(
        self, request: Request, template: str, status: int = 200, *, view: View = View.DESK, leaves_by_itself: bool = True, **values: Any
    ) -> Response:
        """A page with the header of who is logged in, if somebody is; ``values`` are the template's, in text.

        ``leaves_by_itself`` False: its own script takes it off the screen when nobody has touched it for so long.
        """
        actor = getattr(request.state, "actor", None)
        body = self.fragment(request, template, **values)
        headers = dict(NO_STORE)
        if isinstance(actor, Actor) and leaves_by_itself:
            idle_s = self.settings.bedside_idle_s if view is View.BEDSIDE else self.settings.idle_s
            headers["Refresh"] = f"{idle_s + 1}; url=/login?ended=1"
        return Response(body, status, headers, media_type="text/html; charset=utf-8")

    def fragment(self, request: Request, template: str, **values: Any) -> str:
        """A part of a page, or the whole of one, as text."""
        actor = getattr(request.state, "actor", None)
        session = request.cookies.get(SESSION_COOKIE, "")
        known = {
            "actor": actor,
            "csrf": self.identity.form_token(session) if isinstance(actor, Actor) else "",
            "csrf_field": CSRF_FIELD,
            "is_demo": self.settings.is_demo,
            "request_id": getattr(request.state, "request_id", ""),
        }
        return self._templates.get_template(template).render({**known, **values})
