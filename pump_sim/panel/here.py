"""Who may ask: a name that somebody pointed at this machine is not this machine's, and a page of another origin presses no key."""

from collections.abc import Collection, Mapping
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")


class Here:
    """ASGI around an application: ``Host`` is one of ``names``, the origin of a POST is the page's own, and every answer carries ``headers``."""

    def __init__(self, app: ASGIApp, names: Collection[str], headers: Mapping[str, str]) -> None:
        self._app, self._names, self._headers = app, frozenset(names), headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        asked = Headers(scope=scope)

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers[name] = value
            await send(message)

        host = asked.get("host", "")
        if _name_of(host) not in self._names:
            await PlainTextResponse("not here", 421)(scope, receive, sending)
        elif scope["method"] not in ("GET", "HEAD") and not _is_own(asked, host):
            await PlainTextResponse("not from another page", 403)(scope, receive, sending)
        else:
            await self._app(scope, receive, sending)


def _name_of(host: str) -> str:
    """``::1`` of ``[::1]:80``."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def _is_own(asked: Headers, host: str) -> bool:
    """A browser says where a form comes from; whoever is no browser says nothing, and is told apart by other means."""
    origin = asked.get("origin")
    return (origin is None or origin == f"http://{host}") and asked.get("sec-fetch-site", "same-origin") == "same-origin"
