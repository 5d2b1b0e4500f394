"""The pages for people: one module a page, rendered on the server, for keyboard and scanner first. START HERE: ``pages_app``."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from fastapi import FastAPI
from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles

from interop.doors.access import Accepts, Doorkeeper, Open, check, is_open
from interop.doors.pages.frame import Frame
from interop.doors.pages.guard import Guard
from interop.doors.pages.home import Home
from interop.doors.pages.login import LogIn

STATIC: Final = Path(__file__).parent / "static"


def pages_app(frame: Frame, further: Sequence[BaseRoute] = ()) -> FastAPI:
    """The application, with the routes of ``further`` pages. Raises: Undeclared: one of them declares no right."""
    app = FastAPI(title="interop", docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    static = is_open(Open.STATIC)(StaticFiles(directory=STATIC))
    app.router.routes[:] = [*Home(frame).routes(), *LogIn(frame).routes(), Mount("/static", static, name="static"), *further]
    app.add_middleware(Guard, doorkeeper=Doorkeeper(app, frame.identity, Accepts.SESSIONS), frame=frame)
    check(app)
    return app
