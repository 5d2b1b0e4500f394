"""What the stand-in EHR orders is what interop would offer: read by interop's own `explain`, which the EHR knows nothing of."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from interop.cli import main
from interop.demo.ehr.orders import Words, medication_request, pcd_03

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


def explained(order: bytes, file: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    file.write_bytes(order)
    code = main(["explain", str(file), "--at", NOW.isoformat()])
    return code, capsys.readouterr().out


@pytest.mark.parametrize("how", ["pcd03", "fhir"])
def test_the_dopamine_order_would_be_offered_with_its_rate(how: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    words = Words(order="ORD-1")
    order = pcd_03(words, "M1", NOW) if how == "pcd03" else medication_request(words, NOW)
    code, told = explained(order, tmp_path / f"order.{how}", capsys)
    assert code == 0, told
    assert "48,000 ug/h ÷ 1.6 mg/mL = 30 mL/h" in told


@pytest.mark.parametrize("how", ["pcd03", "fhir"])
def test_sr_23_the_same_order_with_a_slipped_decimal_point_is_refused_beyond_its_hard_limit(
    how: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    words = Words(order="ORD-1", dose_rate="100")
    order = pcd_03(words, "M1", NOW) if how == "pcd03" else medication_request(words, NOW)
    code, told = explained(order, tmp_path / f"order.{how}", capsys)
    assert code == 3, told
    assert "9024" in told


def test_a_resource_keeps_the_digits_that_were_said():
    body = medication_request(Words(order="ORD-1", dose_rate="10.50"), NOW)
    assert b'"value": 10.50,' in body
    assert b"#" not in body.replace(b'"#bag"', b"").replace(b'"#weight"', b"").replace(b'"#patient"', b"")
    assert json.loads(body)["dosageInstruction"][0]["doseAndRate"][0]["rateQuantity"]["value"] == 10.5
