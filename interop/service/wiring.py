"""Settings → the parts that they describe: each number of interop.toml reaches the part that keeps to it, here and nowhere else."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from interop.adapters.ehr import outcome as ehr
from interop.adapters.ehr.mllp_sender import Destination as Listener
from interop.adapters.ehr.mllp_sender import MllpSender
from interop.adapters.ehr.tls import client_context
from interop.conduct.documenting import Documenting
from interop.conduct.hospital import Bounds, Conduct, Way
from interop.conduct.lanes import LaneLimits
from interop.conduct.sending import Became, Delivery
from interop.conduct.world import Destination as LaneDestination
from interop.conduct.world import Destinations, Ids, Purpose, ReleaseBook
from interop.domain.envelope import Opened
from interop.doors.fhir.limits import DoorLimits
from interop.doors.mllp_limits import Limits
from interop.doors.mllp_peer import Bindings, Peer
from interop.doors.pages.frame import PagesSettings
from interop.doors.pump_link.limits import LinkLimits
from interop.ports import Clock, Record
from interop.service.settings import Destination, Fhir, Mllp, Pumps, Settings
from interop.wire.fhir.medication_administration import AdministrationRenderer
from interop.wire.fhir.reader import MedicationRequestReader
from interop.wire.hl7v2.ack import Us
from interop.wire.hl7v2.oru import OruRenderer
from interop.wire.hl7v2.reader import RgvReader, RgvRenderer

log = logging.getLogger(__name__)

BECAME: Final[Mapping[type[ehr.Outcome], Became]] = {
    ehr.Accepted: Became.ACCEPTED,
    ehr.Rejected: Became.REJECTED,
    ehr.TryAgain: Became.TRY_AGAIN,
    ehr.NoAnswer: Became.NO_ANSWER,
    ehr.WrongAnswer: Became.WRONG_ANSWER,
    ehr.Unreachable: Became.UNREACHABLE,
}


@dataclass(frozen=True, slots=True)
class SpeaksFor:
    """SEC-05: a peer speaks under the names that its certificate is bound to, and its messages are read by the profile that it is bound to."""

    by_sender: Mapping[str, Bindings]

    @classmethod
    def of(cls, mllp: Mllp) -> "SpeaksFor":
        senders = {peer.sender for peer in mllp.peers.values()}
        return cls(
            {
                sender: Bindings.of(
                    {
                        name: [(each.application, each.facility) for each in peer.names]
                        for name, peer in mllp.peers.items()
                        if peer.sender == sender
                    }
                )
                for sender in senders
            }
        )

    def __call__(self, peer: object, opened: Opened) -> bool:
        bindings = self.by_sender.get(opened.profile.name)
        return bindings is not None and isinstance(peer, Peer) and bindings.speaks_for(peer, *opened.sent_as)


class ToListener:
    """The lane's way to a partner's MLLP listener; what the partner wrote into its answer stays behind."""

    def __init__(self, sender: MllpSender) -> None:
        self._sender = sender

    async def send(self, message: bytes) -> Delivery:
        """Raises nothing for what the partner or the network does."""
        outcome = await self._sender.send(message)
        why = outcome.why if isinstance(outcome, ehr.NoAnswer | ehr.WrongAnswer | ehr.Unreachable) else ""
        return Delivery(BECAME[type(outcome)], why)

    def close(self) -> None:
        """End the connection."""
        self._sender.close()


def ways_of(settings: Settings) -> tuple[Way, ...]:
    """One for each destination. Raises: OSError: a file of TLS cannot be read, or is no such file; InsecureDestination."""
    lanes = settings.lanes
    return tuple(
        Way(
            LaneDestination(name, lanes.lanes_per_destination, lanes.rrg_worth_s if each.purpose is Purpose.RRG else lanes.status_worth_s),
            each.sender,
            ToListener(MllpSender(_listener(name, each), demo=settings.demo.enabled)),
            each.purpose,
        )
        for name, each in lanes.destinations.items()
    )


def _listener(name: str, each: Destination) -> Listener:
    tls = None
    if each.tls:
        if each.certificate_file is None or each.key_file is None or each.ca_file is None:
            raise ValueError(f"{name} is told over mutual TLS, and not all of its files are named")
        tls = client_context(certificate=each.certificate_file, key=each.key_file, authorities=each.ca_file)
    return Listener(
        name=name,
        host=each.host,
        port=each.port,
        tls=tls,
        server_name=each.server_name,
        keep_open=each.keep_open,
        connect_s=each.connect_s,
        answer_s=each.answer_s,
        silences=each.silences,
        max_answer_bytes=each.max_answer_bytes,
    )


def conduct_of(settings: Settings, record: Record, clock: Clock, ids: Ids, book: ReleaseBook, ways: Sequence[Way]) -> Conduct:
    """To be made on the running loop."""
    lanes = settings.lanes
    return Conduct(
        record,
        clock,
        ids,
        RgvReader(),
        RgvRenderer(),
        book,
        speaks_for=SpeaksFor.of(settings.mllp),
        ways=ways,
        resource_reader=MedicationRequestReader(),
        hears_pumps=settings.pumps.enabled,
        simulated_pumps=settings.demo.enabled,
        documenting=documenting_of(settings, ids, ways),
        periodic_s=lanes.periodic_s,
        bounds=Bounds(planning=settings.limits.planning_orders),
        lane_limits=LaneLimits(
            lease_s=lanes.lease_s,
            first_back_off_s=lanes.first_back_off_s,
            most_back_off_s=lanes.most_back_off_s,
            wrong_answers=lanes.wrong_answers,
        ),
    )


def documenting_of(settings: Settings, ids: Ids, ways: Sequence[Way]) -> Documenting:
    """Who is told of what their orders became at the pump, and under which name."""
    lanes = settings.lanes
    own_id = (lanes.application_id, "ISO" if "." in lanes.application_id else "EUI-64") if lanes.application_id else ()
    destinations = Destinations({way.sender: way.destination for way in ways if way.purpose is Purpose.DOCUMENTS})
    return Documenting(OruRenderer(Us((lanes.application, *own_id))), AdministrationRenderer(), ids, destinations)


def mllp_limits(mllp: Mllp) -> Limits:
    """``[mllp]`` as the door has it."""
    return Limits(
        connections=mllp.max_connections,
        connections_per_peer=mllp.max_connections_per_peer,
        in_flight=mllp.max_in_flight,
        in_flight_per_connection=mllp.max_in_flight_per_connection,
        message_bytes=mllp.max_message_bytes,
        messages_per_s=mllp.max_messages_per_s,
        burst=mllp.burst_messages,
        handshake_s=mllp.handshake_s,
        frame_s=mllp.frame_s,
        idle_s=mllp.idle_s,
        answer_s=mllp.answer_s,
        unread_s=mllp.unread_s,
    )


def fhir_limits(fhir: Fhir) -> DoorLimits:
    """``[fhir]`` as the door has it."""
    return DoorLimits(
        body_bytes=fhir.max_body_bytes,
        body_s=fhir.body_s,
        in_flight=fhir.max_in_flight,
        requests_per_s=fhir.max_requests_per_s,
        burst=fhir.burst_requests,
    )


def pump_limits(pumps: Pumps) -> LinkLimits:
    """``[pumps]`` as the door has it; after how long a pump is silent is the contract's."""
    return LinkLimits(
        links=pumps.max_pumps,
        before_hello=pumps.max_before_hello,
        before_hello_per_address=pumps.max_before_hello_per_address,
        frames_per_s=pumps.max_frames_per_s,
        burst=pumps.burst_frames,
        unsent=pumps.max_unsent,
        handshake_s=pumps.handshake_s,
        hello_s=pumps.hello_s,
        unread_s=pumps.unread_s,
    )


def pages_settings(settings: Settings) -> PagesSettings:
    """``[pages]`` and ``[identity]`` as the pages have them."""
    return PagesSettings(
        idle_s=settings.identity.log_off_after_idle_s,
        bedside_idle_s=settings.identity.bedside_log_off_after_idle_s,
        max_body_bytes=settings.pages.max_body_bytes,
        is_demo=settings.demo.enabled,
    )
