"""``interop init``: all that a server needs to start, made once; a second run says what exists and changes nothing."""

import asyncio
import re
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from interop.service.init import PASSWORD_LETTERS, SiteUnsound, Wishes, init, new_password
from interop.service.settings import Settings
from interop.service.settings_file import write_settings
from interop.service.settings_load import SecretUnreadable, SettingsUnsound, load_settings

NOW = datetime.now(UTC)
FILES = [
    "certificates/ca.key",
    "certificates/ca.pem",
    "certificates/interop-send.key",
    "certificates/interop-send.pem",
    "certificates/pump-ca.key",
    "certificates/pump-ca.pem",
    "certificates/server.key",
    "certificates/server.pem",
    "interop.toml",
    "secrets/identity.secret",
]


class House:
    """Store, releases and people, as a list of what was asked of them."""

    def __init__(self, fails_at: str = "") -> None:
        self.there: dict[str, str] = {}
        self.asked: list[str] = []
        self.fails_at = fails_at

    def ask(self, what: str) -> None:
        self.asked.append(what)
        if what == self.fails_at:
            raise ConnectionError(what)

    async def migrate(self, settings: Settings) -> bool:
        self.ask("migrate")
        is_new = "store" not in self.there
        self.there["store"] = settings.store.url
        return is_new

    async def build_release(self, settings: Settings) -> bool:
        self.ask("build_release")
        is_new = "release" not in self.there
        self.there["release"] = str(settings.site.folder)
        return is_new

    async def has_administrator(self, settings: Settings) -> bool:
        self.ask("has_administrator")
        return "password" in self.there

    async def add_administrator(self, settings: Settings, user: str, password: str) -> None:
        self.ask("add_administrator")
        self.there |= {"user": user, "password": password}


def made(folder: Path, house: House | None = None, **wishes: object) -> tuple[Settings, list[str]]:
    said: list[str] = []
    settings = asyncio.run(
        init(folder, Wishes(**wishes), first_start=house or House(), say=said.append, now=NOW, environment={})  # type: ignore[arg-type]
    )
    return settings, said


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "ward"


def test_everything_that_a_server_needs_is_made(folder: Path):
    house = House()
    settings, said = made(folder, house)
    assert sorted(contents(folder)) == FILES
    assert [line.split()[0] for line in said] == ["made"] * 12 + ["password", "made", "next"]
    assert said[-1] == f"next     interop serve --config {folder / 'interop.toml'}"
    assert house.asked == ["migrate", "build_release", "has_administrator", "add_administrator"]
    assert house.there["user"] == "admin"
    assert load_settings(folder / "interop.toml", {}) == settings
    assert (settings.mllp.port, settings.fhir.port, settings.pages.port) == (2575, 8443, 8444)
    assert settings.mllp.tls
    assert settings.fhir.tls
    assert settings.pages.tls
    assert not settings.demo.enabled
    assert settings.site.folder is None


def test_the_client_for_trying_speaks_for_the_sites_hl7_sender(folder: Path):
    settings, _ = made(folder)
    (name,) = settings.mllp.peers
    peer = settings.mllp.peers[name]
    assert (name, peer.sender) == ("DNS:interop-send", "pcd03-demo")
    assert ("EHR1", "DEMO") in {(each.application, each.facility) for each in peer.names}


def test_sec_31_secrets_are_for_their_owner_only(folder: Path):
    made(folder)
    for name in FILES:
        if name.endswith((".key", ".secret")) or name == "interop.toml":
            assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600, name
    for each in (folder, folder / "secrets", folder / "certificates"):
        assert stat.S_IMODE(each.stat().st_mode) == 0o700


def test_sec_31_the_settings_hold_no_secret(folder: Path):
    house = House()
    made(folder, house)
    text = (folder / "interop.toml").read_text(encoding="utf-8")
    assert house.there["password"] not in text
    assert (folder / "secrets/identity.secret").read_text(encoding="utf-8").strip() not in text
    assert "PRIVATE KEY" not in text


def test_sec_08_no_two_folders_share_a_secret_or_a_password(tmp_path: Path):
    one, other = House(), House()
    made(tmp_path / "one", one)
    made(tmp_path / "other", other)
    assert one.there["password"] != other.there["password"]
    ours, theirs = contents(tmp_path / "one"), contents(tmp_path / "other")
    assert [name for name in ours if ours[name] == theirs[name]] == ["interop.toml"]


def test_sec_08_a_password_has_enough_chance_in_it_to_stand_alone():
    passwords = {new_password() for _ in range(200)}
    assert len(passwords) == 200
    for password in passwords:
        assert re.fullmatch(rf"(?:[{PASSWORD_LETTERS}]{{5}}-){{3}}[{PASSWORD_LETTERS}]{{5}}", password)
    assert {letter for password in passwords for letter in password} == {*PASSWORD_LETTERS, "-"}
    assert len(set(PASSWORD_LETTERS)) ** 20 > 2**96


def test_a_second_run_says_what_exists_and_changes_nothing(folder: Path):
    house = House()
    made(folder, house)
    before, password = contents(folder), house.there["password"]
    _, said = made(folder, house, mllp_port=9999, demo=True)
    assert contents(folder) == before
    assert house.there["password"] == password
    assert {line.split()[0] for line in said} == {"exists", "next"}
    assert len(said) == 13
    assert password not in "\n".join(said)


def test_the_password_is_said_once_and_before_it_holds(folder: Path):
    house = House()
    _, said = made(folder, house)
    (line,) = [line for line in said if house.there["password"] in line]
    assert line.startswith(f"password {house.there['password']}  for admin;")
    assert said.index(line) + 1 == said.index("made     administrator admin")


def test_sec_31_the_password_can_come_from_a_file_and_is_then_not_said(folder: Path, tmp_path: Path):
    file = tmp_path / "password"
    file.write_text("correct horse battery staple\n", encoding="utf-8")
    house = House()
    _, said = made(folder, house, password_file=file, administrator="mgarcia")
    assert house.there["password"] == "correct horse battery staple"
    assert house.there["user"] == "mgarcia"
    assert "horse" not in "\n".join(said)


def test_a_password_file_that_is_not_there_is_told_before_anything_is_made(folder: Path, tmp_path: Path):
    with pytest.raises(SecretUnreadable):
        made(folder, password_file=tmp_path / "none")
    assert not folder.exists()


@pytest.mark.parametrize("step", ["migrate", "build_release", "has_administrator", "add_administrator"])
def test_a_run_that_failed_is_completed_by_the_next(folder: Path, step: str):
    house = House(fails_at=step)
    with pytest.raises(ConnectionError):
        made(folder, house)
    before = contents(folder)
    house.fails_at = ""
    made(folder, house)
    assert contents(folder) == before
    assert house.there.keys() == {"store", "release", "user", "password"}


@pytest.mark.parametrize("lost", FILES)
def test_a_file_that_was_lost_is_made_again_or_told(folder: Path, lost: str):
    """Certificates are issued anew while the authority is there; no secret changes behind a server that has used it."""
    made(folder)
    before = contents(folder)
    (folder / lost).unlink()
    if lost in ("certificates/interop-send.key", "certificates/server.key", "secrets/identity.secret", "certificates/ca.pem"):
        if lost == "certificates/ca.pem":  # a new certificate of the same authority
            made(folder)
        else:
            with pytest.raises(SettingsUnsound, match="cannot be found"):
                made(folder)
    elif lost in ("certificates/ca.key", "certificates/pump-ca.key"):  # kept elsewhere: nothing is to be issued
        made(folder)
        assert not (folder / lost).exists()
    else:
        made(folder)
        assert (folder / lost).exists()
    after = contents(folder)
    assert {name: after[name] for name in before if name in after and name != lost} == {
        name: before[name] for name in before if name in after and name != lost
    }


def test_the_settings_that_somebody_wrote_are_kept(folder: Path):
    """A folder with settings and certificates from elsewhere gets neither ours."""
    folder.mkdir()
    text = '[node]\nname = "ward-1"\n[store]\nurl = "sqlite:///x.db"\n[mllp]\nenabled = false\n[fhir]\nenabled = false\n[pages]\nenabled = false\n'
    (folder / "interop.toml").write_text(text, encoding="utf-8")
    settings, said = made(folder)
    assert settings.node.name == "ward-1"
    assert list(contents(folder)) == ["interop.toml"]
    assert said[0] == "exists   interop.toml"


def test_settings_that_somebody_broke_are_told_and_kept(folder: Path):
    made(folder)
    house = House()
    (folder / "interop.toml").write_text("[mllp]\nprt = 1\n", encoding="utf-8")
    with pytest.raises(SettingsUnsound, match="unknown key"):
        made(folder, house)
    assert house.asked == []
    assert (folder / "interop.toml").read_text(encoding="utf-8") == "[mllp]\nprt = 1\n"


def test_the_options_are_in_the_settings(folder: Path, tmp_path: Path):
    from shutil import copytree

    from interop.site.places import demo_site

    site = tmp_path / "our site"
    copytree(demo_site(), site)
    settings, _ = made(
        folder,
        site=site,
        host="0.0.0.0",
        server_names=("interop.example",),
        mllp_port=2600,
        fhir_port=0,
        pages_port=8600,
        pumps_port=8601,
        node="ward-2",
        store_url="postgresql://interop@127.0.0.1/interop",
    )
    assert (settings.mllp.host, settings.mllp.port, settings.fhir.port, settings.pages.port) == ("0.0.0.0", 2600, 0, 8600)
    assert (settings.pumps.host, settings.pumps.port, settings.pumps.tls) == ("0.0.0.0", 8601, True)
    assert settings.site.folder == site
    assert settings.node.name == "ward-2"
    assert settings.store.url == "postgresql://interop@127.0.0.1/interop"


def test_sec_03_a_demonstration_may_speak_clear_text_on_loopback(folder: Path):
    settings, _ = made(folder, demo=True, clear_text=True)
    assert settings.demo.enabled
    assert not settings.mllp.tls
    assert not settings.pumps.tls
    assert settings.fhir.tls
    assert settings.mllp.peers.keys() == {"DNS:interop-send", "demo:loopback"}


@pytest.mark.parametrize(
    ("wishes", "what"),
    [
        ({"clear_text": True}, "clear text"),
        ({"demo": True, "host": "0.0.0.0"}, "open to other machines"),
        ({"mllp_port": 70_000}, "out of its range"),
        ({"fhir_port": 2575}, "same host and port"),
        ({"node": "ward one"}, "is not a name"),
        ({"store_url": "postgresql://interop:secret@127.0.0.1/interop"}, "carries a password"),
    ],
)
def test_sec_03_wishes_that_cannot_be_served_with_write_no_settings(folder: Path, wishes: dict[str, object], what: str):
    house = House()
    with pytest.raises(SettingsUnsound, match=what):
        made(folder, house, **wishes)
    assert not (folder / "interop.toml").exists()
    assert house.asked == []
    made(folder, house)  # and nothing stands in the way of the next run
    assert (folder / "interop.toml").exists()


@pytest.mark.parametrize("wishes", [{"host": "a b"}, {"host": "localhost"}, {"server_names": ("ehr.example", "härtefall.example")}])
def test_a_name_that_no_certificate_can_have_is_told_before_anything_is_made(folder: Path, wishes: dict[str, object]):
    with pytest.raises(SettingsUnsound, match=r"is not an IP address|is neither an IP address nor a host's name"):
        made(folder, **wishes)
    assert not folder.exists()


def test_an_unsound_site_is_told_before_anything_is_made(folder: Path, tmp_path: Path):
    site = tmp_path / "site"
    site.mkdir()
    (site / "site.toml").write_text("[site]\nnam = 1\n", encoding="utf-8")
    with pytest.raises(SiteUnsound) as unsound:
        made(folder, site=site)
    assert any(fault.startswith("site.toml:2:1: unknown key") for fault in unsound.value.faults)
    assert not folder.exists()


def test_the_environment_goes_over_the_file_that_was_made(folder: Path):
    said: list[str] = []
    settings = asyncio.run(init(folder, Wishes(), first_start=House(), say=said.append, now=NOW, environment={"INTEROP_MLLP_PORT": "0"}))
    assert settings.mllp.port == 0
    assert load_settings(folder / "interop.toml", {}).mllp.port == 2575


def test_a_key_that_is_not_declared_cannot_be_written():
    with pytest.raises(KeyError, match=r"mllp\.prt"):
        write_settings({"mllp": {"prt": 1}}, {})
    with pytest.raises(KeyError, match="mlpp"):
        write_settings({"mlpp": {"port": 1}}, {})


def test_texts_survive_the_file(tmp_path: Path):
    strange = 'a "b" \\ é \x7f ¤'
    file = tmp_path / "interop.toml"
    chosen = {name: {"enabled": False} for name in ("mllp", "fhir", "pages")}
    text = write_settings(
        {"node": {"name": "n"}, "store": {"url": "sqlite:///x"}, **chosen}, {"CN:" + "é": ("p", [(strange.replace("\x7f", ""), "*")])}
    )
    file.write_text(text, encoding="utf-8")
    peers = load_settings(file, {}).mllp.peers
    assert peers["CN:é"].names[0].application == strange.replace("\x7f", "")
