"""What must hold for every file of the repository, whoever writes it."""

import ast
import re
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from interop.cli import main

REPOSITORY = Path(__file__).parents[1]
KEPT_BY_TOOLS = {"__pycache__", "build", "dist", "htmlcov"}

MACHINE_PATH = re.compile(rb"(?<![\w.])/(?:root|work|home|Users)/|[A-Za-z]:\\(?:Users|Temp)\\")
REGISTRY = re.compile(
    rb"(?:extra-)?index-ur[l]|find-link[s]|py[p]i\.org|python[h]osted\.org|registry\.np[m]js|\"resolve[d]\":|source = \{ registr[y]"
)
UNFINISHED = re.compile(rb"\b(?:TODO|FIXME|NotImplementedError)\b")

EXACT = ("interop/domain", "interop/stages", "interop/pathway.py")


def files_of(root: Path) -> Iterator[Path]:
    """The text files that a person keeps under ``root``: no hidden folder but ``.ci``, no virtual environment, nothing that a tool made."""
    for path in sorted(root.iterdir()):
        if path.is_dir():
            hidden = path.name.startswith(".") and path.name != ".ci"
            if not (hidden or path.name in KEPT_BY_TOOLS or path.suffix == ".egg-info" or (path / "pyvenv.cfg").exists()):
                yield from files_of(path)
        elif b"\0" not in path.read_bytes():
            yield path


def lines_with(pattern: re.Pattern[bytes], root: Path, under: str = "") -> list[str]:
    """``path:line: text`` for every line under ``root`` that ``pattern`` finds."""
    return [
        f"{path.relative_to(root).as_posix()}:{number}: {line.decode(errors='replace').strip()}"
        for path in files_of(root)
        if path.relative_to(root).as_posix().startswith(under)
        for number, line in enumerate(path.read_bytes().splitlines(), 1)
        if pattern.search(line)
    ]


def modules_of(root: Path, *under: str) -> Iterator[tuple[str, ast.Module]]:
    for path in files_of(root):
        name = path.relative_to(root).as_posix()
        if path.suffix == ".py" and name.startswith(under):
            yield name, ast.parse(path.read_bytes(), name)


def floats_of(root: Path) -> list[str]:
    """Floats where doses and times are decided: calls of ``float``, float literals, and fields or results declared as one."""
    return [
        f"{name}:{node.lineno}: {ast.unparse(node)}"
        for name, tree in modules_of(root, *EXACT)
        for node in ast.walk(tree)
        if (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "float")
        or (isinstance(node, ast.Constant) and isinstance(node.value, float))
        or (isinstance(node, ast.AnnAssign | ast.arg) and node.annotation is not None and names_float(node.annotation))
        or (isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.returns is not None and names_float(node.returns))
    ]


def names_float(annotation: ast.expr) -> bool:
    return any(isinstance(node, ast.Name) and node.id == "float" for node in ast.walk(annotation))


def without_docstring(root: Path) -> list[str]:
    """The public modules that do not say what they are."""
    return [
        name
        for name, tree in modules_of(root, "interop/", "pump_sim/")
        if not ast.get_docstring(tree) and (not Path(name).name.startswith("_") or Path(name).name == "__init__.py")
    ]


def machine_paths(root: Path) -> list[str]:
    return lines_with(MACHINE_PATH, root)


def registries(root: Path) -> list[str]:
    return lines_with(REGISTRY, root)


def unfinished(root: Path) -> list[str]:
    return lines_with(UNFINISHED, root, "interop/")


def test_no_file_names_a_path_of_somebodys_machine():
    assert machine_paths(REPOSITORY) == []


def test_sec_47_no_file_names_a_registry_or_an_index():
    assert registries(REPOSITORY) == []


def test_sr_30_no_float_is_near_a_dose_or_a_time_that_decides():
    assert floats_of(REPOSITORY) == []


def test_nothing_in_the_product_is_left_for_later():
    assert unfinished(REPOSITORY) == []


def test_every_public_module_says_what_it_is():
    assert without_docstring(REPOSITORY) == []


@pytest.mark.parametrize(
    ("find", "place", "text"),
    [
        (machine_paths, "docs/notes.md", "see /" + "home/ana/interop"),
        (machine_paths, ".ci/run", "cd /" + "root/interop"),
        (machine_paths, "tests/test_a.py", "open('/" + "work/samples/a.hl7')"),
        (machine_paths, "mappings/demo/site.toml", r'folder = "C:\Users' + r'\ana"'),
        (registries, "requirements.lock", "--index-" + "url https://packages.hospital.example/simple"),
        (registries, "README.md", "download it from https://files.python" + "hosted.org"),
        (floats_of, "interop/domain/dose.py", "rate = float('9.6')"),
        (floats_of, "interop/domain/dose.py", "TOLERANCE = 0.02"),
        (floats_of, "interop/stages/checks/dose.py", "def rate(ml: float) -> str: ..."),
        (floats_of, "interop/stages/dose.py", "def rate() -> float | None: ..."),
        (floats_of, "interop/pathway.py", "class Case:\n    age_s: float"),
        (unfinished, "interop/doors/mllp.py", "# TO" + "DO answer"),
        (unfinished, "interop/doors/mllp.py", "raise NotImplemented" + "Error"),
        (without_docstring, "interop/domain/dose.py", "DOSE = 1"),
        (without_docstring, "interop/domain/__init__.py", ""),
        (without_docstring, "pump_sim/panel.py", "# a comment is no docstring"),
    ],
)
def test_a_planted_fault_is_found_with_its_file(tmp_path: Path, find: Callable[[Path], list[str]], place: str, text: str):
    planted = tmp_path / place
    planted.parent.mkdir(parents=True, exist_ok=True)
    planted.write_text(text, encoding="utf-8")
    (found,) = find(tmp_path)
    assert found.startswith(place)


@pytest.mark.parametrize(
    ("find", "place", "text"),
    [
        (machine_paths, "docs/notes.md", "https://hospital.example/home/ and a/work/order"),
        (machine_paths, ".venv/notes.md", "/" + "home/ana"),
        (floats_of, "interop/domain/dose.py", "def exact(value: object) -> None:\n    assert not isinstance(value, float)"),
        (floats_of, "interop/wire/link.py", "TIMEOUT_S = 0.5"),
        (unfinished, "docs/notes.md", "what a TO" + "DO is"),
        (without_docstring, "interop/__main__.py", "import sys"),
    ],
)
def test_what_is_no_fault_is_left_alone(tmp_path: Path, find: Callable[[Path], list[str]], place: str, text: str):
    planted = tmp_path / place
    planted.parent.mkdir(parents=True, exist_ok=True)
    planted.write_text(text, encoding="utf-8")
    assert find(tmp_path) == []


def pins() -> dict[str, str]:
    """``requirements.lock``: each pinned line, with its hashes, by name."""
    text = (REPOSITORY / "requirements.lock").read_text(encoding="utf-8").replace("\\\n", "")
    lines = [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]
    return {re.split(r"[=\s;]", line, maxsplit=1)[0]: line for line in lines}


def test_sec_47_every_requirement_is_pinned_by_hash_and_names_no_address():
    pinned = pins()
    assert pinned
    for line in pinned.values():
        assert re.match(r"[a-z0-9-]+==[^\s;]+(?: ;[^\\]+?)? +--hash=sha256:[0-9a-f]{64}( |$)", line), line
    assert "://" not in (REPOSITORY / "requirements.lock").read_text(encoding="utf-8")


def test_sec_47_every_package_that_the_project_asks_for_is_in_the_lock():
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = [*project["dependencies"], *(name for extra in project["optional-dependencies"].values() for name in extra)]
    names = {re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0] for requirement in asked}
    assert {re.sub(r"[._-]+", "-", name).lower() for name in names} <= set(pins())


def commands_of_the_readme() -> list[str]:
    return re.findall(r"```sh\n(.*?)\n```", (REPOSITORY / "README.md").read_text(encoding="utf-8"), re.DOTALL)


def test_the_readme_has_two_commands_and_the_build_runs_the_second():
    run, test = commands_of_the_readme()
    assert run.startswith("python3 -m venv ")
    assert test.startswith("python3 -m venv ")
    assert test in (REPOSITORY / ".ci/run").read_text(encoding="utf-8")


def test_the_readme_shows_what_its_command_says(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    (command,) = re.findall(r"`interop (explain tests/\S+)`", readme)
    (shown,) = re.findall(r"```\n(3 Arithmetic\n.*?)```", readme, re.DOTALL)
    monkeypatch.chdir(REPOSITORY)
    assert main(command.split()) == 0
    assert shown in capsys.readouterr().out


def links() -> list[tuple[str, str]]:
    pages = [path for path in files_of(REPOSITORY) if path.suffix == ".md"]
    return [
        (page.relative_to(REPOSITORY).as_posix(), target)
        for page in pages
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8"))
        if "://" not in target
    ]


@pytest.mark.parametrize(("page", "target"), links())
def test_a_link_in_a_page_leads_to_a_file(page: str, target: str):
    assert ((REPOSITORY / page).parent / target).exists()
