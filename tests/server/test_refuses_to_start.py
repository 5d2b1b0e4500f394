"""What keeps a server from starting is one sentence that says what to do, with an exit code and without a trace."""

import shutil
import socket
from pathlib import Path

import pytest

from interop.site.places import demo_site
from tests.server.machine import command, interop, serving


def refused(config: Path, code: int) -> str:
    done = interop("serve", "--config", config, check=False)
    said = done.stdout + done.stderr
    assert done.returncode == code, said
    assert "Traceback" not in said
    return done.stderr


def changed(config: Path, old: str, new: str) -> Path:
    text = config.read_text(encoding="utf-8")
    assert old in text
    config.write_text(text.replace(old, new, 1), encoding="utf-8")
    return config


def test_an_unknown_key_is_an_error_with_its_line(config: Path):
    changed(config, "\n[pages]\n", "\n[pages]\ncolour = 1\n")
    line = config.read_text(encoding="utf-8").splitlines().index("colour = 1") + 1
    assert f"{config}:{line}:1: " in refused(config, 2)


def test_a_port_that_is_taken_is_named(config: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        changed(config, "\n[fhir]\n", "\n[fhir]\n").write_text(
            config.read_text(encoding="utf-8").replace("port = 0", f"port = {port}", 1), encoding="utf-8"
        )
        assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in refused(config, 1)


def test_a_store_without_a_schema_says_how_to_migrate_and_one_without_a_release_how_to_build(config: Path):
    for file in config.parent.glob("interop.db*"):
        file.unlink()
    assert f"interop store migrate --config {config}" in refused(config, 2)
    assert "migrated" in command("store", "migrate", "--config", config).stdout
    assert "up to date" in command("store", "migrate", "--config", config).stdout
    assert "interop release build" in refused(config, 2)
    assert "made active" in command("release", "build", "--config", config).stdout
    with serving(config) as server:
        assert len(server.said) == 4


def test_an_unsound_site_makes_no_release_and_says_every_fault(config: Path, tmp_path: Path):
    site = tmp_path / "site"
    shutil.copytree(demo_site(), site)
    units = site / "units.csv"
    units.write_text(units.read_text(encoding="utf-8") + "nonsense,not-a-unit,\nfurther,neither,\n", encoding="utf-8")
    done = command("release", "build", site, "--config", config, check=False)
    assert done.returncode == 3
    assert done.stderr.count("units.csv:") >= 2
    assert "in force already" in command("release", "build", "--config", config).stdout


@pytest.mark.requirement("SEC-03")
def test_sec_03_no_listener_speaks_in_clear_text_outside_of_a_demonstration(config: Path):
    assert "(SEC-03)" in refused(changed(config, "\n[mllp]\n", "\n[mllp]\ntls = false\n"), 2)


def test_a_second_init_changes_nothing_and_people_are_managed_from_the_console(config: Path):
    before = {path: path.read_bytes() for path in config.parent.rglob("*") if path.is_file() and not path.name.startswith("interop.db")}
    again = command("init", config.parent).stdout
    assert "made" not in again
    assert before == {path: path.read_bytes() for path in before}
    password = config.parent / "password"
    password.write_text("correct-horse-battery-staple\n", encoding="ascii")
    password.chmod(0o600)
    options = ("--name", "Anna Nurse", "--role", "nurse", "--password-file", password, "--config", config)
    assert command("users", "add", "anna", *options).returncode == 0
    assert command("users", "add", "anna", *options, check=False).returncode == 3
    assert command("users", "disable", "anna", "--config", config).returncode == 0
    assert "anna  disabled" in command("users", "list", "--config", config).stdout
    assert command("clients", "add", "lab", "--sender", "pcd03-demo", "--config", config, check=False).returncode == 2
    assert "no clients" in command("clients", "list", "--config", config).stdout
    assert "rebuilt newest-event@1 from" in command("rebuild", "--config", config).stdout
