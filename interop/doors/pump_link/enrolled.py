"""Which pumps may connect, as the door asks for it, and who is at the other end of a connection (SEC-02, SEC-09, SEC-10)."""

import hashlib
import ssl
from asyncio import BaseTransport
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from interop.domain import pump as said

CLEAR_TEXT = "demo:loopback"


class Refusal(StrEnum):
    """Why a hello is not taken (closing code 4001); the words are the contract's."""

    NAME = "name"  # the certificate is for another
    PROTOCOL = "protocol"
    UNKNOWN = "unknown"  # nobody enrolled it
    REVOKED = "revoked"
    CERTIFICATE = "certificate"  # not the one it was enrolled with: an older one, or a copy's
    MODEL = "model"
    SIMULATED = "simulated"


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A pump that was enrolled: as which model, with which certificate (SHA-256 in hexadecimal), and whether that holds."""

    pump_id: str
    model: str
    fingerprint: str
    is_revoked: bool = False


class Enrolled(Protocol):
    """The pumps that were enrolled, as they stand in the record now."""

    async def find(self, pump_id: str) -> Enrolment | None:
        """``None``: nobody enrolled it. Raises: RecordError: it cannot be looked up."""

    async def refused(self, pump_id: str, why: Refusal, peer: str) -> None:
        """Write down for the audit that this pump was turned away. Raises nothing for the store: it is turned away all the same."""


@dataclass(frozen=True, slots=True)
class PumpPeer:
    """The other end: its address and, unless it speaks clear text in demo mode, the common name and SHA-256 of its certificate."""

    address: str
    is_secured: bool
    common_name: str = ""
    fingerprint: str = ""

    def __str__(self) -> str:
        return f"{f'CN:{self.common_name}' if self.common_name else 'no name'} at {self.address}" if self.is_secured else CLEAR_TEXT


def peer_of(transport: BaseTransport, address: str) -> PumpPeer:
    """The other end, at ``address``, of a connection on which TLS, if there is any, has finished its handshake.

    Raises: ValueError: a TLS connection without a certificate of the pump.
    """
    connection: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
    if connection is None:
        return PumpPeer(address, is_secured=False)
    whole, parsed = connection.getpeercert(binary_form=True), connection.getpeercert()
    if not whole or not parsed:
        raise ValueError("the pump sent no certificate")
    subject: object = parsed.get("subject", ())
    parts = [pair for part in (subject if isinstance(subject, tuple) else ()) for pair in part]
    names = [text for kind, text in parts if kind == "commonName"]
    name = names[0] if len(names) == 1 and names[0].isascii() and names[0].isprintable() else ""
    return PumpPeer(address, is_secured=True, common_name=name, fingerprint=hashlib.sha256(whole).hexdigest())


def refusal_of(hello: said.Hello, peer: PumpPeer, *, demo: bool) -> Refusal | None:
    """Why this hello is not taken from this peer, whatever the record says."""
    if peer.is_secured and peer.common_name != hello.pump_id:
        return Refusal.NAME
    if hello.protocol != 1:
        return Refusal.PROTOCOL
    return Refusal.SIMULATED if hello.simulated and not demo else None


def refusal_by(enrolment: Enrolment | None, hello: said.Hello, peer: PumpPeer) -> Refusal | None:
    """Why this hello is not taken, by what was enrolled."""
    if enrolment is None:
        return Refusal.UNKNOWN
    if enrolment.is_revoked:
        return Refusal.REVOKED
    if peer.is_secured and enrolment.fingerprint != peer.fingerprint:
        return Refusal.CERTIFICATE
    return Refusal.MODEL if enrolment.model != hello.model else None
