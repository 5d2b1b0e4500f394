"""``interop explain`` as an analyst uses it: what it says, in words and as JSON, and how it ends (D-29)."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from interop.cli import main
from interop.wire.fhir.json import write
from tests.wards.messages import a_dopamine_rgv, a_titration_rgv
from tests.wards.resources import a_dopamine_request

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "golden" / "rgv" / "lvp-dose-rate.hl7"


@pytest.fixture
def explained(tmp_path, capsys):
    """Explains bytes as a file would hold them: exit code, output, errors."""

    def run(data: bytes, *options: str) -> tuple[int, str, str]:
        path = tmp_path / "order"
        path.write_bytes(data)
        code = main(["explain", str(path), *options])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def test_an_order_is_told_stage_by_stage_and_offered(explained):
    code, out, _ = explained(a_dopamine_rgv())
    assert code == 0
    for heading in ("Supposed", "1 Read and understood", "2 Drug library", "3 Arithmetic", "4 Checks", "5 Offer"):
        assert f"\n{heading}\n" in out
    for said in ("RXG-15", "✓ DL-010", "– DL-011", "400 mg / 250 mL = 1.6 mg/mL", "÷ 1.6 mg/mL", "OFFERED on LVP-0001"):
        assert said in out


def test_json_says_the_same_and_no_number_is_a_float(explained):
    code, out, _ = explained(a_dopamine_rgv(), "--json")
    told = json.loads(out, parse_float=lambda text: pytest.fail(f"a float: {text}"))
    assert code == 0
    assert told["outcome"] == "offered"
    program = told["offer"]["program"]
    assert (program["entry"], program["rate"]["set"]["unit"]) == ("DL-010", "mL/h")
    assert told["arithmetic"]
    assert {candidate["entry"]: candidate["stayed"] for candidate in told["candidates"]}["DL-011"] is False
    assert told["supposed"]


def test_a_refusal_says_code_sentence_action_and_owner_and_ends_with_three(explained):
    code, out, _ = explained(a_dopamine_rgv(fields={"RXG-15": "100"}))
    assert code == 3
    assert "✗ 9024 DL-010 hard high: dose rate 100 ug/kg/min is above the hard limit 30 ug/kg/min" in out
    assert "prescriber: Check the order" in out
    assert "NOT OFFERED: 1 reason\n" in out


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "neither an HL7 v2 message"),
        (b"\x00\x01\x02", "neither an HL7 v2 message"),
        (b"MSH|", "cannot be read"),
        (b"{", "cannot be read"),
        (b"[1, 2", "cannot be read"),
        (b'{"resourceType": "MedicationRequest", "a": NaN}', "cannot be read"),
        (b"<MedicationRequest/>", "neither an HL7 v2 message"),
    ],
)
def test_what_cannot_be_read_ends_with_one_and_says_where(explained, data, says):
    code, out, err = explained(data)
    assert code == 1
    assert out == ""
    assert says in err


@pytest.mark.parametrize(
    ("data", "what", "code_said"),
    [
        (b"MSH|^~\\&|A|B|C|D|20260302080000+0000||ADT^A01|1|P|2.6\rPID|1\r", "a message about a patient's stay", "9016.not-an-order"),
        (b"MSH|^~\\&|A|B|C|D|20260302080000+0000||RDE^O11|1|P|2.6\r", "a pharmacy order", "9016.kind-not-planned"),
        (b'{"resourceType": "Patient"}', "a person, not an order", "9016.not-an-order"),
        (b'{"resourceType": "Bundle", "type": "batch"}', "a bundle", "9016.not-an-order"),
    ],
)
def test_a_readable_message_that_is_no_order_is_named_as_such_and_ends_with_three(explained, data, what, code_said):
    code, out, _ = explained(data)
    assert (code, what in out, code_said in out) == (3, True, True)
    code, out, _ = explained(data, "--json")
    assert (code, json.loads(out)["findings"][0]["code"]) == (3, code_said)


def test_a_kind_that_is_not_planned_yet_is_named(explained):
    code, out, _ = explained(a_titration_rgv())
    assert code == 3
    assert "this is titration: it is not programmed automatically here yet" in out


def test_a_framed_message_and_one_without_its_last_return_are_the_same_order(explained):
    message = a_dopamine_rgv()
    for data in (b"\x0b" + message + b"\x1c\r", message.rstrip(b"\r"), message.replace(b"\r", b"\r\n"), message.replace(b"\r", b"\n")):
        assert explained(data)[0] == 0


def test_a_fhir_order_is_scanned_now_or_at_the_time_given(explained):
    order = write(a_dopamine_request())
    code, out, _ = explained(order, "--at", "2026-03-02T08:00:00+00:00")
    assert code == 0
    assert "scanned at the bedside 10 s before" in out
    assert "it is now" in explained(order)[1]


def test_d_29_each_option_is_taken_and_what_is_supposed_is_said(explained):
    order = a_dopamine_rgv()
    assert "9010.no-entry" in explained(order, "--care-area", "ED")[1]
    assert "9016.library-version" in explained(order, "--library", "0.9")[1]
    assert "9022" in explained(order, "--at", "2026-03-02T09:00:00-06:00")[1]
    assert "9011" in explained(order, "--pump-weight", "60 kg")[1]
    assert "9018.route" in explained(order, "--pump-model", "demo-syringe")[1]
    assert "the pump is set to ICU" in explained(order)[1]


@pytest.mark.parametrize(
    "options",
    [
        ("--at", "yesterday"),
        ("--at", "2026-03-02T08:00:00"),
        ("--pump-weight", "80"),
        ("--pump-weight", "80 lb"),
        ("--pump-weight", "80 mL"),
        ("--care-area", "MARS"),
        ("--pump-model", "toaster"),
        ("--sender", "nobody"),
        ("--site", "no/such/folder"),
    ],
)
def test_wrong_use_ends_with_two_and_says_what_is_wanted(explained, options):
    code, out, err = explained(a_dopamine_rgv(), *options)
    assert (code, out) == (2, "")
    assert err.strip()


def test_a_sender_that_the_site_does_not_know_is_refused_and_still_explained(explained):
    code, out, _ = explained(a_dopamine_rgv(fields={"MSH-3": "STRANGER", "MSH-4": "ELSEWHERE"}))
    assert code == 3
    assert "9016.unknown-sender" in out
    assert "✓ DL-010" in out


def test_a_file_that_is_not_there_or_is_a_folder_cannot_be_read(tmp_path, capsys):
    assert main(["explain", str(tmp_path / "none.hl7")]) == 1
    assert main(["explain", str(tmp_path)]) == 1
    assert "none.hl7" in capsys.readouterr().err


def test_the_command_reads_standard_input_and_help_imports_nothing_heavy():
    command = [sys.executable, "-m", "interop"]
    run = subprocess.run([*command, "explain", "-"], input=GOLDEN.read_bytes(), capture_output=True, cwd=ROOT, timeout=60)
    assert run.returncode == 0, run.stderr
    seen = "import sys; from interop.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass\nprint(sorted(m for m in sys.modules if m.startswith('fhir')))"
    run = subprocess.run([sys.executable, "-c", seen], capture_output=True, cwd=ROOT, timeout=60, text=True)
    assert run.stdout.strip().endswith("[]")


def test_mappings_check_ends_with_zero_for_the_demo_site_and_three_for_a_broken_one(tmp_path, capsys):
    import shutil

    from interop.site.places import demo_site

    assert main(["mappings", "check"]) == 0
    assert "120 of 120 order sentences as written" in capsys.readouterr().out
    broken = tmp_path / "site"
    shutil.copytree(demo_site(), broken)
    table = broken / "drug_library" / "icu.csv"
    table.write_text(table.read_text(encoding="utf-8").replace("ug/kg/min", "mcg/kg/min", 1), encoding="utf-8")
    assert main(["mappings", "check", str(broken)]) == 3
    said = capsys.readouterr().out
    assert "drug_library/icu.csv:2:" in said
    assert "— do:" in said
    assert main(["mappings", "check", str(broken), "--json"]) == 3
    assert json.loads(capsys.readouterr().out)["sound"] is False
    assert main(["mappings", "check", str(tmp_path / "none")]) == 2


def test_an_order_sentence_that_comes_out_differently_makes_a_site_unsound(tmp_path, capsys):
    import shutil

    from interop.site.places import demo_site

    changed = tmp_path / "site"
    shutil.copytree(demo_site(), changed)
    table = changed / "drug_library" / "icu.csv"
    lines = table.read_text(encoding="utf-8").splitlines(keepends=True)
    dopamine = next(index for index, line in enumerate(lines) if line.startswith("DL-010,"))
    lines[dopamine] = lines[dopamine].replace("400,mg,250", "500,mg,250", 1)
    table.write_text("".join(lines), encoding="utf-8")
    assert main(["mappings", "check", str(changed)]) == 3
    assert "order sentence" in capsys.readouterr().out
