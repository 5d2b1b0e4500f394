"""Around every page: the doorkeeper first, the form read once, the headers last; a refusal becomes a page of one sentence that says what to do."""

import logging
from collections.abc import MutableMapping
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from interop.domain.actor import Denial
from interop.doors.access import CSRF_FIELD, SAFE_METHODS, SESSION_COOKIE, Denied, Doorkeeper
from interop.doors.pages.forms import BadForm, fields_of, read_body, replaying
from interop.doors.pages.frame import HEADERS, HSTS, NO_STORE, Frame
from interop.ports import Busy, StoreUnavailable

log = logging.getLogger("interop.pages")


class Guard:
    """ASGI around the pages. There are no web sockets: one that asks is turned away."""

    def __init__(self, app: ASGIApp, doorkeeper: Doorkeeper, frame: Frame) -> None:
        self._app, self._doorkeeper, self._frame = app, doorkeeper, frame

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)
        else:
            await receive()
            await send({"type": "websocket.close", "code": 1008})

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        body: bytes | None = None
        is_answered = False

        async def form_field() -> str:
            nonlocal body
            body = await read_body(request, self._frame.settings.max_body_bytes)
            request.state.form = fields_of(request.headers.get("content-type", ""), body)
            field: str = request.state.form.get(CSRF_FIELD, "")
            return field

        async def sending(message: Message) -> None:
            nonlocal is_answered
            is_answered = True
            if message["type"] == "http.response.start":
                _add_headers(message, scope, getattr(request.state, "request_id", ""))
            await send(message)

        try:
            await self._doorkeeper.admit(request, form_field)
            await self._app(scope, receive if body is None else replaying(body, receive), sending)
        except ClientDisconnect:
            log.info("a browser hung up before its form had come in")
        except Exception as fault:
            if is_answered:
                raise
            await self._answer(request, fault)(scope, receive, sending)

    def _answer(self, request: Request, fault: Exception) -> Response:
        match fault:
            case Denied(why=Denial.NOT_KNOWN) if request.method in SAFE_METHODS:
                ended = "?ended=1" if request.cookies.get(SESSION_COOKIE) else ""
                return RedirectResponse(f"/login{ended}", 303, NO_STORE)
            case Denied():
                return self._frame.page(request, "told.html", fault.status, title="Not allowed", sentence=f"{_sentence(fault.sentence)}")
            case BadForm():
                return self._frame.page(request, "told.html", fault.status, title="Not read", sentence=_sentence(fault.sentence))
            case StoreUnavailable() | Busy():
                sentence = "The record cannot be reached now, so nothing was done. Try again; if it stays, call the engineer on call."
                return self._frame.page(request, "told.html", 503, title="Not available", sentence=sentence)
            case _:
                log.error("a page failed", exc_info=fault, extra={"request_id": request.state.request_id, "listener": "pages"})
                sentence = "The server failed. Look whether what you did took effect before you do it again, and call the engineer on call."
                return self._frame.page(request, "told.html", 500, title="Failed", sentence=sentence)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _add_headers(message: MutableMapping[str, Any], scope: Scope, request_id: str) -> None:
    headers = MutableHeaders(scope=message)
    for name, value in HEADERS.items():
        headers[name] = value
    if scope.get("scheme") == "https":
        headers["Strict-Transport-Security"] = HSTS
    headers.setdefault("Cache-Control", "no-store")
    if request_id:
        headers["X-Request-Id"] = request_id
