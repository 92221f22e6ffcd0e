#!/usr/bin/env python3
"""Set SpikeStudio up in a checkout and start it. Needs nothing but Python.

    python3 packaging/bootstrap.py run [ARGUMENTS]           open the application, or e.g. run list
    python3 packaging/bootstrap.py test [--all] [ARGUMENTS]  check and test it; arguments go to pytest

Both make the environment .venv in the checkout and install into it with the versions of
packaging/constraints.txt, following pip's own configuration. What has not changed is not done again.
--python EXE, before or after the command's name, takes another interpreter or environment, for
example one that already has torch. An environment is installed into as it is and keeps its torch.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple, Sequence

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
CONSTRAINTS = ROOT / "packaging" / "constraints.txt"
STAMP = "spikestudio-setup.txt"  # in the environment: what it was last installed from
SUPPORTED = ((3, 12), (3, 11), (3, 13))  # in order of preference
MOST_PROCESSES = 8  # that test at the same time; each takes up to 2 GB
TORCH_FAMILY = ("torch", "torchvision", "torchaudio")  # their versions depend on each other

# System libraries that Qt needs on Linux, and the Debian package of each.
QT_LIBRARIES = {
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libX11-xcb.so.1": "libx11-xcb1",
    "libdbus-1.so.3": "libdbus-1-3",
    "libfontconfig.so.1": "libfontconfig1",
    "libfreetype.so.6": "libfreetype6",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-randr.so.0": "libxcb-randr0",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-shm.so.0": "libxcb-shm0",
    "libxcb-sync.so.1": "libxcb-sync1",
    "libxcb-util.so.1": "libxcb-util1",
    "libxcb-xfixes.so.0": "libxcb-xfixes0",
    "libxcb-xkb.so.1": "libxcb-xkb1",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    "libxkbcommon.so.0": "libxkbcommon0",
}

# What `test` runs before pytest, as arguments of the environment's Python.
CHECKS = {
    "lint": ("-m", "ruff", "check", "."),
    "format": ("-m", "ruff", "format", "--check", "."),
    "types": ("-m", "mypy"),
    "layers": ("-c", "from importlinter.cli import lint_imports_command as run; run()"),
}


class SetupError(Exception):
    """The application cannot be set up; the message is one sentence for the user."""


class Interpreter(NamedTuple):
    """A Python that starts."""

    executable: str
    version: tuple[int, ...]  # (3, 11)
    prefix: str
    base_prefix: str

    @property
    def is_supported(self) -> bool:
        """Whether SpikeStudio runs on this version."""
        return self.version in SUPPORTED

    @property
    def is_environment(self) -> bool:
        """Whether it belongs to a virtual environment."""
        return self.prefix != self.base_prefix


def main(arguments: Sequence[str]) -> int:
    """Run the command line; returns the exit status."""
    command, python, rest = parse(arguments)
    if command is None:
        print(__doc__, file=sys.stdout if {"-h", "--help"} & {*arguments} else sys.stderr)
        return 0 if {"-h", "--help"} & {*arguments} else 2
    try:
        interpreter = prepare(python, for_tests=command == "test")
        return test(interpreter, rest) if command == "test" else run(interpreter, rest)
    except (SetupError, OSError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def parse(arguments: Sequence[str]) -> tuple[str | None, str | None, list[str]]:
    """Split into command, value of ``--python`` and what is passed on."""
    command = python = None
    rest = list(arguments)
    while rest:
        if rest[0] == "--python" and len(rest) > 1:
            python, rest = rest[1], rest[2:]
        elif rest[0].startswith("--python="):
            python, rest = rest[0].partition("=")[2], rest[1:]
        elif command is None and rest[0] in ("run", "test"):
            command, rest = rest[0], rest[1:]
        else:
            break
    return command, python, rest


def run(python: str, arguments: Sequence[str]) -> int:
    """Start the application or one of its commands."""
    command = [python, "-m", "spikestudio", *arguments]
    sys.stdout.flush()
    if os.name != "nt":
        os.execv(python, command)  # so that Ctrl+C reaches the application alone
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return subprocess.call(command)


def test(python: str, arguments: Sequence[str]) -> int:
    """Run every check, then pytest, whose summary comes last."""
    outcomes = {}
    for name, command in CHECKS.items():
        say(f"--- {name}")
        outcomes[name] = subprocess.call([python, *command], cwd=ROOT) == 0
    verdicts = [f"{name} {'passed' if good else 'FAILED'}" for name, good in outcomes.items()]
    say(f"--- checks: {', '.join(verdicts)}; pytest follows")
    rest = [each for each in arguments if each != "--all"]
    which = ["-m", "long or not long"] if "--all" in arguments else []
    env = dict(os.environ)
    if not rest:  # a process for each core, and a whole file to one of them: its tests share much
        processes = str(min(os.cpu_count() or 1, MOST_PROCESSES))
        rest = ["-n", processes, "--dist", "loadfile", "--benchmark-disable"]
        env.setdefault("OMP_NUM_THREADS", "1")
    status = subprocess.call([python, "-m", "pytest", *which, *rest], cwd=ROOT, env=env)
    return status or int(not all(outcomes.values()))


# --- the environment ----------------------------------------------------------------------------


def prepare(chosen: str | None, *, for_tests: bool) -> str:
    """Return the interpreter of an environment in which everything is installed."""
    existing = look_at(venv_python(VENV))
    environment: Interpreter | None = existing if existing and existing.is_supported else None
    if chosen:
        base = chosen_interpreter(chosen)
        if base.is_environment:
            environment = base
        elif not (existing and existing.base_prefix == base.prefix and sees_system_packages(VENV)):
            environment = None
    else:
        base = environment or find_interpreter()
    check_system(environment or base, needs_venv=environment is None)
    environment = environment or make_venv(base, sees_packages=bool(chosen))
    install(environment, for_tests=for_tests)
    return environment.executable


def look_at(*command: str) -> Interpreter | None:
    """Return what ``command`` starts, or None if it does not start as Python."""
    answer = ask(
        command,
        "import json, sys; "
        "print(json.dumps([sys.executable, sys.version_info[:2], sys.prefix, sys.base_prefix]))",
    )
    if answer is None:
        return None
    executable, version, prefix, base_prefix = json.loads(answer)
    return Interpreter(executable, tuple(version), prefix, base_prefix)


def ask(command: Sequence[str], code: str) -> str | None:
    """Return what ``code`` prints under the interpreter ``command``, or None if that fails."""
    try:
        done = subprocess.run(
            [*command, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.decode()


def chosen_interpreter(chosen: str) -> Interpreter:
    """Return the interpreter, or that of the environment folder, which the user named."""
    path = Path(chosen).expanduser()
    if path.is_dir():
        found = look_at(venv_python(path))
    else:  # a path is taken as it is, a bare name is looked for on PATH
        found = look_at(str(path.absolute()) if {"/", "\\", "~"} & {*chosen} else chosen)
    if found is None:
        raise SetupError(f"{chosen} does not start as a Python interpreter: name another one.")
    if not found.is_supported:
        version = ".".join(map(str, found.version))
        raise SetupError(f"{chosen} is Python {version}, but 3.11, 3.12 or 3.13 is needed.")
    return found


def find_interpreter() -> Interpreter:
    """Return the interpreter that runs this file if it will do, else another one of the machine."""
    current = getattr(sys, "_base_executable", None) or sys.executable
    commands = [[current]]
    for major, minor in SUPPORTED:
        commands.append([f"python{major}.{minor}"])
        if os.name == "nt":
            commands.append(["py", f"-{major}.{minor}"])
    for command in commands:
        found = look_at(*command)
        if found and found.is_supported:
            return found
    this = ".".join(map(str, sys.version_info[:2]))
    raise SetupError(
        f"No Python 3.11, 3.12 or 3.13 was found (this is {this}): install one, or name it with "
        "--python."
    )


def venv_python(folder: Path) -> str:
    """Return the path that the interpreter of a virtual environment has."""
    return str(folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))


def make_venv(base: Interpreter, *, sees_packages: bool) -> Interpreter:
    """Make ``.venv`` anew; with ``sees_packages`` the packages of ``base`` are visible in it."""
    say(f"Making the environment {VENV} with {base.executable}")
    options = ["--clear"] + ["--system-site-packages"] * sees_packages
    made = None
    try:
        if subprocess.call([base.executable, "-m", "venv", *options, str(VENV)]) == 0:
            made = look_at(venv_python(VENV))
    finally:
        if made is None:  # a half-made environment would pass for a good one next time
            shutil.rmtree(VENV, ignore_errors=True)
    if made is None:
        raise SetupError(
            f"The environment {VENV} could not be made (see above): free some disk space or name "
            "another interpreter with --python."
        )
    return made


def install(environment: Interpreter, *, for_tests: bool) -> None:
    """Install the package and its dependencies unless that was done from the same files before."""
    stamp = Path(environment.prefix) / STAMP
    digest = hashlib.sha256(
        repr((str(ROOT), environment.version)).encode()
        + (ROOT / "pyproject.toml").read_bytes()
        + CONSTRAINTS.read_bytes()
    ).hexdigest()
    try:
        done = stamp.read_text("utf-8").split()
    except OSError:
        done = []
    if digest in done and ("test" in done or not for_tests):
        return
    if ask([environment.executable], "import pip") is None:
        raise SetupError(f"The environment {environment.prefix} has no pip: install pip in it.")
    say(f"Installing into {environment.prefix}; the first time this takes some minutes")
    stamp.unlink(missing_ok=True)
    pip = [environment.executable, "-m", "pip", "install", "--disable-pip-version-check"]
    target = ["-c", str(constraints_for(environment)), "-e", ".[test]" if for_tests else "."]
    if subprocess.call([*pip, *target], cwd=ROOT):
        raise SetupError(
            "Installing failed (pip's message is above): make sure that pip reaches a package index "
            "and that the disk is not full, then run the same command again."
        )
    # An editable install is not compiled by pip: the first start would wait for it.
    subprocess.call([environment.executable, "-m", "compileall", "-q", "spikestudio"], cwd=ROOT)
    stamp.write_text(f"{digest}{' test' * for_tests}\n", "utf-8")


def constraints_for(environment: Interpreter) -> Path:
    """Return the constraints file: ours, or one under which the environment's torch stays."""
    if environment.prefix == str(VENV) and not sees_system_packages(VENV):
        return CONSTRAINTS
    code = (
        "import importlib.metadata as m, json; "
        "print(json.dumps({d.metadata['Name']: d.version for d in m.distributions()}))"
    )
    installed = {
        normalised(name): version
        for name, version in json.loads(ask([environment.executable], code) or "{}").items()
    }
    path = Path(environment.prefix) / "spikestudio-constraints.txt"
    path.write_text(adapted_constraints(CONSTRAINTS.read_text("utf-8"), installed), "utf-8")
    return path


def adapted_constraints(constraints: str, installed: dict[str, str]) -> str:
    """Return ``constraints`` without what is installed, and with an installed torch as it is.

    A torch that is there fixes its whole family: our versions of the others belong to our torch.
    """
    has_torch = "torch" in installed
    lines = [f"{name}=={installed[name]}" for name in TORCH_FAMILY if name in installed]
    for line in constraints.splitlines():
        name = normalised(re.split(r"[=<>!;# ]", line, maxsplit=1)[0])
        if name and name not in installed and not (has_torch and name in TORCH_FAMILY):
            lines.append(line)
    return "\n".join(lines) + "\n"


def sees_system_packages(venv: Path) -> bool:
    """Tell whether the packages of the base interpreter are visible in ``venv``."""
    try:
        text = (venv / "pyvenv.cfg").read_text("utf-8")
    except OSError:
        return False
    return re.search(r"^include-system-site-packages *= *true", text, re.MULTILINE) is not None


def normalised(name: str) -> str:
    """Return a distribution's name as package indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).strip().lower()


# --- the system ----------------------------------------------------------------------------------


def check_system(python: Interpreter, *, needs_venv: bool) -> None:
    """On Linux, install what Qt and venv lack, or say how; raises ``SetupError``."""
    if not sys.platform.startswith("linux"):
        return
    missing = {name: package for name, package in QT_LIBRARIES.items() if not is_loadable(name)}
    if needs_venv and ask([python.executable], "import ensurepip, venv") is None:
        missing["venv"] = "python{}.{}-venv".format(*python.version)
    if not missing:
        return
    if not is_debian() or shutil.which("apt-get") is None:
        raise SetupError(
            f"This system lacks {', '.join(missing)}: install what holds them with its package "
            "manager, then run the same command again."
        )
    install_command = ["apt-get", "install", "-y", "--no-install-recommends", *missing.values()]
    if os.geteuid() != 0:
        raise SetupError(
            f"This system lacks {', '.join(missing)}; run this, then the same command again:\n"
            f"    sudo {' '.join(install_command)}"
        )
    say(f"Installing system packages: {' '.join(missing.values())}")
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.call(["apt-get", "update"], env=quiet)  # a stale list may still do
    if subprocess.call(install_command, env=quiet):
        raise SetupError(
            "The system packages above could not be installed: make sure that apt-get reaches its "
            "mirrors, then run the same command again."
        )


def is_loadable(library: str) -> bool:
    """Tell whether the system's loader finds ``library``."""
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def is_debian(os_release: Path = Path("/etc/os-release")) -> bool:
    """Tell whether this is Debian, Ubuntu or a relative."""
    try:
        text = os_release.read_text("utf-8")
    except OSError:
        return False
    names = re.findall(r"^ID(?:_LIKE)?=(.*)$", text, re.MULTILINE)
    return bool({"debian", "ubuntu"} & set(" ".join(names).replace('"', "").split()))


def say(message: str) -> None:
    """Print at once, also into a pipe."""
    print(message, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
