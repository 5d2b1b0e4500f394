"""TLS towards EHRs: we show a certificate and check theirs, name and all; TLS 1.2 or later, strong suites only (SEC-03, SEC-04)."""

import ssl
from pathlib import Path
from typing import Final

from interop.domain.errors import OurError

SUITES: Final = "ECDHE+AESGCM:ECDHE+CHACHA20:!PSK:!aNULL"
"""Of TLS 1.2; those of TLS 1.3 are all of this kind."""


class InsecureDestination(OurError):
    """Patients' data would go out readable by others, or to whoever answers: nothing is sent."""


def client_context(*, certificate: Path, key: Path, authorities: Path) -> ssl.SSLContext:
    """The context of a sender: PEM files of our certificate with its chain, of its key, and of the authorities that the receiver's is from.

    Raises: OSError: a file cannot be read, or is no such file (``ssl.SSLError``).
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # checks chain and name
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(SUITES)
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    context.load_cert_chain(certificate, key)
    context.load_verify_locations(authorities)
    return context


def check_context(context: ssl.SSLContext) -> None:
    """Raises: InsecureDestination: the context does not check whom it talks to, or allows an old version or a weak suite."""
    if context.verify_mode is not ssl.CERT_REQUIRED or not context.check_hostname:
        raise InsecureDestination("the receiver's certificate would not be checked")
    if context.minimum_version < ssl.TLSVersion.TLSv1_2:
        raise InsecureDestination("a version of TLS before 1.2 would be spoken")
    weak = sorted(suite["name"] for suite in context.get_ciphers() if not suite["aead"] or suite["kea"] not in ("kx-ecdhe", "kx-any"))
    if weak:
        raise InsecureDestination(f"weak suites would be spoken: {', '.join(weak)}")
