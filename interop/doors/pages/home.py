"""Who am I: the page after log-in, with one's roles, how one was known, and what may be asked."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from interop.domain.actor import BADGE_IS_NOT_ENOUGH, RIGHTS, Proof, Right, may
from interop.doors.access import actor_of, needs
from interop.doors.pages.frame import Frame


class Home:
    """One route."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    def routes(self) -> list[Route]:
        """For ``app.routes``."""
        return [Route("/", self.show, methods=["GET"])]

    @needs(Right.BE_KNOWN)
    async def show(self, request: Request) -> Response:
        """Nothing on it is a patient's."""
        actor = actor_of(request)
        rights = [right.value for right in Right if right is not Right.BE_KNOWN and may(actor, right)]
        held = frozenset[Right]().union(*(RIGHTS[role] for role in actor.roles))
        is_less = actor.proof is Proof.BADGE and bool(held & BADGE_IS_NOT_ENOUGH)
        return self._frame.page(request, "home.html", rights=rights, is_less=is_less, is_bedside=may(actor, Right.READ_WORKLIST))
