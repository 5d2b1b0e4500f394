"""The control of a fleet: the same keys and the same refusals as at the screen, for the one who started it only, and the pump's own log as a witness."""

import json
import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from interop.wire.link import reader
from tests.pump_sim.panel.panel_ward import PanelWard
from tests.pump_sim.ward import NURSE, dopamine_offer, titration_offer

pytest.importorskip("uvicorn")


@pytest.fixture(scope="module")
def ward(tmp_path_factory):
    served = PanelWard(tmp_path_factory.mktemp("control"))
    served.connect()
    yield served
    served.close()


def test_the_pumps_are_listed_with_what_each_channel_does(ward):
    status, said = ward.ask("GET", "/pumps")
    assert status == 200
    assert [(pump["pump_id"], pump["model"]) for pump in said["pumps"]] == [("PUMP-1", "demo-lvp"), ("PUMP-2", "demo-syringe")]
    assert [channel["channel_id"] for channel in said["pumps"][0]["channels"]] == ["A", "B"]
    assert said["pumps"][0]["channels"][1]["state"] == "IDLE"


def test_sr_63_a_program_is_opened_confirmed_and_started_by_keys_and_the_log_tells_every_step(ward):
    ward.hear(dopamine_offer("O-CONTROL"))
    assert ward.key_pressed("start", channel="A", badge=NURSE) == "No program is confirmed"
    assert ward.channel().state == "PENDING_REMOTE"
    for key in ("open_offer", "confirm", "start"):
        assert ward.key_pressed(key, channel="A", badge=NURSE) == ""
    status, pump = ward.ask("GET", "/pumps/PUMP-1")
    channel = pump["channels"][0]
    assert (status, channel["state"], channel["run"]["rate"]) == (200, "INFUSING", "30 mL/h")
    assert channel["exact"]["run"]["dose rate"] == {"value": "10", "unit": "ug/kg/min"}
    assert channel["exact"]["run"]["rate"] == {"value": "30", "unit": "mL/h"}
    ward.wait(60)
    _, pump = ward.ask("GET", "/pumps/PUMP-1")
    assert pump["channels"][0]["exact"]["run"]["delivered"]["value"].startswith("0.5")
    ward.acknowledge(3)  # the pump forgets what the server has
    _, said = ward.ask("GET", "/pumps/PUMP-1/log")
    numbers = [frame["number"] for frame in said["frames"]]
    assert numbers == list(range(1, len(numbers) + 1))
    words = [frame.get("kind", frame["frame"]) for frame in said["frames"]]
    assert words == ["power_on", "offer_shown", "offer_opened", "decision", "started"]
    for frame in said["frames"]:
        reader.read(json.dumps(frame))
    _, later = ward.ask("GET", f"/pumps/PUMP-1/log?after={numbers[-1]}")
    assert later == {"frames": [], "count": len(numbers)}
    assert ward.key_pressed("pause", channel="A", badge=NURSE) == ""
    _, later = ward.ask("GET", f"/pumps/PUMP-1/log?after={numbers[-1]}&wait_s=20")
    assert [frame["kind"] for frame in later["frames"]] == ["paused"]


def test_what_is_no_press_is_told_apart_from_a_press_that_does_nothing(ward):
    for body, words in (
        ({"key": "begin"}, "there is no key 'begin'"),
        ({"key": "start", "values": {"channel": "A"}}, "key start needs 'badge'"),
        ({"key": "start", "values": {"channel": "A", "badge": NURSE, "rate": "5"}}, "key start has no field 'rate'"),
        ({"key": "start", "values": {"channel": 1, "badge": NURSE}}, "key is a name, and values an object of texts"),
        ({"key": "start", "press": "twice"}, "a JSON object of key and values is wanted"),
        (b"[]", "a JSON object of key and values is wanted"),
        (b"{", "this is no JSON"),
    ):
        assert ward.ask("POST", "/pumps/PUMP-1/keys", body) == (400, {"error": words})
    assert ward.key_pressed("start", channel="Z", badge=NURSE) == "This pump has no channel Z"
    assert ward.ask("GET", "/pumps/PUMP-9")[0] == 404
    assert ward.ask("GET", "/pumps/PUMP-1/log?after=-1")[0] == 400
    assert ward.ask("GET", "/pumps/PUMP-1/log?after=nan")[0] == 400


@pytest.mark.requirement("SEC-41", "SR-98")
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"X_Demo_Key": ""}, 403),
        ({"X_Demo_Key": "guessed"}, 403),
        ({"Host": "pump.example"}, 421),
        ({"Host": "pump.example:80"}, 421),
        ({"Origin": "http://pump.example"}, 403),
        ({"Sec_Fetch_Site": "cross-site"}, 403),
    ],
)
def test_nobody_else_presses_a_key(ward, headers, status):
    before = ward.ask("GET", "/pumps/PUMP-2")[1]["channels"][0]["door_open"]
    assert ward.ask("POST", "/pumps/PUMP-2/keys", {"key": "open_door", "values": {"channel": "A"}}, **headers)[0] == status
    assert ward.ask("GET", "/pumps/PUMP-2")[1]["channels"][0]["door_open"] is before is False


def test_the_key_is_its_owners_only(ward):
    assert ward.key_file.stat().st_mode & 0o777 == 0o600
    assert len(ward.key) > 40


def test_a_body_without_a_length_is_not_read(ward):
    host = urlsplit(ward.control)
    with socket.create_connection((host.hostname, host.port), 20) as raw:
        raw.sendall(
            f"POST /pumps/PUMP-1/keys HTTP/1.1\r\nHost: {host.netloc}\r\nX-Demo-Key: {ward.key}\r\n"
            "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n2\r\n{}\r\n0\r\n\r\n".encode()
        )
        assert raw.makefile("rb").readline().startswith(b"HTTP/1.1 413 ")


def test_sr_98_a_fault_by_name_strikes_from_now_on(ward):
    ward.anew()
    assert ward.ask("POST", "/pumps/PUMP-1/faults", {"name": "drop-offer"})[0] == 200
    unit = ward.unit()
    ward.on_loop(lambda: unit._heard(json.dumps(dopamine_offer("O-LOST"))))
    assert ward.channel().state == "IDLE"
    ward.on_loop(lambda: unit._heard(json.dumps(dopamine_offer("O-NEXT"))))
    assert ward.channel().state == "PENDING_REMOTE"
    assert ward.ask("POST", "/pumps/PUMP-1/faults", {"name": "power-loss"})[0] == 200
    assert ward.channel().state == "IDLE"  # an offer that waited is gone with the power
    assert ward.ask("POST", "/pumps/PUMP-1/faults", {"name": "meteorite"})[0] == 400
    assert ward.ask("POST", "/pumps/PUMP-1/faults", {"name": "stale-clock"})[0] == 400
    ward.connect()


def test_sr_98_sec_41_without_injection_there_is_no_fault_at_all(tmp_path: Path):
    ward = PanelWard(tmp_path, injectable=False, history=None)
    try:
        assert ward.ask("POST", "/pumps/PUMP-1/faults", {"name": "drop-offer"})[0] == 403
        assert ward.unit().faults.on == set()
        assert ward.key_pressed("occlude", channel="A") == "Fault injection is off"
        assert ward.ask("GET", "/pumps/PUMP-1")[1]["faults"] == []
        assert ward.ask("GET", "/pumps/PUMP-1/log")[0] == 404
    finally:
        ward.close()


def test_a_titration_by_the_control_is_two_presses(ward):
    ward.anew()
    ward.running(dopamine_offer("O-RUN"))
    run = ward.unit().pump.channels["A"].run
    assert run is not None
    offer = titration_offer_for(ward, "O-MORE")
    ward.hear(offer)
    assert ward.key_pressed("open_offer", channel="A", badge=NURSE) == ""
    assert ward.channel().run.rate == "30 mL/h"
    assert ward.key_pressed("confirm", channel="A", badge=NURSE) == ""
    assert ward.channel().run.rate == "45 mL/h"


def titration_offer_for(ward: PanelWard, offer_id: str) -> dict:
    class Like:
        def channel(self, name):
            return ward.unit().pump.channels[name]

    return titration_offer(Like(), offer_id)
