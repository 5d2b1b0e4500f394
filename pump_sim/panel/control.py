"""How a story, and a test, look at the pumps and move them: HTTP on loopback, a JSON object in and out. A test interface, off unless asked for (SR-98).

    GET  /pumps                             every pump in a line
    GET  /pumps/ID                          its screen (``view.PumpView``), and the amounts exactly
    GET  /pumps/ID/log?after=N&wait_s=S     every log frame it ever numbered, beyond the first N (``--history``)
    POST /pumps/ID/keys    {"key": "confirm", "values": {"channel": "A", "badge": "N-17"}}   one press of ``keys.KEYS``
    POST /pumps/ID/faults  {"name": "drop-offer"}   only where faults may be injected

A press that does nothing is answered 200 with ``refused`` saying why, as the pump's screen does; 400 is what is no press at all. A POST carries
the key of this run, which only the one who started the fleet can read.
"""

import asyncio
import contextlib
import hmac
import json
import math
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pump_sim.fleet import Fleet, Unit
from pump_sim.keys import BadKey
from pump_sim.panel.document import pump_document, pump_line
from pump_sim.panel.here import LOOPBACK, Here
from pump_sim.panel.served import served

KEY_HEADER: Final = "X-Demo-Key"
LARGEST: Final = 64 * 1024
LONGEST_WAIT_S: Final = 30
HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}


class WrongUse(Exception):
    """The request cannot be done; the text says why."""

    def __init__(self, why: str, status: int = 400) -> None:
        super().__init__(why)
        self.status = status


@contextlib.asynccontextmanager
async def controlling(fleet: Fleet, host: str, port: int, key_file: Path) -> AsyncIterator[str]:
    """The address, once it is served. ``key_file`` is written anew, for its owner only.

    Raises: OSError; ValueError: not on loopback.
    """
    if host not in LOOPBACK:
        raise ValueError(f"{host} is not this machine")
    key = new_key(key_file)
    control = Control(fleet, key)
    async with served(control.app(), host, port, control.end) as address:
        yield f"http://{address}"


def new_key(file: Path) -> str:
    """Raises: OSError."""
    key = secrets.token_urlsafe(32)
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file.touch(mode=0o600)
    file.chmod(0o600)
    file.write_text(f"{key}\n", encoding="ascii")
    return key


class Control:
    """What can be asked of the fleet."""

    def __init__(self, fleet: Fleet, key: str) -> None:
        self._fleet, self._key = fleet, key.encode("latin-1")
        self._is_ending = False

    def end(self) -> None:
        """Whoever waits for a log frame is answered with what there is."""
        self._is_ending = True

    def app(self) -> Here:
        routes = [
            Route("/pumps", _told(self._pumps)),
            Route("/pumps/{pump_id}", _told(self._pump)),
            Route("/pumps/{pump_id}/log", _told(self._log)),
            Route("/pumps/{pump_id}/keys", _told(self._press), methods=["POST"]),
            Route("/pumps/{pump_id}/faults", _told(self._inject), methods=["POST"]),
        ]
        return Here(Starlette(routes=routes), LOOPBACK, HEADERS)

    async def _pumps(self, _: Request) -> dict[str, Any]:
        return {"pumps": [pump_line(unit) for unit in self._fleet.units.values()]}

    async def _pump(self, request: Request) -> dict[str, Any]:
        return pump_document(self._unit(request))

    async def _log(self, request: Request) -> dict[str, Any]:
        history = self._unit(request).history
        if history is None:
            raise WrongUse("this fleet keeps no history: start it with --history", 404)
        after, wait_s = int(_number(request, "after")), min(_number(request, "wait_s"), LONGEST_WAIT_S)
        until = asyncio.get_running_loop().time() + wait_s
        while history.count <= after and asyncio.get_running_loop().time() < until and not self._is_ending:
            await asyncio.sleep(0.02)
        return {"frames": history.after(after), "count": history.count}

    async def _press(self, request: Request) -> dict[str, Any]:
        unit, said = self._unit(request), await self._said(request, "key", "values")
        name, values = said.get("key"), said.get("values", {})
        is_text = isinstance(values, dict) and all(isinstance(value, str) for value in values.values())
        if not isinstance(name, str) or not is_text:
            raise WrongUse("key is a name, and values an object of texts")
        try:
            refused = self._fleet.press(unit.config.pump_id, name, values)
        except BadKey as error:
            raise WrongUse(str(error)) from None
        return {"refused": refused, "pump": pump_document(unit)}

    async def _inject(self, request: Request) -> dict[str, Any]:
        unit, said = self._unit(request), await self._said(request, "name")
        if not self._fleet.setup.injectable:
            raise WrongUse("fault injection is off: start the fleet with --faults", 403)
        name = said.get("name")
        if not isinstance(name, str):
            raise WrongUse("name is the name of a fault")
        if why := unit.inject(name):
            raise WrongUse(why)
        return {"name": name, "pump": pump_document(unit)}

    def _unit(self, request: Request) -> Unit:
        unit = self._fleet.units.get(request.path_params["pump_id"])
        if unit is None:
            raise WrongUse("there is no such pump", 404)
        return unit

    async def _said(self, request: Request, *known: str) -> dict[str, Any]:
        told = request.headers.get(KEY_HEADER, "").encode("latin-1")
        if not hmac.compare_digest(told, self._key):
            raise WrongUse("only the one who started these pumps moves them", 403)
        length = request.headers.get("content-length", "")
        if not length.isdigit() or int(length) > LARGEST:
            raise WrongUse("a JSON object of a known length, please", 413)
        try:
            said = json.loads(await request.body())
        except ValueError:
            raise WrongUse("this is no JSON") from None
        if not isinstance(said, dict) or said.keys() - set(known):
            raise WrongUse(f"a JSON object of {' and '.join(known)} is wanted")
        return said


def _number(request: Request, name: str) -> float:
    try:
        told = float(request.query_params.get(name, "0"))
    except ValueError:
        told = math.nan
    if not 0 <= told < 1e9:
        raise WrongUse(f"{name} is a number from 0")
    return told


def _told(do: Callable[[Request], Awaitable[dict[str, Any]]]) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        try:
            return JSONResponse(await do(request))
        except WrongUse as error:
            return JSONResponse({"error": str(error)}, error.status)

    return answer
