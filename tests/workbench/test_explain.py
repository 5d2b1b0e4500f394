"""``interop explain`` as an analyst uses it: what it says, in words and as JSON, and how it ends (D-29)."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from interop.cli import main
from interop.domain.finding import Finding, Owner
from interop.domain.release import Release
from interop.site.load import load_site
from interop.site.places import demo_site
from interop.wire.fhir.json import write
from interop.workbench.explain import finding_as_json, finding_lines
from interop.workbench.reading import ReadOrder, read_order
from interop.workbench.supposed import Wishes, suppose
from tests.wards.messages import a_dopamine_rgv, a_piggyback_rgv, a_syringe_rgv, a_titration_rgv
from tests.wards.resources import a_dopamine_request

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "golden" / "rgv" / "lvp-dose-rate.hl7"


@pytest.fixture(scope="module")
def demo() -> Release:
    release = load_site(demo_site()).release
    assert release is not None
    return release


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
        (b"", "the file is empty"),
        (b" \r\n", "the file is empty"),
        (b"FHS|^~\\&|A\rBHS|^~\\&|A\rMSH|^~\\&|A\r", "a file of batches of HL7 v2 messages (FHS)"),
        (b"BHS|^~\\&|A\rMSH|^~\\&|A\r", "a batch of HL7 v2 messages (BHS)"),
        ("MSH|^~\\&|A".encode("utf-16"), "UTF-16"),
        ("{}".encode("utf-16-le"), "UTF-16"),
        ('<?xml version="1.0"?>'.encode("utf-16-be"), "UTF-16"),
        (b"MSH|^~\\&|A|B|||||RGV^O15|1|P|2.6\rMSH|^~\\&|A|B|||||RGV^O15|2|P|2.6\r", "two messages in one file; explain one at a time"),
        (b"\x00\x01\x02", "neither an HL7 v2 message"),
        (b"MSH|", "cannot be read"),
        (b"{", "cannot be read"),
        (b"[1, 2", "cannot be read"),
        (b'{"resourceType": "MedicationRequest", "a": NaN}', "cannot be read"),
        (b"<MedicationRequest/>", "XML"),
        (b'\xef\xbb\xbf<?xml version="1.0"?><a/>', "XML"),
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


def header_of(message_type: str) -> bytes:
    return f"MSH|^~\\&|A|B|C|D|20260302080000+0000||{message_type}|1|P|2.6\rPID|1\r".encode("ascii")


@pytest.mark.parametrize(
    ("message_type", "sentence"),
    [
        ("ADT^A01", "ADT^A01 is a message about a patient's stay, not an infusion order"),
        ("SIU^S12", "SIU^S12 is not an infusion order, which is RGV^O15"),
        ("", "the message does not say its type (MSH-9); an infusion order is RGV^O15"),
        ("Rivera^Ana", "the message's type cannot be read (MSH-9); an infusion order is RGV^O15"),
    ],
)
def test_what_is_no_order_is_named_in_one_sentence(explained, message_type, sentence):
    code, out, _ = explained(header_of(message_type))
    assert code == 3
    assert out.splitlines()[0] == f"  ✗ 9016.not-an-order MSH-9: {sentence}"
    assert "interface analyst: " in out
    assert "Rivera" not in out


@pytest.mark.parametrize("message_type", ["RDE^O11^RDE_O11", "OMP^O09", "ORM^O01"])
def test_a_pharmacy_order_is_the_analyst_s_and_says_how_the_bedside_request_must_come(explained, message_type):
    code, out, _ = explained(header_of(message_type), "--json")
    (finding,) = json.loads(out)["findings"]
    assert (code, finding["code"], finding["owner"]) == (3, "9016.kind-not-planned", "interface analyst")
    assert "not planned yet" in finding["action"]
    assert "PCD-03" in finding["action"]
    assert "scan" in finding["action"]


def test_a_kind_that_is_not_planned_yet_is_named(explained):
    code, out, _ = explained(a_piggyback_rgv())
    assert code == 3
    assert "this is piggyback: it is not programmed automatically here yet" in out


def test_a_framed_message_and_one_without_its_last_return_are_the_same_order(explained):
    message = a_dopamine_rgv()
    for data in (b"\x0b" + message + b"\x1c\r", message.rstrip(b"\r"), message.replace(b"\r", b"\r\n"), message.replace(b"\r", b"\n")):
        assert explained(data)[0] == 0


@pytest.mark.parametrize(
    ("after", "says"),
    [
        (b"\x1c\r\x0b{message}\x1c\r", "two messages in one file; explain one at a time"),
        (b"\x1c\r\r\n\x0b{message}\x1c\r", "two messages in one file; explain one at a time"),
        (b"\x1c\r{message}", "two messages in one file; explain one at a time"),
        (b"\x1c\rRXG|9\r", "5 bytes stand after the end of the message's frame"),
        (b"\x1c", ""),
        (b"\x1c\r\n", ""),
        (b"", "the message's frame has no end: the file may be cut off"),
        (b"\x0b{message}\x1c\r", "two messages in one file; explain one at a time"),
    ],
)
def test_a_file_of_two_framed_messages_is_not_half_explained(explained, after, says):
    message = a_dopamine_rgv()
    code, out, err = explained(b"\x0b" + message + after.replace(b"{message}", message))
    assert (code, out == "", says in err) == ((1, True, True) if says else (0, False, True))


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
    assert "9010.no-entry" in explained(order, "--pump-model", "demo-syringe")[1]
    assert "the pump is set to ICU" in explained(order)[1]


CHANGE = GOLDEN.parent / "rate-change.hl7"
FLUID_CHANGE = GOLDEN.parent / "rate-change-fluid.hl7"


def test_d_29_sr_37_a_change_of_rate_is_explained_on_a_channel_that_is_said_to_run_it(explained):
    code, out, _ = explained(CHANGE.read_bytes(), "--running", "10 ug/kg/min")
    assert code == 0
    assert "it infuses this order: dopamine at 10 ug/kg/min, 30 mL/h, dosed by 80 kg" in out
    assert "  dose rate: 10 ug/kg/min now → 12.5 ug/kg/min, 25 % more\n  rate: 30 mL/h now → 37.5 mL/h, 25 % more\n" in out
    assert "to be confirmed there; until then the infusion goes on as it is" in out
    assert "    dose rate             10 ug/kg/min now → 12.5 ug/kg/min\n" in out
    assert "    volume to be infused  stays as it is\n" in out


def test_d_29_what_a_change_changes_is_supposed_aloud_where_nobody_says_it(explained):
    for data in (CHANGE.read_bytes(), FLUID_CHANGE.read_bytes(), a_titration_rgv()):
        code, out, _ = explained(data)
        assert code == 0
        assert "half of the new rate, as the message does not say the old one (--running gives another)" in out
    _, out, _ = explained(FLUID_CHANGE.read_bytes())
    assert "rate: 40 mL/h now → 80 mL/h, 100 % more" in out


def test_d_17_d_29_the_weight_of_the_pump_is_the_one_that_the_running_infusion_is_dosed_by(explained):
    code, out, _ = explained(CHANGE.read_bytes(), "--running", "10 ug/kg/min", "--pump-weight", "82 kg")
    assert code == 0
    assert "dosed by 82 kg" in out
    assert "9011" in explained(CHANGE.read_bytes(), "--running", "10 ug/kg/min", "--pump-weight", "90 kg")[1]
    code, out, _ = explained(a_titration_rgv(weight=""))
    assert code == 3
    assert "--pump-weight gives one" in out
    assert explained(a_titration_rgv(weight=""), "--pump-weight", "80 kg")[0] == 0


def test_d_18_a_slip_of_a_change_is_explained(explained):
    assert "possible decimal slip" in explained(CHANGE.read_bytes(), "--running", "1.25 ug/kg/min")[1]
    assert "9016.unchanged" in explained(CHANGE.read_bytes(), "--running", "12.5 ug/kg/min")[1]
    assert "9040" not in explained(CHANGE.read_bytes(), "--running", "30 mL/h")[1]


def test_a_start_on_a_channel_that_is_said_to_run_it_is_refused_and_a_fhir_order_there_is_a_change(explained):
    assert "9002" in explained(a_dopamine_rgv(), "--running", "5 ug/kg/min")[1]
    order = json.dumps(json.loads(write(a_dopamine_request(dose_rate="12.5")))).encode()
    code, out, _ = explained(order, "--running", "10 ug/kg/min")
    assert (code, "kind of order: titration" in out) == (0, True)
    assert "kind of order: continuous, by dose rate" in explained(order)[1]


def test_sr_37_the_old_values_are_told_to_programs_too(explained):
    _, out, _ = explained(CHANGE.read_bytes(), "--running", "10 ug/kg/min", "--json")
    program = json.loads(out)["offer"]["program"]
    assert program["changes"]["rate"] == {"text": "30 mL/h", "value": "30", "unit": "mL/h"}
    assert program["changes"]["dose_rate"]["value"] == "10"
    assert json.loads(explained(a_dopamine_rgv(), "--json")[1])["offer"]["program"]["changes"] is None


WRONG_USE = [
    (("--running", "10"), "--running"),
    (("--running", "0 mL/h"), "--running"),
    (("--running", "10 mg"), "--running"),
    (("--running", "ten ug/kg/min"), "--running"),
    (("--at", "yesterday"), "--at"),
    (("--at", "2026-03-02T08:00:00"), "offset"),
    (("--pump-weight", "80"), "--pump-weight"),
    (("--pump-weight", "eighty kg"), "--pump-weight"),
    (("--pump-weight", "0 kg"), "--pump-weight"),
    (("--pump-weight", "-80 kg"), "--pump-weight"),
    (("--pump-weight", "80 lb"), "kg or g"),
    (("--pump-weight", "80 mL"), "kg or g"),
    (("--care-area", "MARS"), "MARS"),
    (("--pump-model", "toaster"), "toaster"),
    (("--sender", "nobody"), "nobody"),
    (("--site", "no/such/folder"), "site"),
]


@pytest.mark.parametrize(("options", "says"), WRONG_USE)
def test_wrong_use_ends_with_two_and_says_what_is_wanted(explained, options, says):
    code, out, err = explained(a_dopamine_rgv(), *options)
    assert (code, out) == (2, "")
    assert says in err
    assert "--at" not in err or "--pump-weight" not in err


@pytest.mark.parametrize(("options", "says"), WRONG_USE)
def test_wrong_use_is_told_to_programs_too(explained, options, says):
    code, out, _ = explained(a_dopamine_rgv(), "--json", *options)
    told = json.loads(out)
    assert (code, told["outcome"]) == (2, "wrong use")
    assert says in told["error"]


def test_what_cannot_be_read_is_told_to_programs_too(explained, tmp_path, capsys):
    code, out, _ = explained(b"MSH|", "--json")
    assert (code, json.loads(out)["outcome"]) == (1, "unreadable")
    assert main(["explain", str(tmp_path / "none.hl7"), "--json"]) == 1
    assert "none.hl7" in json.loads(capsys.readouterr().out)["error"]
    assert main(["mappings", "check", str(tmp_path / "none"), "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["outcome"] == "wrong use"


def test_a_caution_says_what_to_do_and_whose_move_it_is_even_where_nobody_wrote_it_down():
    for must_confirm, action in ((True, "Answer it at the pump."), (False, "Look at it before confirming.")):
        finding = Finding.caution("weight", "the weight is old", must_confirm=must_confirm)
        assert list(finding_lines(finding)) == ["  ! weight: the weight is old", f"      nurse: {action}"]
        assert finding_as_json(finding)["action"] == action
    finding = Finding.caution("weight", "the weight is old", action="Weigh the patient.", owner=Owner.PHARMACY)
    assert list(finding_lines(finding))[1] == "      pharmacist: Weigh the patient."


@pytest.mark.requirement("SEC-24")
@pytest.mark.parametrize("code_text", ["X0A", "X1B5B324A", "XC285", "XE280AE", "X0D", ".br"])
def test_sec_24_a_text_of_the_message_cannot_forge_a_line_or_steer_the_terminal(explained, code_text):
    forged = f"LOC-00501^DOPamine\\{code_text}\\  OFFERED on LVP-0001^LOC"
    data = a_dopamine_rgv(drug=forged, rate="100", fields={"MSH-18": "UNICODE UTF-8", "PV1-3": f"ICU\\{code_text}\\  OFFERED"})
    code, out, _ = explained(data)
    assert code == 3
    assert not [line for line in out.splitlines() if line.strip().startswith("OFFERED")]
    assert all(character.isprintable() for character in out.replace("\n", ""))
    _, out, _ = explained(data, "--json")
    assert all(character.isprintable() for character in out.replace("\n", ""))
    assert "OFFERED" in json.dumps(json.loads(out)["readings"])


def test_the_pump_of_a_supposed_model_stands_where_the_patient_is(explained):
    _, out, _ = explained(a_dopamine_rgv(), "--pump-model", "demo-syringe")
    assert "the pump is set to ICU; no entry fits there" in out
    assert "9021" not in out


def test_a_care_area_that_the_location_permits_with_a_caution_is_supposed_before_one_that_fits_nothing(explained):
    _, out, _ = explained(a_dopamine_rgv(location="MEDSURG"))
    assert "the pump is set to ICU" in out
    assert "9021" not in "".join(line for line in out.splitlines() if "✗" in line)
    _, out, _ = explained(a_dopamine_rgv(location="NOWHERE"))
    assert "9021" in out


@pytest.mark.requirement("D-08")
def test_d_08_a_pump_of_two_channels_named_without_one_meets_9001_and_it_is_said(explained):
    code, out, _ = explained(a_dopamine_rgv(channel=""))
    assert code == 0
    assert "LVP-0001 names one channel by itself" in out
    code, out, _ = explained(a_dopamine_rgv(channel=""), "--pump-model", "demo-lvp")
    assert code == 3
    assert "✗ 9001 " in out
    assert "the order names no channel, and demo-lvp has 2 (A, B)" in out


@pytest.mark.requirement("D-08")
def test_d_08_the_only_channel_of_a_pump_is_supposed(demo):
    order = read_order(a_syringe_rgv(channel=""), demo)
    assert isinstance(order, ReadOrder)
    case, _ = suppose(order.request, demo, Wishes())
    assert case.channel is not None
    assert (case.channel.pump_id, case.channel.channel_id) == ("SYR-0001", "A")


def test_a_code_that_no_table_knows_is_told_beside_the_one_that_was_used(explained):
    drug = "LOC-00501^DOPamine^LOC^99^dopamine^HOUSE"
    code, out, _ = explained(a_dopamine_rgv(drug=drug))
    assert code == 0
    assert "code 99 (HOUSE) is not in formulary.csv, passed over" in out
    _, out, _ = explained(a_dopamine_rgv(drug=drug), "--json")
    assert json.loads(out)["passed_over"] == [{"system": "HOUSE", "code": "99", "field": "RXG-4.4"}]


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

    assert main(["mappings", "check"]) == 0
    assert "133 of 133 order sentences as written" in capsys.readouterr().out
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

    changed = tmp_path / "site"
    shutil.copytree(demo_site(), changed)
    table = changed / "drug_library" / "icu.csv"
    lines = table.read_text(encoding="utf-8").splitlines(keepends=True)
    dopamine = next(index for index, line in enumerate(lines) if line.startswith("DL-010,"))
    lines[dopamine] = lines[dopamine].replace("400,mg,250", "500,mg,250", 1)
    table.write_text("".join(lines), encoding="utf-8")
    assert main(["mappings", "check", str(changed)]) == 3
    assert "order sentence" in capsys.readouterr().out
