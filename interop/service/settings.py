"""The settings of a server: one frozen dataclass a section of the TOML file; every key is declared here, once, with its unit in its name.

``settings_load`` reads them from the file and the environment, ``settings_text`` tells them for ``interop settings``. A secret is never a value
here: its key names the file that holds it (SEC-31). What affects a dose is not here either: that is the site's, in its release (SEC-26).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import Enum
from pathlib import Path
from typing import Annotated

from interop.conduct.documenting import PERIODIC_S
from interop.conduct.world import Purpose
from interop.doors.fhir.limits import DoorLimits
from interop.doors.mllp_limits import Limits
from interop.doors.pump_link.limits import LinkLimits
from interop.service.settings_checks import (
    address_fault,
    application_fault,
    facility_fault,
    host_fault,
    name_fault,
    peer_fault,
    server_name_fault,
    store_url_fault,
    universal_id_fault,
)
from interop.service.settings_keys import Key, Rule, keys_of

DAY_S = 86_400
MLLP_DOOR, FHIR_DOOR, PUMP_DOOR = Limits(), DoorLimits(), LinkLimits()
"""The doors' own bounds are the defaults here."""


class LogLevel(Enum):
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(Enum):
    JSON = "json"
    TEXT = "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """[node] This process among those that share a store."""

    name: Annotated[
        str, Rule("Writes its audit chain and holds lanes under this name; no two nodes of one store share it.", check=name_fault)
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """[site] Where the site's files are edited. The server does not read them: it takes its releases from the store."""

    folder: Annotated[
        Path | None, Rule("The site's files, for `interop init` and `interop release build`; empty: the demo site.", is_file=False)
    ] = None


STORE_URL = (
    "Address of the record, without a password: `sqlite:///interop.db` (relative to this file), `sqlite:////absolute/path`, "
    "`postgresql://user@host/database?sslmode=verify-full`, or in demo mode `memory:`, which forgets everything."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """[store] The record."""

    url: Annotated[str, Rule(STORE_URL, check=store_url_fault)]
    password_file: Annotated[Path | None, Rule("The password of the PostgreSQL user.", secret=True)] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """What the four listeners have in common; each binds to one zone (SEC-38)."""

    enabled: Annotated[bool, Rule("Whether this node opens the listener.")] = True
    host: Annotated[str, Rule("IP address of the network interface it binds to; 0.0.0.0 or :: are all of them.", check=address_fault)] = (
        "127.0.0.1"
    )
    port: Annotated[int, Rule("Port it binds to; 0: any free one.", 0, 65_535)] = 0
    tls: Annotated[bool, Rule("TLS; may be false only in demo mode and on 127.0.0.1 or ::1 (SEC-03).")] = True
    certificate_file: Annotated[Path | None, Rule("The server's certificate with its chain, PEM.")] = None
    key_file: Annotated[Path | None, Rule("The private key of that certificate, PEM.", secret=True)] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SendingName:
    """One pair of MSH-3 and MSH-4 that a peer may send under (SEC-05)."""

    application: Annotated[str, Rule("MSH-3.1, the sending application.", check=application_fault)]
    facility: Annotated[str, Rule("MSH-4.1, the sending facility; `*`: any.", check=facility_fault)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """[mllp.peers.NAME] A client that may speak, and for whom; who is not here cannot. To revoke one, delete it.

    NAME is a name in its certificate: "DNS:ehr.hospital.example", "URI:…", or "CN:…" where that is all it has; in demo mode also "demo:loopback".
    """

    sender: Annotated[str, Rule("The sender profile (a file of the site's senders/) that its messages are read by.", check=name_fault)]
    names: Annotated[tuple[SendingName, ...], Rule("The pairs of sending application and facility that it may send under.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mllp(Listener):
    """[mllp] HL7 v2 over MLLP, with client certificates."""

    port: Annotated[int, Rule("Port it binds to; 0: any free one.", 0, 65_535)] = 2575
    client_ca_file: Annotated[Path | None, Rule("The certificates of the authorities that sign the clients' certificates, PEM.")] = None
    client_revoked_file: Annotated[Path | None, Rule("Their revocation lists, PEM; with it, each authority needs a valid one.")] = None
    max_connections: Annotated[int, Rule("Most connections at once; more are closed as they come.", 2, 100_000)] = MLLP_DOOR.connections
    max_connections_per_peer: Annotated[int, Rule("Of these, most of one peer.", 1, 100_000)] = MLLP_DOOR.connections_per_peer
    max_in_flight: Annotated[int, Rule("Most messages that were read and wait for their answer, of all peers.", 2, 65_536)] = (
        MLLP_DOOR.in_flight
    )
    max_in_flight_per_connection: Annotated[int, Rule("Of these, most of one connection.", 1, 1024)] = MLLP_DOOR.in_flight_per_connection
    max_message_bytes: Annotated[int, Rule("Most bytes of one message.", 1024, 16_777_216)] = MLLP_DOOR.message_bytes
    max_messages_per_s: Annotated[
        int, Rule("Most messages a second of one peer in the long run; reading from a faster one pauses.", 1, 1_000_000)
    ] = MLLP_DOOR.messages_per_s
    burst_messages: Annotated[int, Rule("Most messages of one peer at once, after a pause.", 1, 1_000_000)] = MLLP_DOOR.burst
    handshake_s: Annotated[int, Rule("A TLS handshake must have ended after this long.", 1, 60)] = int(MLLP_DOOR.handshake_s)
    frame_s: Annotated[int, Rule("A message that has begun must have ended after this long.", 1, 600)] = int(MLLP_DOOR.frame_s)
    idle_s: Annotated[int, Rule("A connection on which nothing came for this long is closed.", 1, DAY_S)] = int(MLLP_DOOR.idle_s)
    answer_s: Annotated[int, Rule("A message that is not answered after this long is answered CE: send it again.", 1, 600)] = int(
        MLLP_DOOR.answer_s
    )
    unread_s: Annotated[int, Rule("A peer that leaves its answers unread for this long is closed.", 1, 600)] = int(MLLP_DOOR.unread_s)
    peers: Annotated[Mapping[str, Peer], Rule("Who may speak, by the name in the client's certificate.", check=peer_fault)] = field(
        default_factory=dict
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Fhir(Listener):
    """[fhir] FHIR R4 over HTTPS, with bearer tokens."""

    port: Annotated[int, Rule("Port it binds to; 0: any free one.", 0, 65_535)] = 8443
    max_body_bytes: Annotated[int, Rule("Most bytes of one request's body.", 1024, 16_777_216)] = FHIR_DOOR.body_bytes
    body_s: Annotated[int, Rule("A request's body must have come in after this long.", 1, 600)] = FHIR_DOOR.body_s
    max_in_flight: Annotated[int, Rule("Most requests at once; who is over it is told to come back.", 1, 65_536)] = FHIR_DOOR.in_flight
    max_requests_per_s: Annotated[int, Rule("Most requests a second of one client in the long run.", 1, 1_000_000)] = (
        FHIR_DOOR.requests_per_s
    )
    burst_requests: Annotated[int, Rule("Most requests of one client at once, after a pause.", 1, 1_000_000)] = FHIR_DOOR.burst


@dataclass(frozen=True, slots=True, kw_only=True)
class Pages(Listener):
    """[pages] The pages for people, over HTTPS."""

    port: Annotated[int, Rule("Port it binds to; 0: any free one.", 0, 65_535)] = 8444
    max_body_bytes: Annotated[int, Rule("Most bytes of one request's body.", 1024, 1_048_576)] = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Pumps(Listener):
    """[pumps] The pump link, over WebSocket with a certificate of each pump (docs/pump-link.md); who may connect, `interop pumps enroll` says."""

    enabled: Annotated[bool, Rule("Whether this node opens the listener; without it the server knows no pumps.")] = False
    port: Annotated[int, Rule("Port it binds to; 0: any free one.", 0, 65_535)] = 8445
    client_ca_file: Annotated[Path | None, Rule("The certificates of the authorities that sign the pumps' certificates, PEM.")] = None
    client_revoked_file: Annotated[Path | None, Rule("Their revocation lists, PEM; with it, each authority needs a valid one.")] = None
    max_pumps: Annotated[int, Rule("Most pumps at once; more are told to come again.", 1, 100_000)] = PUMP_DOOR.links
    max_before_hello: Annotated[
        int, Rule("Most connections that have not said who they are; more are closed as they come.", 2, 100_000)
    ] = PUMP_DOOR.before_hello
    max_before_hello_per_address: Annotated[int, Rule("Of these, most from one address.", 1, 100_000)] = PUMP_DOOR.before_hello_per_address
    max_frames_per_s: Annotated[
        int, Rule("Most frames a second of one pump in the long run; reading from a faster one pauses.", 1, 1_000_000)
    ] = PUMP_DOOR.frames_per_s
    burst_frames: Annotated[int, Rule("Most frames of one pump at once, after a pause.", 1, 1_000_000)] = PUMP_DOOR.burst
    max_unsent: Annotated[int, Rule("Frames to one pump that may wait for it to read; with more it is cut off.", 1, 10_000)] = (
        PUMP_DOOR.unsent
    )
    handshake_s: Annotated[int, Rule("TLS, and then the opening of the WebSocket, must each have ended after this long.", 1, 60)] = int(
        PUMP_DOOR.handshake_s
    )
    hello_s: Annotated[int, Rule("A pump must have said hello after this long.", 1, 60)] = int(PUMP_DOOR.hello_s)
    unread_s: Annotated[int, Rule("A pump that leaves us unable to write for this long is cut off.", 1, 600)] = int(PUMP_DOOR.unread_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """[identity] Who is asking."""

    secret_file: Annotated[
        Path | None, Rule("Random text from which the keys of sessions and forms are derived; the same on all nodes.", secret=True)
    ] = None
    log_off_after_idle_s: Annotated[int, Rule("A person who did nothing for this long is logged off (SEC-14).", 60, 3600)] = 900
    bedside_log_off_after_idle_s: Annotated[int, Rule("The same on a page at the bedside (SEC-14).", 30, 900)] = 180
    session_s: Annotated[int, Rule("A session ends after this long in any case.", 600, DAY_S)] = 43_200


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """[demo] Demo mode, marked on every page and message; all listeners stay on 127.0.0.1 or ::1 (SEC-03, SEC-41)."""

    enabled: Annotated[bool, Rule("Whether this server is a demonstration. Never for patients.")] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """[log] What the process says on standard error; never patient data (SEC-30)."""

    level: Annotated[LogLevel, Rule("The least level that is written.")] = LogLevel.INFO
    format: Annotated[LogFormat, Rule("JSON, one object a line, or text for people.")] = LogFormat.JSON
    queue_lines: Annotated[int, Rule("Lines that may wait for a slow reader; more are dropped and counted.", 100, 1_000_000)] = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Queues:
    """[limits] Bounds of the queues inside; what is full makes its door pause, and loses nothing that was acknowledged."""

    planning_orders: Annotated[int, Rule("Committed orders that wait to be planned; when full, intake pauses.", 16, 65_536)] = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """[lanes.destinations.NAME] A partner's listener for what answers one sender's orders (RRG^O16), or for what documents them (PCD-10, PCD-01)."""

    sender: Annotated[str, Rule("The sender profile whose orders are answered or documented here.", check=name_fault)]
    host: Annotated[str, Rule("Address or name of the partner's listener.", check=host_fault)]
    port: Annotated[int, Rule("Port of the partner's listener.", 1, 65_535)]
    purpose: Annotated[
        Purpose,
        Rule("rrg: the answers to the orders; documents: what the pump then did. One of each for a sender, on one listener or two."),
    ] = Purpose.RRG
    tls: Annotated[bool, Rule("TLS; may be false only in demo mode and to 127.0.0.1 or ::1 (SEC-03).")] = True
    ca_file: Annotated[Path | None, Rule("The certificates of the authorities that sign the partner's certificate, PEM.")] = None
    certificate_file: Annotated[Path | None, Rule("Our client certificate with its chain, PEM.")] = None
    key_file: Annotated[Path | None, Rule("The private key of that certificate, PEM.", secret=True)] = None
    server_name: Annotated[str, Rule("Name that the partner's certificate must have; empty: the host.", check=server_name_fault)] = ""
    keep_open: Annotated[bool, Rule("Use a connection for more than one message; otherwise each goes on one of its own.")] = True
    connect_s: Annotated[int, Rule("A connection, handshake included, must stand after this long.", 1, 120)] = 10
    answer_s: Annotated[int, Rule("The answer must be there after this long, or the same bytes are sent again.", 1, 600)] = 30
    silences: Annotated[int, Rule("After so many messages in a row without an answer the connection is given up.", 1, 100)] = 2
    max_answer_bytes: Annotated[int, Rule("Most bytes of an answer.", 1024, 16_777_216)] = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Lanes:
    """[lanes] Outgoing messages."""

    lanes_per_destination: Annotated[int, Rule("Infusions are shared out to so many; change it only while nothing waits.", 1, 256)] = 8
    lease_s: Annotated[int, Rule("A worker holds a lane for so long before it must renew.", 5, 3600)] = 60
    first_back_off_s: Annotated[
        int, Rule("After a first failure the next attempt waits so long, each further one twice as long.", 1, 60)
    ] = 1
    most_back_off_s: Annotated[int, Rule("No attempt waits longer than this.", 1, 3600)] = 60
    wrong_answers: Annotated[int, Rule("So many wrong answers in a row to one message park it, and a person looks.", 1, 100)] = 3
    application: Annotated[str, Rule("MSH-3.1 of documents: the name of this application.", check=application_fault)] = "INTEROP"
    application_id: Annotated[
        str,
        Rule(
            "MSH-3.2 of documents: this application's OID or EUI-64, which IHE asks for; empty: it has none yet.", check=universal_id_fault
        ),
    ] = ""
    periodic_s: Annotated[int, Rule("A channel that delivers is told by PCD-01 this often.", 10, 3600)] = PERIODIC_S
    status_worth_s: Annotated[
        int, Rule("A PCD-01 that could not be sent for this long is no longer sent; a PCD-10 always is.", 10, DAY_S)
    ] = 300
    rrg_worth_s: Annotated[int, Rule("An RRG that could not be sent for this long is no longer sent (D-07).", 5, DAY_S)] = 120
    destinations: Annotated[
        Mapping[str, Destination], Rule("Where to send what, by a name that the page of what is stuck shows.", check=name_fault)
    ] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """[send] What `interop send` shows to try the doors; the server uses none of it."""

    ca_file: Annotated[Path | None, Rule("The certificates of the authorities that sign the server's certificate, PEM.")] = None
    certificate_file: Annotated[Path | None, Rule("The client certificate for trying, PEM.")] = None
    key_file: Annotated[Path | None, Rule("The private key of that certificate, PEM.", secret=True)] = None
    token_file: Annotated[Path | None, Rule("The bearer token of a client made by `interop clients add`.", secret=True)] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All of it. Paths are absolute; the file's relative ones count from the file's folder."""

    node: Node
    site: Site
    store: Store
    mllp: Mllp
    fhir: Fhir
    pages: Pages
    pumps: Pumps
    identity: Identity
    demo: Demo
    log: Log
    limits: Queues
    lanes: Lanes
    send: Send


SECTIONS: Mapping[str, type] = {each.name: each.type for each in fields(Settings) if isinstance(each.type, type)}
"""Name of each section → its dataclass, in the order they are told."""


def all_keys() -> tuple[Key, ...]:
    """Every key there is, those of named tables and arrays after the key that holds them (``("mllp", "peers", "NAME", "sender")``)."""
    return tuple(found for name, section in SECTIONS.items() for found in _within(section, (name,)))


def _within(section: type, path: tuple[str, ...]) -> list[Key]:
    found: list[Key] = []
    for each in keys_of(section, path):
        found.append(each)
        if each.table_of is not None:
            found += _within(each.table_of, (*each.path, "NAME"))
        elif each.array_of is not None:
            found += _within(each.array_of, (*each.path, "[]"))
    return found
