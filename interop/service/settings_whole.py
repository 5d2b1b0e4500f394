"""What the settings must be together: TLS everywhere but in demo mode on loopback (SEC-03), the files that TLS needs, nothing twice."""

from collections.abc import Callable
from pathlib import Path

from interop.conduct.world import Purpose
from interop.doors.mllp_peer import DEMO_PEER
from interop.service.settings import Destination, Listener, Mllp, Pumps, Settings
from interop.service.settings_checks import is_loopback, is_memory, is_postgres

Tell = Callable[[tuple[str, ...], str, str], None]
"""Takes the path of a key, what is wrong and what to do."""

LOOPBACK = "127.0.0.1 or ::1"


def check_whole(settings: Settings, tell: Tell) -> None:
    """Tells every fault between keys. A value that was faulty by itself is absent here and is passed over."""
    listeners = {"mllp": settings.mllp, "fhir": settings.fhir, "pages": settings.pages, "pumps": settings.pumps}
    for name, listener in listeners.items():
        _check_listener(settings, name, listener, tell)
    _check_ports(listeners, tell)
    _check_mllp(settings, tell)
    _check_pumps(settings.pumps, tell)
    if (settings.fhir.enabled or settings.pages.enabled) and settings.identity.secret_file is None:
        tell(
            ("identity", "secret_file"),
            "secret_file is missing",
            "name a file with at least 32 random characters; `interop init` makes one",
        )
    _check_store(settings, tell)
    _check_lanes(settings, tell)
    for name, destination in settings.lanes.destinations.items():
        _check_destination(settings, name, destination, tell)
    send = settings.send
    _check_pair(("send",), send.certificate_file, send.key_file, tell)


def _check_listener(settings: Settings, name: str, listener: Listener, tell: Tell) -> None:
    if not listener.enabled:
        return
    if settings.demo.enabled and not is_loopback(listener.host):
        tell((name, "host"), f"[{name}] is open to other machines in demo mode", f"write {LOOPBACK}, or turn [demo] off (SEC-03, SEC-41)")
    if not listener.tls:
        if not settings.demo.enabled:
            tell((name, "tls"), f"[{name}] would speak in clear text", "write tls = true; clear text is for demo mode only (SEC-03)")
        return
    needed = [("certificate_file", listener.certificate_file), ("key_file", listener.key_file)]
    if isinstance(listener, Mllp | Pumps):
        needed.append(("client_ca_file", listener.client_ca_file))
    for each, file in needed:
        if file is None:
            tell((name, each), f"[{name}] speaks TLS, and {each} is missing", "name the file; `interop init` makes one for trying")


def _check_ports(listeners: dict[str, Listener], tell: Tell) -> None:
    taken: dict[tuple[str, int], str] = {}
    for name, listener in listeners.items():
        if not listener.enabled or not listener.port:
            continue
        first = taken.setdefault((listener.host, listener.port), name)
        if first != name:
            tell((name, "port"), f"[{first}] and [{name}] have the same host and port", "give each its own port")


def _check_mllp(settings: Settings, tell: Tell) -> None:
    mllp = settings.mllp
    if DEMO_PEER in mllp.peers and not settings.demo.enabled:
        tell(("mllp", "peers", DEMO_PEER), f"{DEMO_PEER} is anybody on this machine", "delete it; it is for demo mode only (SEC-03)")
    if mllp.max_connections_per_peer >= mllp.max_connections:
        tell(("mllp", "max_connections_per_peer"), "one peer could take all connections", "make it less than max_connections (SEC-42)")
    if mllp.max_connections_per_peer * mllp.max_in_flight_per_connection >= mllp.max_in_flight:
        what = "one peer could have all messages in flight"
        action = "make max_connections_per_peer times this less than max_in_flight (SEC-42)"
        tell(("mllp", "max_in_flight_per_connection"), what, action)


def _check_pumps(pumps: Pumps, tell: Tell) -> None:
    if pumps.max_before_hello_per_address >= pumps.max_before_hello:
        action = "make it less than max_before_hello (SEC-42)"
        tell(("pumps", "max_before_hello_per_address"), "one address could take all connections before their hello", action)


def _check_store(settings: Settings, tell: Tell) -> None:
    url, password_file = settings.store.url, settings.store.password_file
    if is_memory(url) and not settings.demo.enabled:
        tell(
            ("store", "url"),
            "the record would be gone with the process",
            "write sqlite:///… or postgresql://…; memory: is for demo mode only",
        )
    if password_file is not None and url and not is_postgres(url):
        tell(("store", "password_file"), "only PostgreSQL takes a password", "delete password_file, or correct the url")


def _check_lanes(settings: Settings, tell: Tell) -> None:
    lanes = settings.lanes
    if lanes.first_back_off_s > lanes.most_back_off_s:
        tell(("lanes", "first_back_off_s"), "first_back_off_s is over most_back_off_s", "make it the smaller one")


def _check_destination(settings: Settings, name: str, destination: Destination, tell: Tell) -> None:
    path = ("lanes", "destinations", name)
    same = (destination.sender, destination.purpose)
    earlier = [other for other, each in settings.lanes.destinations.items() if (each.sender, each.purpose) == same]
    if destination.sender and earlier[0] != name:
        does = "answers" if destination.purpose is Purpose.RRG else "documents"
        tell((*path, "sender"), f"{earlier[0]} {does} the orders of this sender already", "keep one destination for a sender and purpose")
    if settings.lanes.lease_s <= destination.connect_s + destination.answer_s:
        tell(
            (*path, "answer_s"),
            "a lane's lease could end while an answer is awaited",
            "make connect_s and answer_s less than lease_s of [lanes]",
        )
    if not destination.tls:
        if not settings.demo.enabled or not is_loopback(destination.host):
            tell(
                (*path, "tls"),
                f"{name} would be told in clear text",
                f"write tls = true; clear text is for demo mode and {LOOPBACK} (SEC-03)",
            )
        return
    for each in ("ca_file", "certificate_file", "key_file"):
        if getattr(destination, each) is None:
            tell((*path, each), f"{name} is told over mutual TLS, and {each} is missing", "name the file")


def _check_pair(path: tuple[str, ...], certificate: Path | None, key_file: Path | None, tell: Tell) -> None:
    if (certificate is None) != (key_file is None):
        missing = "certificate_file" if certificate is None else "key_file"
        tell((*path, missing), f"{missing} is missing beside the other half of the pair", "name both files, or neither")
