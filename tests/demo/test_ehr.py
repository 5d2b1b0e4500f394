"""The stand-in EHR as a process: what it takes, how it answers, what it can suffer from, and who may move it."""

import json
import os
import socket
import ssl
from datetime import UTC, datetime
from pathlib import Path

import hl7
import pytest

from interop.demo.ehr.hl7 import frame
from interop.demo.ehr.journal import ACKNOWLEDGED, ANSWERED, RECEIVED, SENT, STRAY, Journal
from interop.demo.ehr.listening import Listener, context_of
from interop.demo.processes import Missing
from tests.demo.stand_in import Interop, StandIn, client_of, heard

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


def a_message(kind: str = "RRG^O16^RRG_O16", control_id: str = "N1", more: str = "MSA|AA|M-1\r") -> bytes:
    return f"MSH|^~\\&|INTEROP|DEMO|EHR1|DEMO|20260302080000+0000||{kind}|{control_id}|P|2.6|||AL|NE||ASCII\r{more}".encode()


def verdict(answer: bytes) -> tuple[str, str, str]:
    message = hl7.parse(answer.decode("ascii"))
    msa = message.segment("MSA")
    return str(message.segment("MSH")[9]), str(msa[1]), str(msa[2]) if len(msa) > 2 else ""


def test_what_comes_back_is_written_down_byte_for_byte_and_acknowledged(stand_in: StandIn):
    kinds = ["RRG^O16^RRG_O16", "ORU^R42^ORU_R01", "ORU^R01^ORU_R01", "ORU^R40^ORU_R40"]
    bodies = [a_message(kind, f"N{number}") for number, kind in enumerate(kinds)]
    assert [verdict(stand_in.ask(body)) for body in bodies] == [
        ("ACK^O16^ACK", "CA", "N0"),
        ("ACK^R42^ACK", "CA", "N1"),
        ("ACK^R01^ACK", "CA", "N2"),
        ("ACK^R40^ACK", "CA", "N3"),
    ]
    received = stand_in.written(RECEIVED)
    assert [entry.content for entry in received] == bodies
    assert [each.about["of"] for each in stand_in.written(ACKNOWLEDGED)] == [str(entry.number) for entry in received]


def test_what_it_cannot_take_is_rejected_and_written_down_all_the_same(stand_in: StandIn):
    other, none, empty = a_message("ADT^A01^ADT_A01", "N2"), b"hello", a_message(control_id="")
    assert verdict(stand_in.ask(other)) == ("ACK^A01^ACK", "CR", "N2")
    assert verdict(stand_in.ask(none)) == ("ACK", "CR", "")
    assert verdict(stand_in.ask(empty)) == ("ACK^O16^ACK", "CR", "")
    assert [entry.content for entry in stand_in.written(RECEIVED)] == [other, none, empty]


def test_bytes_outside_every_frame_are_written_down_too(stand_in: StandIn):
    with stand_in.connect() as line:
        line.sendall(b"noise" + frame(a_message()) + b"\x0bMSH|cut sho")
        assert verdict(heard(line))[1] == "CA"
    for _ in range(100):
        if len(stand_in.written(STRAY)) == 2:
            break
        stand_in.desk.journal()
    assert [entry.content for entry in stand_in.written(STRAY)] == [b"noise", b"\x0bMSH|cut sho"]


def test_nothing_is_acknowledged_that_is_not_on_the_disk(certificates: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def fails(file: int) -> None:
        raise OSError(28, "No space left on device")

    journal = Journal(tmp_path / "journal.jsonl")
    pair = str(certificates / "server.pem"), str(certificates / "server.key"), str(certificates / "ca.pem")
    listener = Listener(journal, lambda: NOW, context_of(*pair))

    def asked() -> bytes:
        with (
            socket.create_connection(("127.0.0.1", listener.port), 10) as plain,
            client_of(certificates).wrap_socket(plain, server_hostname="127.0.0.1") as line,
        ):
            line.sendall(frame(a_message()))
            return heard(line)

    try:
        with monkeypatch.context() as broken:
            broken.setattr(os, "fsync", fails)
            assert asked() == b""
        assert verdict(asked())[1] == "CA"
    finally:
        listener.close()
        journal.close()
    again = Journal(tmp_path / "journal.jsonl")
    assert [(entry.number, entry.what) for entry in again.entries()] == [(1, RECEIVED), (2, RECEIVED), (3, ACKNOWLEDGED)]
    again.close()


def test_a_line_that_a_crash_cut_short_counts_for_nothing_and_those_after_it_do(tmp_path: Path):
    journal = Journal(tmp_path / "journal.jsonl")
    journal.add(SENT, b"one")
    journal.close()
    with (tmp_path / "journal.jsonl").open("ab") as file:
        file.write(b'{"number": 2, "at": "20')
    journal = Journal(tmp_path / "journal.jsonl")
    journal.add(SENT, bytes(range(256)))
    journal.close()
    journal = Journal(tmp_path / "journal.jsonl")
    assert [(entry.number, entry.content) for entry in journal.entries()] == [(1, b"one"), (2, bytes(range(256)))]
    assert journal.entries(after=1) == journal.entries()[1:]
    journal.close()


def test_who_shows_no_certificate_is_not_heard(stand_in: StandIn):
    stranger = ssl.create_default_context(cafile=str(stand_in.certificates / "ca.pem"))
    with pytest.raises(OSError), stand_in.connect(stranger) as line:  # noqa: PT012
        line.sendall(frame(a_message()))
        assert line.recv(1) == b"?"
    assert stand_in.written(RECEIVED) == []


def test_it_can_be_wrong_silent_full_or_gone_and_well_again(stand_in: StandIn):
    stand_in.desk.fault("other")
    assert verdict(stand_in.ask(a_message(control_id="N1"))) == ("ACK^O16^ACK", "CA", "ANOTHER")
    stand_in.desk.fault("error")
    assert verdict(stand_in.ask(a_message(control_id="N2"))) == ("ACK^O16^ACK", "CE", "N2")
    stand_in.desk.fault("closes")
    assert stand_in.ask(a_message(control_id="N3")) == b""
    stand_in.desk.fault("silent")
    with stand_in.connect() as line:
        line.sendall(frame(a_message(control_id="N4")))
        line.settimeout(0.3)
        with pytest.raises(TimeoutError):
            line.recv(1)
    stand_in.desk.fault("slow", 0.2)
    assert verdict(stand_in.ask(a_message(control_id="N5")))[1] == "CA"
    stand_in.desk.fault("down")
    with pytest.raises(OSError):
        stand_in.ask(a_message(control_id="N6"))
    stand_in.desk.fault("none")
    assert verdict(stand_in.ask(a_message(control_id="N7")))[1] == "CA"
    assert [entry.about["control_id"] for entry in stand_in.written(RECEIVED)] == ["N1", "N2", "N3", "N4", "N5", "N7"]


def accepts(body: bytes) -> bytes:
    message = hl7.parse(body.decode("ascii"))
    return frame(f"MSH|^~\\&|INTEROP|DEMO|EHR1|DEMO|20260302||ACK^O15^ACK|A1|P|2.6\rMSA|CA|{message.segment('MSH')[10]}\r".encode())


def test_an_order_leaves_and_its_acknowledgement_is_kept_and_the_same_bytes_leave_again(stand_in: StandIn):
    with Interop(stand_in.mllp, stand_in.certificates, accepts) as interop:
        order = stand_in.desk.order("pcd03", order="ORD-1", dose_rate="12.50", pump="LVP-0002/B")
        again = stand_in.desk.again(order)
        other = stand_in.desk.order("pcd03", order="ORD-1", control="XO")
    assert (order.verdict, again.verdict) == ("CA", "CA")
    assert interop.received[0] == interop.received[1] == order.sent.content == again.sent.content
    assert other.control_id != order.control_id == again.control_id
    message = hl7.parse(order.sent.content.decode("ascii"))
    assert (str(message.segment("RXG")[15]), str(message.segment("ORC")[1]), str(message.segment("OBX")[18])[:10]) == (
        "12.50",
        "RE",
        "LVP-0002/B",
    )
    change = hl7.parse(other.sent.content.decode("ascii"))
    assert (str(change.segment("ORC")[1]), str(change.segment("RXG")[5])) == ("XO", ""), "a rate change has no VTBI"
    assert [entry.what for entry in stand_in.desk.journal()] == [SENT, ANSWERED] * 3


def test_an_order_without_an_acknowledgement_of_its_own_is_told_as_such(stand_in: StandIn):
    anothers = frame(b"MSH|^~\\&|INTEROP|DEMO|EHR1|DEMO|20260302||ACK^O15^ACK|A1|P|2.6\rMSA|CA|SOMEBODY-ELSE\r")
    answers = iter([b"", frame(b"hello"), anothers])
    with Interop(stand_in.mllp, stand_in.certificates, lambda body: next(answers)):
        for says in (
            "closed without an acknowledgement",
            "the acknowledgement cannot be read",
            "the acknowledgement names another message",
        ):
            with pytest.raises(Missing, match=says):
                stand_in.desk.order("pcd03", order="ORD-1")


def test_without_a_listener_the_order_is_written_down_and_told_as_not_acknowledged(stand_in: StandIn):
    with pytest.raises(Missing, match="ORD-1: no acknowledgement"):
        stand_in.desk.order("pcd03", order="ORD-1")
    assert [entry.what for entry in stand_in.written(SENT)] == [SENT]


def test_only_the_one_who_started_it_moves_it_and_only_under_its_own_name(stand_in: StandIn):
    key = (stand_in.folder / "ehr" / "key").read_text(encoding="ascii").strip()
    assert stand_in.folder.joinpath("ehr", "key").stat().st_mode & 0o077 == 0
    order = json.dumps({"order": "ORD-1"})
    assert stand_in.request("POST", "/pcd03", order)[0] == 403
    assert stand_in.request("POST", "/pcd03", order, X_Demo_Key="guess")[0] == 403
    assert stand_in.request("GET", "/", Host="evil.example:80")[0] == 421
    for path, body, says in (
        ("/pcd03", '{"order": "ORD-1", "dose": "9"}', "an order has no dose"),
        ("/pcd03", '{"order": "ORD-1", "dose_rate": 9.5}', "every word of an order is text"),
        ("/pcd03", '{"order": "ORD|1"}', "letters, digits"),
        ("/pcd03", '{"order": "ORD-1", "dose_rate": "1e3"}', "plain decimals"),
        ("/pcd03", '{"order": "ORD-1", "control": "NW"}', "RE or XO"),
        ("/pcd03", '{"order": "ORD-1", "drug": "tea"}', "drugs here: dopamine"),
        ("/again", '{"number": 1}', "names no PCD-03 order"),
        ("/fault", '{"fault": "tired"}', "fault is one of"),
        ("/start", "{}", "no such thing"),
        ("/pcd03", "[]", "JSON object"),
    ):
        status, said = stand_in.request("POST", path, body, X_Demo_Key=key)
        assert (status, says in said["error"]) == (400, True), said
    assert stand_in.written(SENT) == [], "nothing of it was sent"


def test_its_page_shows_orders_and_what_came_back_and_that_nothing_is_real(stand_in: StandIn):
    with Interop(stand_in.mllp, stand_in.certificates, accepts):
        order = stand_in.desk.order("pcd03", order="ORD-77")
    rrg = f"MSA|AR|{order.control_id}\rERR|||207^x^HL70357|E|9024^Hard limit||<b>too high</b>\rORC|RE|ORD-77\r"
    stand_in.ask(a_message(more=rrg))
    stand_in.ask(
        a_message(
            "ORU^R42^ORU_R01", "N2", "OBR|1|ORD-77\rOBX|1|CWE|68487^MDC_ATTR_EVT_COND^MDC|1.0.0.1|197288^MDC_EVT_PUMP_DELIV_START^MDC\r"
        )
    )
    status, page = stand_in.request("GET", "/")
    assert status == 200
    for words in (
        "Simulated: no patient, no drug and no pump here is real.",
        "ORD-77",
        "<td>CA</td>",
        "9024 Hard limit",
        "delivery starts",
    ):
        assert words in page
    assert "<b>" not in page, "what a partner sent is text"
