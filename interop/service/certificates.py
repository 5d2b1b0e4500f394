"""Small certificate authorities on disk, for trying interop and for sites without one: P-256, one server, the clients that try it, and the pumps.

Nothing that exists is ever overwritten, and a run that was interrupted is completed by the next: a key without its certificate gets one.
The pumps have an authority of their own, so that a pump's key opens no other door (SEC-09).
Private keys are readable by their owner only. A site with its own authority names its files in the settings instead.
"""

import os
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Final

from interop.domain.errors import OurError

if TYPE_CHECKING:  # slow to import: only `interop init` needs it
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

AUTHORITY_DAYS: Final = 3650
LEAF_DAYS: Final = 825
BACKDATED: Final = timedelta(hours=1)
"""A peer whose clock is behind takes a new certificate at once."""

PUMPS, TRUSTED = "pumps", "ca"
LOCAL_NAMES: Final = ("localhost", "127.0.0.1", "::1")


class CannotIssue(OurError):
    """The folder holds half of what is needed, in a way that only a person can settle; the text says which file."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its private key, both PEM."""

    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Certificates:
    """The files in the folder; ``made`` are those that were not there before."""

    authority: Pair
    server: Pair
    client: Pair
    pump_authority: Pair
    made: tuple[Path, ...]


def make_certificates(folder: Path, *, server_names: Iterable[str], client_name: str, now: datetime) -> Certificates:
    """An authority, a server's certificate for ``server_names`` (and localhost), a client's by the name ``client_name``, and the pumps' authority.

    The authorities' keys are kept beside their certificates, to issue more; where trying ends it belongs elsewhere, and what exists goes on without it.

    Raises:
        CannotIssue: a certificate is to be made, and the authority's key is not there or does not fit.
        OSError: the folder cannot be written.
    """
    made: list[Path] = []
    authority = Pair(folder / "ca.pem", folder / "ca.key")
    server = Pair(folder / "server.pem", folder / "server.key")
    client = Pair(folder / f"{client_name}.pem", folder / f"{client_name}.key")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _complete(authority, made, lambda key: _authority(key, "interop local authority", now))
    names = tuple(dict.fromkeys((*LOCAL_NAMES, *server_names)))
    _complete(server, made, lambda key: _leaf(authority, key, names[0], names, now, is_server=True))
    _complete(client, made, lambda key: _leaf(authority, key, client_name, (client_name,), now, is_server=False))
    pump_authority = pump_authority_in(folder)
    _complete(pump_authority, made, lambda key: _authority(key, "interop pump authority", now))
    return Certificates(authority, server, client, pump_authority, tuple(made))


def pump_authority_in(folder: Path) -> Pair:
    """Where the pumps' authority is kept."""
    return Pair(folder / "pump-ca.pem", folder / "pump-ca.key")


def issue_pump(folder: Path, pump: str, now: datetime) -> tuple[Pair, tuple[Path, ...]]:
    """The certificate and key of one pump, whose id is its common name, in ``folder``/pumps; and which files were not there before.

    Beside them stands ``ca.pem``, whom the pumps trust as a server: a copy of ``folder``/ca.pem, if that is here. ``TRUSTED`` is no pump's id.

    Raises:
        CannotIssue: a certificate is to be made, and the pumps' authority or its key is not there or does not fit.
        OSError: the folder cannot be written.
    """
    made: list[Path] = []
    pair = Pair(folder / PUMPS / f"{pump}.pem", folder / PUMPS / f"{pump}.key")
    pair.key.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _complete(pair, made, lambda key: _leaf(pump_authority_in(folder), key, pump, (), now, is_server=False))
    trusted, authority = folder / PUMPS / f"{TRUSTED}.pem", folder / f"{TRUSTED}.pem"
    if authority.exists() and write_new(trusted, authority.read_bytes(), 0o644):
        made.append(trusted)
    return pair, tuple(made)


def pump_fingerprint(certificate: Path, pump: str) -> str:
    """The SHA-256 of a pump's certificate, in hexadecimal.

    Raises: CannotIssue: it is no certificate, or its common name is not ``pump``. OSError: it cannot be read.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.x509.oid import NameOID

    try:
        read = x509.load_pem_x509_certificate(certificate.read_bytes())
    except ValueError:
        raise CannotIssue(f"{certificate} is no certificate that can be read: move it away") from None
    names = [name.value for name in read.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    if names != [pump]:
        raise CannotIssue(f"{certificate} is not a certificate of {pump}: its common name must be the pump's id")
    return read.fingerprint(hashes.SHA256()).hex()


def write_new(path: Path, data: bytes, mode: int = 0o600) -> bool:
    """Write a file that does not exist yet, whole or not at all; False, and nothing is touched, where there is one.

    Raises: OSError: also where the file system knows no hard links, by which a file appears whole under its name.
    """
    if path.exists():
        return False
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # made for its owner only
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        os.link(name, path)
    except FileExistsError:
        return False
    finally:
        os.unlink(name)
    return True


def _complete(pair: Pair, made: list[Path], issue: "Callable[[EllipticCurvePrivateKey], x509.Certificate]") -> None:
    """The key first: a certificate never stands without it."""
    if pair.certificate.exists():
        return
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    if not pair.key.exists():
        fresh = ec.generate_private_key(ec.SECP256R1())
        pem = fresh.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        if write_new(pair.key, pem):
            made.append(pair.key)
    certificate = issue(_private_key(pair.key))
    if write_new(pair.certificate, certificate.public_bytes(serialization.Encoding.PEM), 0o644):
        made.append(pair.certificate)


def _private_key(path: Path) -> "EllipticCurvePrivateKey":
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except FileNotFoundError:
        raise CannotIssue(f"{path} is not there: bring it back, or move its certificate away to begin anew") from None
    except (ValueError, TypeError):
        raise CannotIssue(f"{path} is no private key that can be read: move it away") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise CannotIssue(f"{path} is no elliptic-curve key: move it away")
    return key


def _authority(key: "EllipticCurvePrivateKey", title: str, now: datetime) -> "x509.Certificate":
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    name = _name(f"{title} {identifier.digest.hex()[:8]}")
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + timedelta(days=AUTHORITY_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(identifier, critical=False)
        .sign(key, hashes.SHA256())
    )


def _leaf(
    authority: Pair, key: "EllipticCurvePrivateKey", common_name: str, names: tuple[str, ...], now: datetime, *, is_server: bool
) -> "x509.Certificate":
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.x509.oid import ExtendedKeyUsageOID

    signer = _private_key(authority.key)
    try:
        issuer = x509.load_pem_x509_certificate(authority.certificate.read_bytes())
    except FileNotFoundError:
        raise CannotIssue(f"{authority.certificate} is not there: `interop init` makes one, or bring it back") from None
    if issuer.public_key() != signer.public_key():
        raise CannotIssue(f"{authority.key} is not the key of {authority.certificate}: move both away, or bring the right one back")
    purpose = ExtendedKeyUsageOID.SERVER_AUTH if is_server else ExtendedKeyUsageOID.CLIENT_AUTH
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(common_name))
        .issuer_name(issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(min(now + timedelta(days=LEAF_DAYS), issuer.not_valid_after_utc))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
    return builder.sign(signer, hashes.SHA256())


def _name(common_name: str) -> "x509.Name":
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _general_name(name: str) -> "x509.GeneralName":
    from cryptography import x509

    try:
        address: IPv4Address | IPv6Address = ip_address(name)
    except ValueError:
        return x509.DNSName(name)
    return x509.IPAddress(address)


def _usage(*, signs_certificates: bool) -> "x509.KeyUsage":
    from cryptography import x509

    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )
