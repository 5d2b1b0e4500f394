"""``interop init DIR``: certificates, secrets, settings, then the store, a release and a first administrator.

Every step looks first whether its work is there, so a run that was interrupted is completed by the next, and a second run changes nothing.
No secret has a default (SEC-08): two folders never hold the same one.
"""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Protocol

from interop.domain.errors import SiteError
from interop.domain.sender import Format
from interop.doors.mllp_peer import DEMO_PEER
from interop.service.certificates import Certificates, make_certificates, write_new
from interop.service.settings import Settings
from interop.service.settings_checks import address_fault, host_fault
from interop.service.settings_file import write_settings
from interop.service.settings_load import SettingsUnsound, load_settings, read_secret, settings_of

SETTINGS: Final = "interop.toml"
CERTIFICATES: Final = "certificates"
IDENTITY_SECRET: Final = "secrets/identity.secret"
CLIENT: Final = "interop-send"
"""DNS name in the certificate that `interop send` shows."""

EVERY_INTERFACE: Final = ("0.0.0.0", "::")

PASSWORD_LETTERS: Final = "abcdefghjkmnpqrstuvwxyz23456789"  # none that looks like another
PASSWORD_GROUPS: Final = 4
GROUP_LETTERS: Final = 5


class SiteUnsound(SiteError):
    """The site's files have faults, so no release can be built of them; ``faults`` are sentences with file, line and column."""

    def __init__(self, faults: tuple[str, ...]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """The options of the command. ``clear_text`` (MLLP and pump link without TLS) is for ``demo`` only, and both keep to loopback (SEC-03)."""

    site: Path | None = None
    host: str = "127.0.0.1"
    server_names: tuple[str, ...] = ()
    mllp_port: int = 2575
    fhir_port: int = 8443
    pages_port: int = 8444
    pumps_port: int = 8445
    node: str = "node-1"
    store_url: str = "sqlite:///interop.db"
    demo: bool = False
    clear_text: bool = False
    administrator: str = "admin"
    password_file: Path | None = None


class FirstStart(Protocol):
    """What has to be made behind the settings, by those who keep the store, the releases and the people. Each may be asked again at any time."""

    async def migrate(self, settings: Settings) -> bool:
        """Bring the store's schema up, and make the store where it is missing. False: it was up to date."""

    async def build_release(self, settings: Settings) -> bool:
        """Build the release of ``settings.site.folder`` (None: the demo site) into the store. False: the store has one already."""

    async def has_administrator(self, settings: Settings) -> bool:
        """Whether anybody is an administrator already."""

    async def add_administrator(self, settings: Settings, user: str, password: str) -> None:
        """Add the first one."""


async def init(
    folder: Path,
    wishes: Wishes,
    *,
    first_start: FirstStart,
    say: Callable[[str], None],
    now: datetime,
    environment: Mapping[str, str] | None = None,
) -> Settings:
    """Make what is missing in ``folder`` and behind it; ``say`` gets a line for each thing, made or there. Returns the settings in force.

    Raises:
        SiteUnsound: nothing was made.
        SettingsUnsound: the wishes, or an interop.toml that was there, cannot be served with.
        CannotIssue, SecretUnreadable, OSError.
        Whatever ``first_start`` raises.
    """
    password = "" if wishes.password_file is None else read_secret(wishes.password_file)
    settings = make_files(folder, wishes, say=say, now=now, environment=environment)
    say(_told("store", made=await first_start.migrate(settings)))
    say(_told("release", made=await first_start.build_release(settings)))
    if await first_start.has_administrator(settings):
        say("exists   an administrator")
    else:
        if not password:
            password = new_password()
            # said before it holds: who is cut off here runs init again, and nobody is locked out by a password that was never seen
            say(f"password {password}  for {wishes.administrator}; shown only now, and in force when the next line says so")
        await first_start.add_administrator(settings, wishes.administrator, password)
        say(f"made     administrator {wishes.administrator}")
    say(f"next     interop serve --config {folder / SETTINGS}")
    return settings


def make_files(
    folder: Path, wishes: Wishes, *, say: Callable[[str], None], now: datetime, environment: Mapping[str, str] | None = None
) -> Settings:
    """The files of ``init``; interop.toml last, since it names the others. Raises as ``init``."""
    file = folder / SETTINGS
    is_new = not file.exists()
    peers = _peers_of(wishes) if is_new else {}
    names = _server_names(wishes)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if is_new or (folder / CERTIFICATES / "ca.key").exists():  # a folder with certificates from elsewhere gets none of ours
        issued = make_certificates(folder / CERTIFICATES, server_names=names, client_name=CLIENT, now=now)
        _say_certificates(folder, issued, say)
    if is_new:
        secret = folder / IDENTITY_SECRET
        secret.parent.mkdir(mode=0o700, exist_ok=True)
        say(_told(IDENTITY_SECRET, made=write_new(secret, f"{secrets.token_urlsafe(48)}\n".encode())))
        data = write_settings(_chosen(wishes), peers).encode()
        settings_of(data, file, environment)  # what cannot be served with is not written
        write_new(file, data)
    say(_told(SETTINGS, made=is_new))
    return load_settings(file, environment)


def new_password() -> str:
    """A password that can be read aloud: ``h7kqm-…``, 99 random bits."""
    groups = ("".join(secrets.choice(PASSWORD_LETTERS) for _ in range(GROUP_LETTERS)) for _ in range(PASSWORD_GROUPS))
    return "-".join(groups)


def _server_names(wishes: Wishes) -> tuple[str, ...]:
    """Raises: SettingsUnsound: a certificate cannot be for such a name."""
    names = wishes.server_names if wishes.host in EVERY_INTERFACE else (*wishes.server_names, wishes.host)
    if complaint := address_fault(wishes.host):
        raise SettingsUnsound((f"{wishes.host} {complaint} — do: name the interface to listen on by its address",))
    faults = tuple(f"{name} {complaint} — do: correct the option" for name in names if (complaint := host_fault(name)))
    if faults:
        raise SettingsUnsound(faults)
    return names


def _peers_of(wishes: Wishes) -> dict[str, tuple[str, tuple[tuple[str, str], ...]]]:
    """The certificate for trying speaks for the first HL7 sender of the site."""
    from interop.site.load import load_site
    from interop.site.places import demo_site

    loaded = load_site(wishes.site if wishes.site is not None else demo_site())
    if loaded.release is None:
        raise SiteUnsound(tuple(str(fault) for fault in loaded.faults))
    hl7 = sorted((sender for sender in loaded.release.senders.values() if sender.format is Format.HL7V2), key=lambda sender: sender.name)
    names = (f"DNS:{CLIENT}", DEMO_PEER) if wishes.clear_text else (f"DNS:{CLIENT}",)
    return {name: (hl7[0].name, hl7[0].names) for name in names if hl7}


def _chosen(wishes: Wishes) -> dict[str, dict[str, Any]]:
    server = {"certificate_file": f"{CERTIFICATES}/server.pem", "key_file": f"{CERTIFICATES}/server.key"}
    authority = f"{CERTIFICATES}/ca.pem"
    chosen: dict[str, dict[str, Any]] = {
        "node": {"name": wishes.node},
        "store": {"url": wishes.store_url},
        "mllp": {"host": wishes.host, "port": wishes.mllp_port, **server, "client_ca_file": authority},
        "fhir": {"host": wishes.host, "port": wishes.fhir_port, **server},
        "pages": {"host": wishes.host, "port": wishes.pages_port, **server},
        "pumps": {
            "enabled": True,
            "host": wishes.host,
            "port": wishes.pumps_port,
            **server,
            "client_ca_file": f"{CERTIFICATES}/pump-ca.pem",
        },
        "identity": {"secret_file": IDENTITY_SECRET},
        "send": {
            "ca_file": authority,
            "certificate_file": f"{CERTIFICATES}/{CLIENT}.pem",
            "key_file": f"{CERTIFICATES}/{CLIENT}.key",
        },
    }
    if wishes.site is not None:
        chosen["site"] = {"folder": wishes.site.absolute()}
    if wishes.demo:
        chosen["demo"] = {"enabled": True}
    if wishes.clear_text:
        chosen["mllp"]["tls"] = chosen["pumps"]["tls"] = False
    return chosen


def _say_certificates(folder: Path, issued: Certificates, say: Callable[[str], None]) -> None:
    for pair in (issued.authority, issued.server, issued.client, issued.pump_authority):
        for path in (pair.key, pair.certificate):
            say(_told(path.relative_to(folder).as_posix(), made=path in issued.made))


def _told(what: str, *, made: bool) -> str:
    return f"{'made' if made else 'exists':8} {what}"
