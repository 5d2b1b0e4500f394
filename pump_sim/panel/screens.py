"""The pages: all pumps, and one pump's screen, whose keys are forms. Everything works without the script, which only keeps the screen true."""

import logging
from typing import Any, Final
from urllib.parse import parse_qsl

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from pump_sim import keys
from pump_sim.clock import real_us
from pump_sim.fleet import Fleet, Unit
from pump_sim.keys import BadKey
from pump_sim.panel.face import SEE_CAUTIONS, SHAPES, face_of, mark_of
from pump_sim.panel.hands import Badge, CareArea, Hands, Unread, Wristband, read_scan
from pump_sim.panel.live import Live

log = logging.getLogger("pump_sim")

LARGEST: Final = 16 * 1024
HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "; ".join(
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
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
FRAGMENT: Final = "X-Fragment"
"""The script asks for the screen alone."""


class Screens:
    """The panel of one fleet."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._hands = Hands(real_us)
        self.live = Live(fleet)
        self._templates = Environment(
            loader=PackageLoader("pump_sim.panel"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
        )
        self._templates.globals |= {"SHAPES": SHAPES, "parts": _parts}

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/", self._pumps),
                Route("/events", self._pumps_live),
                Route("/pumps/{pump_id}", self._pump),
                Route("/pumps/{pump_id}/events", self._pump_live),
                Route("/pumps/{pump_id}/scan", self._scan, methods=["POST"]),
                Route("/pumps/{pump_id}/press", self._press, methods=["POST"]),
                Route("/pumps/{pump_id}/inject", self._inject, methods=["POST"]),
                Mount("/static", StaticFiles(packages=[("pump_sim.panel", "static")])),
            ]
        )

    # ── drawing ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _draw(self, template: str, **values: Any) -> str:
        return self._templates.get_template(template).render(values)

    def _draw_pump(self, unit: Unit) -> str:
        pump_id = unit.config.pump_id
        return self._draw("screen.html", face=face_of(unit, self._hands.badge(pump_id), self._hands.told(pump_id)))

    def _draw_pumps(self) -> str:
        return self._draw("list.html", faces=[face_of(unit, "", "") for unit in self._fleet.units.values()])

    async def _pumps(self, _: Request) -> Response:
        return HTMLResponse(self._draw("pumps.html", screen=self._draw_pumps(), events="/events"))

    async def _pump(self, request: Request) -> Response:
        unit = self._unit(request)
        pump_id = unit.config.pump_id
        return HTMLResponse(self._draw("pump.html", screen=self._draw_pump(unit), pump_id=pump_id, events=f"/pumps/{pump_id}/events"))

    async def _pumps_live(self, _: Request) -> Response:
        return self._streaming(self._draw_pumps)

    async def _pump_live(self, request: Request) -> Response:
        unit = self._unit(request)
        return self._streaming(lambda: self._draw_pump(unit))

    def _streaming(self, draw: Any) -> Response:
        if self.live.is_full:
            raise HTTPException(503, "too many screens are open")
        return StreamingResponse(self.live.stream(draw), media_type="text/event-stream")

    # ── what a person does ────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _scan(self, request: Request) -> Response:
        unit, form = self._unit(request), await _form(request)
        pump_id = unit.config.pump_id
        match read_scan(form.get("scan", "")):
            case Badge(badge):
                self._hands.read(pump_id, badge)
                told = ""
            case Wristband(number, authority, name):
                values = {"patient": number, "authority": authority, "name": name, "badge": self._hands.badge(pump_id)}
                told = self._pressed(unit, "set_patient", values)
            case CareArea(name):
                told = self._pressed(unit, "set_care_area", {"care_area": name})
            case Unread(why):
                told = why
        self._hands.tell(pump_id, told)
        return self._answer(request, unit, is_refused=bool(told))

    async def _press(self, request: Request) -> Response:
        unit, form = self._unit(request), await _form(request)
        pump_id = unit.config.pump_id
        name = form.pop("key", "")
        seen = {mark.removeprefix("seen-") for mark in form if mark.startswith("seen-")}
        values = {each: text.strip() for each, text in form.items() if not each.startswith("seen-")}
        key = keys.KEYS.get(name)
        if key is not None and "badge" in key.__dataclass_fields__ and "badge" not in values:
            values["badge"] = self._hands.badge(pump_id)
        if name == "confirm" and (unseen := self._unseen(unit, values.get("channel", ""), seen)):
            self._hands.tell(pump_id, unseen)
            return self._answer(request, unit, is_refused=True)
        told = self._pressed(unit, name, values)
        channel = unit.pump.channels.get(values.get("channel", ""))
        self._hands.tell(pump_id, "" if channel is not None and channel.note == told else told)
        return self._answer(request, unit, is_refused=bool(told))

    def _pressed(self, unit: Unit, name: str, values: dict[str, str]) -> str:
        """One press; the words why it did nothing."""
        pump_id = unit.config.pump_id
        self._hands.touch(pump_id)
        try:
            refused = self._fleet.press(pump_id, name, values)
        except BadKey as error:
            return str(error)
        if name in ("new_patient", "power_off") and not refused:
            self._hands.leave(pump_id)
        return refused

    def _unseen(self, unit: Unit, channel_id: str, seen: set[str]) -> str:
        view = next((each for each in unit.view().channels if each.channel_id == channel_id), None)
        program = (view.change or view.program) if view is not None else None
        return SEE_CAUTIONS if program is not None and {mark_of(each) for each in program.cautions} - seen else ""

    async def _inject(self, request: Request) -> Response:
        """Faults of the handshake, only where injection is on (SR-98)."""
        unit, form = self._unit(request), await _form(request)
        if not self._fleet.setup.injectable:
            raise HTTPException(403, "fault injection is off")
        told = unit.inject(form.get("name", ""))
        self._hands.tell(unit.config.pump_id, told)
        return self._answer(request, unit, is_refused=bool(told))

    def _answer(self, request: Request, unit: Unit, *, is_refused: bool) -> Response:
        self.live.changed()  # every browser at this pump shows it, also what changes only here
        if request.headers.get(FRAGMENT):
            refused = {"X-Refused": "1"} if is_refused else {}
            return HTMLResponse(self._draw_pump(unit), headers={"X-Screen": str(self.live.number()), **refused})
        return RedirectResponse(f"/pumps/{unit.config.pump_id}", 303)

    def _unit(self, request: Request) -> Unit:
        unit = self._fleet.units.get(request.path_params["pump_id"])
        if unit is None:
            raise HTTPException(404, "there is no such pump")
        return unit


async def _form(request: Request) -> dict[str, str]:
    length = request.headers.get("content-length", "")
    if not length.isdigit() or int(length) > LARGEST:
        raise HTTPException(413)
    try:
        return dict(parse_qsl((await request.body()).decode("utf-8"), keep_blank_values=True, max_num_fields=100))
    except ValueError:
        raise HTTPException(400, "this form cannot be read") from None


def _parts(text: str) -> tuple[str, str]:
    """Number and unit of a value that is drawn large."""
    number, _, unit = text.partition(" ")
    return number, unit
