"""What one text of the settings may be: names, hosts, the store's address. Each check gives its complaint without repeating the text, or ``""``."""

import re
from collections.abc import Iterator
from ipaddress import ip_address
from urllib.parse import parse_qsl, quote, urlsplit

from interop.doors.mllp_peer import ANY_FACILITY, DEMO_PEER

NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?", re.ASCII)
"""Names of nodes, senders and destinations: they stand in rows and in logs."""

DNS_NAME = re.compile(
    r"(?=.{1,253}\Z)(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)*[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?", re.ASCII
)

OID = re.compile(r"[0-2](?:\.(?:0|[1-9][0-9]*))+", re.ASCII)
EUI_64 = re.compile(r"[0-9A-F]{16}", re.ASCII)

LONGEST_PEER = 200

POSTGRES = ("postgresql", "postgres")
POSTGRES_OPTIONS = frozenset({"sslmode", "sslrootcert", "sslcert", "sslkey", "sslcrl", "host", "target_session_attrs"})
"""What may stand behind the ``?`` of a PostgreSQL address; ``password`` may not."""

CHECKED_TLS = "verify-full"
"""The one sslmode that checks the server's chain and its name."""


def name_fault(text: str) -> str:
    """Nodes, peers, senders, destinations."""
    return "" if NAME.fullmatch(text) else "is not a name of at most 64 letters, digits, points, hyphens and underscores"


def host_fault(text: str) -> str:
    """An address without brackets, or a DNS name."""
    return (
        ""
        if is_address(text) or (DNS_NAME.fullmatch(text) and not text.replace(".", "").isdigit())
        else "is neither an IP address nor a host's name"
    )


def address_fault(text: str) -> str:
    """An IP address without brackets: what a name means is not decided where a listener is opened."""
    return "" if is_address(text) else "is not an IP address"


def server_name_fault(text: str) -> str:
    """As ``host_fault``, or empty."""
    return host_fault(text) if text else ""


def application_fault(text: str) -> str:
    """MSH-3.1; a client speaks for applications that are named."""
    if text == ANY_FACILITY:
        return f"is {ANY_FACILITY}, which only a facility may be"
    return facility_fault(text)


def universal_id_fault(text: str) -> str:
    """Empty, or what MSH-3.2 may hold: an OID, or an EUI-64 as 16 hexadecimal digits (IHE DEV TF-2, B.1)."""
    return "" if not text or OID.fullmatch(text) or EUI_64.fullmatch(text) else "is neither an OID nor an EUI-64 of 16 hexadecimal digits"


def facility_fault(text: str) -> str:
    """MSH-4.1, or ``*`` for any. Compared as decoded, so any text will do that one line can hold."""
    return "" if 0 < len(text) <= 227 and text.isprintable() else "is not a text of 1 to 227 characters"


def peer_fault(text: str) -> str:
    """A name as ``doors/mllp_peer`` reads it from a client's certificate, or the peer of demo mode."""
    if text == DEMO_PEER:
        return ""
    kind, _, name = text.partition(":")
    if kind in ("DNS", "URI", "CN") and name and len(text) <= LONGEST_PEER and text.isprintable():
        return ""
    return f"is not the name of a certificate: DNS:name, URI:name or CN:name (or {DEMO_PEER})"


def is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Whether ``host`` is a literal loopback address. A name is not, since what it means is decided elsewhere (SEC-03)."""
    return is_address(host) and ip_address(host).is_loopback


def store_url_fault(url: str) -> str:
    """The record's address: of a store known here, whole, without a password, and with checked TLS to another machine."""
    try:
        parts = urlsplit(url)
        options = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
        password, user = parts.password, parts.username
        parts.port  # noqa: B018 - reading it is what checks it
    except ValueError:
        return "is not an address"
    if parts.scheme == "memory":
        return "" if url == "memory:" else "has something behind memory:"
    if parts.scheme == "sqlite":
        whole = not parts.netloc and len(parts.path) > 1 and not parts.query and not parts.fragment
        return "" if whole else "is not sqlite:///relative/path or sqlite:////absolute/path"
    if parts.scheme not in POSTGRES:
        return "is not memory:, sqlite:///path or postgresql://user@host/database"
    if password is not None or "password" in options:
        return "carries a password, which belongs into the file that password_file names"
    if unknown := sorted(options.keys() - POSTGRES_OPTIONS):
        return f"has an option that is not known here ({', '.join(name for name in unknown if name.isidentifier()) or 'no name'})"
    hosts = list(_hosts(parts.netloc, options.get("host", "")))
    if not hosts or not all(hosts) or not user or len(parts.path) < 2:
        return "does not name user, host and database: postgresql://user@host/database"
    if not all(host.startswith("/") or is_loopback(host) for host in hosts) and options.get("sslmode") != CHECKED_TLS:
        return f"reaches another machine without checking who it is: it needs ?sslmode={CHECKED_TLS} (or 127.0.0.1, ::1, a socket's folder)"
    return ""


def is_memory(url: str) -> bool:
    """Whether the record would be gone with the process."""
    return url == "memory:"


def is_postgres(url: str) -> bool:
    return urlsplit(url).scheme in POSTGRES


def with_password(url: str, password: str) -> str:
    """A PostgreSQL address with the password in it, for the driver only; never logged."""
    user, _, rest = url.partition("@")
    return f"{user}:{quote(password, safe='')}@{rest}"


def _hosts(netloc: str, option: str) -> Iterator[str]:
    """The hosts of ``user@one:5432,two``, or those of the option, which goes over it."""
    if option:
        yield from option.split(",")
        return
    for each in netloc.rpartition("@")[2].split(","):
        if each.startswith("["):
            yield each[1:].partition("]")[0]
        else:
            yield each.partition(":")[0]
