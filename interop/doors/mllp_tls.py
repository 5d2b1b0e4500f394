"""TLS of the MLLP door: both sides show a certificate, TLS 1.2 or later, forward secrecy and authenticated encryption only (SEC-03 to SEC-05)."""

import ssl
from pathlib import Path
from typing import Final

from interop.domain.errors import OurError

SUITES: Final = "ECDHE+AESGCM:ECDHE+CHACHA20:!PSK:!aNULL"
"""Of TLS 1.2; those of TLS 1.3 are all of this kind."""


class InsecureDoor(OurError):
    """The door would let in who must not come in, or let others listen: it is not opened."""


def server_context(*, certificate: Path, key: Path, client_authorities: Path, revoked: Path | None = None) -> ssl.SSLContext:
    """The context of a door: PEM files of its own certificate with its chain, of its key, and of the authorities whose clients may come in.

    ``revoked``: PEM file of these authorities' revocation lists; with it, a client whose authority has no valid list there is not let in.

    Raises: OSError: a file cannot be read, or is no such file (``ssl.SSLError``).
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(SUITES)
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION | ssl.OP_NO_TICKET
    context.num_tickets = 0  # no session outlives the check of its certificate
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(certificate, key)
    context.load_verify_locations(client_authorities)
    if revoked is not None:
        context.load_verify_locations(revoked)
        context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
    return context


def check_context(context: ssl.SSLContext) -> None:
    """Raises: InsecureDoor: the context lets a client in without a certificate, or allows an old version or a weak suite."""
    if context.verify_mode is not ssl.CERT_REQUIRED:
        raise InsecureDoor("the door would let clients in without a certificate")
    if context.minimum_version < ssl.TLSVersion.TLSv1_2:
        raise InsecureDoor("the door would speak a version of TLS before 1.2")
    weak = sorted(suite["name"] for suite in context.get_ciphers() if not suite["aead"] or suite["kea"] not in ("kx-ecdhe", "kx-any"))
    if weak:
        raise InsecureDoor(f"the door would speak weak suites: {', '.join(weak)}")
