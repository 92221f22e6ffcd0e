import importlib.util
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import pytest

SOURCE = Path(__file__).parents[2] / "packaging" / "bootstrap.py"


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bootstrap", SOURCE)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def bootstrap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module, working on an empty checkout."""
    module = load()
    (tmp_path / "packaging").mkdir()
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    (tmp_path / "packaging" / "constraints.txt").write_text("torch==2.13.0\n")
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(module, "CONSTRAINTS", tmp_path / "packaging" / "constraints.txt")
    monkeypatch.setattr(module, "check_system", lambda *_, **__: None)
    return module


@pytest.fixture
def calls(bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Commands that were run in the foreground; all of them succeed, venv makes an environment."""
    commands: list[list[str]] = []

    def call(command: Sequence[str], **_: object) -> int:
        if "compileall" in command:  # after each install: see its own test
            return 0
        commands.append([*command])
        if "venv" in command:
            return subprocess.run([*command, "--without-pip"], check=False).returncode
        return 0

    monkeypatch.setattr(bootstrap.subprocess, "call", call)
    real = bootstrap.ask
    monkeypatch.setattr(
        bootstrap, "ask", lambda python, code: "" if code == "import pip" else real(python, code)
    )
    return commands


def interpreter(module: ModuleType, version: tuple[int, int] = (3, 11)) -> object:
    return module.Interpreter("python", version, "/usr", "/usr")


@pytest.mark.parametrize(
    ("arguments", "parsed"),
    [
        (["run"], ("run", None, [])),
        (["run", "sample", "x", "--help"], ("run", None, ["sample", "x", "--help"])),
        (["--python", "py", "test", "--all", "-x"], ("test", "py", ["--all", "-x"])),
        (["test", "--python=py", "-k", "a"], ("test", "py", ["-k", "a"])),
        (["run", "test"], ("run", None, ["test"])),
        (["run", "list", "--python", "x"], ("run", None, ["list", "--python", "x"])),
        (["install"], (None, None, ["install"])),
        ([], (None, None, [])),
    ],
)
def test_arguments(bootstrap: ModuleType, arguments: list[str], parsed: tuple) -> None:
    assert bootstrap.parse(arguments) == parsed


@pytest.mark.parametrize(("arguments", "status"), [([], 2), (["instal"], 2), (["--help"], 0)])
def test_usage(
    bootstrap: ModuleType, capsys: pytest.CaptureFixture[str], arguments: list[str], status: int
) -> None:
    assert bootstrap.main(arguments) == status
    assert "bootstrap.py run" in "".join(capsys.readouterr())


def test_installs_once_until_a_file_changes(bootstrap: ModuleType, calls: list) -> None:
    python = bootstrap.prepare(None, for_tests=False)
    assert Path(python).parent.parent == bootstrap.VENV
    assert [bool({"venv", "install"} & {*call}) for call in calls] == [True, True]
    assert calls[1][0] == python
    assert calls[1][-4:] == ["-c", str(bootstrap.CONSTRAINTS), "-e", "."]

    assert bootstrap.prepare(None, for_tests=False) == python
    assert len(calls) == 2

    bootstrap.prepare(None, for_tests=True)
    assert calls[2][-1] == ".[test]"
    bootstrap.prepare(None, for_tests=False)
    assert len(calls) == 3

    bootstrap.CONSTRAINTS.write_text("torch==2.14.0\n")
    bootstrap.prepare(None, for_tests=False)
    assert len(calls) == 4
    assert "install" in calls[3]


def test_the_package_is_compiled_after_it_was_installed(
    bootstrap: ModuleType, calls: list, monkeypatch: pytest.MonkeyPatch
) -> None:
    working, names = bootstrap.subprocess.call, []

    def call(command: Sequence[str], **options: object) -> int:
        names.append(next(each for each in ("venv", "install", "compileall") if each in command))
        return working(command, **options)

    monkeypatch.setattr(bootstrap.subprocess, "call", call)
    bootstrap.prepare(None, for_tests=False)
    bootstrap.prepare(None, for_tests=False)
    assert names == ["venv", "install", "compileall"]


def test_failed_install_is_one_sentence_and_tried_again(
    bootstrap: ModuleType,
    calls: list,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    working = bootstrap.subprocess.call
    monkeypatch.setattr(
        bootstrap.subprocess, "call", lambda c, **k: 1 if "install" in c else working(c, **k)
    )
    assert bootstrap.main(["run"]) == 1
    assert "Error: Installing failed" in capsys.readouterr().err
    monkeypatch.setattr(bootstrap.subprocess, "call", working)
    bootstrap.prepare(None, for_tests=False)
    assert "install" in calls[-1]


def test_half_made_environment_is_removed(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    def call(command: Sequence[str], **_: object) -> int:
        bootstrap.VENV.mkdir()
        (bootstrap.VENV / "pyvenv.cfg").touch()
        return 1

    monkeypatch.setattr(bootstrap.subprocess, "call", call)
    with pytest.raises(bootstrap.SetupError, match="could not be made"):
        bootstrap.prepare(None, for_tests=False)
    assert not bootstrap.VENV.exists()


def test_broken_environment_is_made_anew(bootstrap: ModuleType, calls: list) -> None:
    folder = Path(bootstrap.venv_python(bootstrap.VENV)).parent
    folder.mkdir(parents=True)
    (folder / "python").symlink_to("/nowhere/python3.11")
    bootstrap.prepare(None, for_tests=False)
    assert "venv" in calls[0]


def test_interpreter_without_supported_version(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap, "SUPPORTED", ((2, 99),))
    with pytest.raises(bootstrap.SetupError, match=r"No Python .* --python"):
        bootstrap.find_interpreter()
    with pytest.raises(bootstrap.SetupError, match="is needed"):
        bootstrap.chosen_interpreter(sys.executable)
    with pytest.raises(bootstrap.SetupError, match="does not start"):
        bootstrap.chosen_interpreter(str(SOURCE))


def test_second_choice_is_found_on_path(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = interpreter(bootstrap)
    old = interpreter(bootstrap, (3, 9))
    answers = {sys.executable: old, "python3.12": None, "python3.11": found}
    monkeypatch.setattr(bootstrap, "look_at", lambda *c: answers.get(c[0], old))
    assert bootstrap.find_interpreter() is found


def test_chosen_environment_is_used_as_it_is(
    bootstrap: ModuleType, calls: list, tmp_path: Path
) -> None:
    theirs = tmp_path / "their environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(theirs)], check=True)
    python = bootstrap.prepare(str(theirs), for_tests=False)
    assert Path(python).parent.parent == theirs
    assert [call[0] for call in calls] == [python]
    assert not bootstrap.VENV.exists()
    bootstrap.prepare(bootstrap.venv_python(theirs), for_tests=False)
    assert len(calls) == 1


def test_chosen_interpreter_lends_its_packages(bootstrap: ModuleType, calls: list) -> None:
    base = getattr(sys, "_base_executable", sys.executable)
    bootstrap.prepare(base, for_tests=False)
    assert "--system-site-packages" in calls[0]
    bootstrap.prepare(base, for_tests=False)
    bootstrap.prepare(None, for_tests=False)
    assert len(calls) == 2


def test_torch_that_is_there_stays(bootstrap: ModuleType) -> None:
    ours = "# comment\ntorch==2.13.0\ntorchvision==0.28.0\nPySide6-Essentials==6.11.3\nh5py==3\n"
    adapted = bootstrap.adapted_constraints(
        ours, {"torch": "2.9.1+cu128", "pyside6-essentials": "6.11.2"}
    )
    assert adapted.split() == ["torch==2.9.1+cu128", "h5py==3"]
    assert bootstrap.adapted_constraints(ours, {}).split("\n")[:-1] == ours.split("\n")[1:-1]


def test_names_are_compared_as_indexes_do(bootstrap: ModuleType) -> None:
    assert bootstrap.normalised("PySide6_Essentials") == bootstrap.normalised("pyside6-essentials")


@pytest.mark.parametrize(
    ("failing", "status"), [("nothing", 0), ("mypy", 1), ("pytest", 1), ("ruff", 1)]
)
def test_every_check_runs_and_pytest_is_last(
    bootstrap: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    failing: str,
    status: int,
) -> None:
    commands = []

    def call(command: Sequence[str], **_: object) -> int:
        commands.append([*command])
        return int(failing in command)

    monkeypatch.setattr(bootstrap.subprocess, "call", call)
    assert bootstrap.test("python", ["-k", "name"]) == status
    assert len(commands) == 5
    assert commands[-1] == ["python", "-m", "pytest", "-k", "name"]
    last_line = capsys.readouterr().out.splitlines()[-1]
    assert last_line.endswith("pytest follows")
    assert ("FAILED" in last_line) == (failing in ("mypy", "ruff"))


def test_all_includes_the_long_ones(bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    commands = []
    monkeypatch.setattr(bootstrap.subprocess, "call", lambda c, **_: commands.append(c) or 0)
    bootstrap.test("python", ["--all", "tests/unit"])
    assert commands[-1][3:] == ["-m", "long or not long", "tests/unit"]


@pytest.mark.parametrize(("cores", "processes"), [(1, "1"), (2, "2"), (64, "8"), (None, "1")])
def test_all_tests_run_on_all_cores_and_some_in_one_process(
    bootstrap: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    cores: int | None,
    processes: str,
) -> None:
    calls = []
    monkeypatch.setattr(bootstrap, "CHECKS", {})
    monkeypatch.setattr(bootstrap.os, "cpu_count", lambda: cores)
    monkeypatch.setattr(bootstrap.subprocess, "call", lambda *c, **kw: calls.append((*c, kw)) or 3)
    assert bootstrap.test("python", []) == 3
    command, options = calls.pop()
    assert command[command.index("-n") + 1] == processes
    assert options["env"]["OMP_NUM_THREADS"]
    bootstrap.test("python", ["tests/unit"])
    assert "-n" not in calls.pop()[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ID=debian\n", True),
        ('NAME=Mint\nID=linuxmint\nID_LIKE="ubuntu debian"\n', True),
        ('ID="fedora"\nPRETTY_NAME="like debian"\n', False),
    ],
)
def test_debian(bootstrap: ModuleType, tmp_path: Path, text: str, expected: bool) -> None:
    (tmp_path / "os-release").write_text(text)
    assert bootstrap.is_debian(tmp_path / "os-release") is expected
    assert not bootstrap.is_debian(tmp_path / "missing")


@pytest.fixture
def bare_linux(monkeypatch: pytest.MonkeyPatch) -> tuple[ModuleType, list[list[str]]]:
    """The module on a Linux that lacks two libraries and venv."""
    module = load()
    missing = {"libEGL.so.1", "libxcb-cursor.so.0"}
    commands: list[list[str]] = []
    monkeypatch.setattr(module.sys, "platform", "linux")
    monkeypatch.setattr(module, "is_loadable", lambda name: name not in missing)
    monkeypatch.setattr(module, "ask", lambda *_: None)
    monkeypatch.setattr(module, "is_debian", lambda: True)
    monkeypatch.setattr(module.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(module.subprocess, "call", lambda c, **_: commands.append(c) or 0)
    return module, commands


PACKAGES = ["libegl1", "libxcb-cursor0", "python3.11-venv"]


def test_root_installs_what_is_missing(
    bare_linux: tuple[ModuleType, list[list[str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    module, commands = bare_linux
    monkeypatch.setattr(module.os, "geteuid", lambda: 0, raising=False)
    module.check_system(interpreter(module), needs_venv=True)
    assert commands[0] == ["apt-get", "update"]
    assert commands[1][:2] == ["apt-get", "install"]
    assert commands[1][-3:] == PACKAGES


def test_others_are_told_the_command(
    bare_linux: tuple[ModuleType, list[list[str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    module, commands = bare_linux
    monkeypatch.setattr(module.os, "geteuid", lambda: 1000, raising=False)
    with pytest.raises(module.SetupError, match=f"sudo apt-get install .* {' '.join(PACKAGES)}$"):
        module.check_system(interpreter(module), needs_venv=True)
    monkeypatch.setattr(module, "is_debian", lambda: False)
    with pytest.raises(module.SetupError, match=r"lacks libEGL\.so\.1, libxcb-cursor\.so\.0: "):
        module.check_system(interpreter(module), needs_venv=False)
    assert commands == []


def test_look_at_itself(bootstrap: ModuleType) -> None:
    found = bootstrap.look_at(sys.executable)
    assert found.version == sys.version_info[:2]
    assert found.prefix == sys.prefix
    assert bootstrap.look_at("/nowhere/python") is None


def test_constraints_pin_every_dependency() -> None:
    root = SOURCE.parents[1]
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    pinned = {
        line.partition("==")[0].lower()
        for line in (root / "packaging" / "constraints.txt").read_text("utf-8").splitlines()
        if "==" in line
    }
    wanted = [*project["dependencies"], *project["optional-dependencies"]["test"]]
    names = {each.split(">")[0].lower() for each in wanted}
    assert names <= pinned
