"""Who is at the other end of an MLLP connection, and as which sending applications and facilities it may speak (SEC-05)."""

import hashlib
import ssl
from asyncio import BaseTransport
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final

DEMO_PEER: Final = "demo:loopback"
"""The name of a peer without a certificate, which there is on loopback in demo mode only (SEC-03). No certificate can carry it."""

ANY_FACILITY: Final = "*"
_LONGEST_NAME: Final = 200


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a client certificate says, once TLS has checked its chain, its validity and its purpose.

    Attributes:
        names: ``DNS:ehr.hospital.example`` and ``URI:urn:...`` of the subject's alternative names; ``CN:...`` only where it has neither,
            as RFC 6125 (6.4.4) has it.
        fingerprint: SHA-256 of the whole certificate, in hexadecimal.
        not_after: the end of its validity.
    """

    names: frozenset[str]
    fingerprint: str
    not_after: datetime


@dataclass(frozen=True, slots=True)
class Peer:
    """The other end: its IP address and its certificate; None is clear text, in demo mode."""

    address: str
    certificate: Certificate | None

    @property
    def names(self) -> frozenset[str]:
        """The names that it has proved."""
        return frozenset({DEMO_PEER}) if self.certificate is None else self.certificate.names

    @property
    def key(self) -> str:
        """What its limits are counted under: its certificate; without one its address."""
        return self.address if self.certificate is None else self.certificate.fingerprint

    def __str__(self) -> str:
        """For logs and the page of connections: names and address, no patient data."""
        return f"{', '.join(sorted(self.names)) or 'no name'} at {self.address}"


def peer_of(transport: BaseTransport, address: str) -> Peer:
    """The other end, at ``address``, of a connection on which TLS, if there is any, has finished its handshake.

    Raises: ValueError: a TLS connection without a certificate of the client.
    """
    connection: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
    if connection is None:
        return Peer(address, None)
    whole, parsed = connection.getpeercert(binary_form=True), connection.getpeercert()
    if not whole or not parsed:
        raise ValueError("the client sent no certificate")
    not_after = datetime.fromtimestamp(ssl.cert_time_to_seconds(str(parsed["notAfter"])), UTC)
    return Peer(address, Certificate(_names_in(parsed), hashlib.sha256(whole).hexdigest(), not_after))


def _names_in(parsed: Mapping[str, object]) -> frozenset[str]:
    """``parsed`` is what ``ssl`` makes of a certificate: tuples of (kind, text) under subjectAltName, of tuples of them under subject."""
    alternative = _pairs(parsed.get("subjectAltName"))
    names = {f"{kind}:{text}" for kind, text in alternative if kind in ("DNS", "URI")}
    if not names:
        parts = parsed.get("subject")
        pairs = [pair for part in (parts if isinstance(parts, tuple) else ()) for pair in _pairs(part)]
        names = {f"CN:{text}" for kind, text in pairs if kind == "commonName"}
    return frozenset(name for name in names if name.isprintable() and len(name) <= _LONGEST_NAME)


def _pairs(value: object) -> list[tuple[str, str]]:
    found = value if isinstance(value, tuple) else ()
    return [(pair[0], pair[1]) for pair in found if isinstance(pair, tuple) and len(pair) == 2]


@dataclass(frozen=True, slots=True)
class Bindings:
    """Which certificate speaks for which (sending application, facility): MSH-3.1 and MSH-4.1, the facility ``*`` being any.

    The keys are names as ``Certificate.names`` has them, and ``DEMO_PEER``. A name that is not there speaks for nobody.
    """

    allowed: Mapping[str, frozenset[tuple[str, str]]]

    @classmethod
    def of(cls, allowed: Mapping[str, Iterable[tuple[str, str]]]) -> "Bindings":
        """Raises: ValueError: a key that no certificate's name can equal, or an application without a name."""
        for name, pairs in allowed.items():
            if name != DEMO_PEER and not name.startswith(("DNS:", "URI:", "CN:")):
                raise ValueError(f"{name}: the name of a certificate begins with DNS:, URI: or CN:")
            if any(not application or application == ANY_FACILITY for application, _ in pairs):
                raise ValueError(f"{name}: bound to a sending application without a name")
        return cls(MappingProxyType({name: frozenset(pairs) for name, pairs in allowed.items()}))

    def speaks_for(self, peer: Peer, application: str, facility: str) -> bool:
        """Whether ``peer`` may send as ``application`` and ``facility``, MSH-3.1 and MSH-4.1 (SEC-05). Nothing is allowed by default."""
        if not application or facility == ANY_FACILITY:
            return False
        return any(
            (application, facility) in pairs or (application, ANY_FACILITY) in pairs
            for pairs in (self.allowed.get(name, frozenset()) for name in peer.names)
        )
