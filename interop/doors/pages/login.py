"""Log-in by badge or by user and password, and log-off. A badge reader types the badge and Enter into the first field."""

import secrets
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from interop.domain.actor import Denial, LoggedIn, NotLoggedIn, Right
from interop.doors.access import CSRF_FIELD, SESSION_COOKIE, Open, asking_of, is_open, is_same_origin, needs
from interop.doors.pages.forms import fields_of, read_body
from interop.doors.pages.frame import NO_STORE, Frame

FORM_COOKIE: Final = "__Host-interop-form"
"""Ties the log-in form to the browser it was shown in, before there is a session."""

WRONG: Final = "The log-in was not accepted. Scan your badge again, or check user and password."
STALE: Final = "This page was open for too long. Please log in again."
ENDED: Final = "Your session has ended. Log in again to go on."


class LogIn:
    """The three routes of logging in and off."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    def routes(self) -> list[Route]:
        """For ``app.routes``."""
        return [
            Route("/login", self.show, methods=["GET"]),
            Route("/login", self.submit, methods=["POST"]),
            Route("/logoff", self.log_off, methods=["POST"]),
        ]

    @is_open(Open.LOG_IN)
    async def show(self, request: Request) -> Response:
        """The page, with an empty form."""
        return self._page(request, 200, ENDED if "ended" in request.query_params else "")

    @is_open(Open.LOG_IN)
    async def submit(self, request: Request) -> Response:
        """Opens a session under a new token, whatever the browser sent before; the old one ends."""
        body = await read_body(request, self._frame.settings.max_body_bytes)
        fields = fields_of(request.headers.get("content-type", ""), body)
        identity, asking = self._frame.identity, asking_of(request)
        is_ours = identity.is_form_token(request.cookies.get(FORM_COOKIE, ""), fields.get(CSRF_FIELD, ""))
        if not is_ours or not is_same_origin(request):
            await identity.refused(None, None, Denial.FORM, asking)
            return self._page(request, 403, STALE)
        badge, user = fields.get("badge", ""), fields.get("user", "")
        if badge:
            answer = await identity.log_in_with_badge(badge, asking)
        else:
            answer = await identity.log_in_with_password(user, fields.get("password", ""), asking)
        match answer:
            case LoggedIn(token=token):
                old = request.cookies.get(SESSION_COOKIE, "")
                if old:
                    await identity.log_off(old, asking)
                entered = RedirectResponse("/", 303, NO_STORE)
                entered.set_cookie(SESSION_COOKIE, token, path="/", secure=True, httponly=True, samesite="strict")
                _forget(entered, FORM_COOKIE)
                return entered
            case NotLoggedIn(wait_s=0):
                return self._page(request, 401, WRONG)
            case NotLoggedIn(wait_s=wait_s):
                told = f"Too many log-ins failed. Wait {wait_s} second{'' if wait_s == 1 else 's'}, then try again."
                page = self._page(request, 429, told)
                page.headers["Retry-After"] = str(wait_s)
                return page

    @needs(Right.BE_KNOWN)
    async def log_off(self, request: Request) -> Response:
        """Ends the session on the server, then the cookie."""
        await self._frame.identity.log_off(request.cookies.get(SESSION_COOKIE, ""), asking_of(request))
        left = RedirectResponse("/login", 303, {**NO_STORE, "Clear-Site-Data": '"cache"'})
        _forget(left, SESSION_COOKIE)
        return left

    def _page(self, request: Request, status: int, told: str) -> Response:
        """What was typed is not shown again: a badge in the wrong field is still a badge."""
        bound_to = secrets.token_urlsafe(32)
        token = self._frame.identity.form_token(bound_to)
        page = self._frame.page(request, "login.html", status, told=told, is_refused=status >= 400, form_token=token)
        page.set_cookie(FORM_COOKIE, bound_to, path="/", secure=True, httponly=True, samesite="strict")
        return page


def _forget(response: Response, cookie: str) -> None:
    response.delete_cookie(cookie, path="/", secure=True, httponly=True, samesite="strict")
