"""Telling whether a process of this machine still runs, when its number may have been given anew."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_STILL_ACTIVE = 259  # exit code of a Windows process that runs
_MAY_BE_ASKED = 0x1000  # PROCESS_QUERY_LIMITED_INFORMATION


def process_start(pid: int) -> str:
    """When a process was started, as text that no other process with its number gets; "" if gone."""
    if pid <= 0:
        return ""
    if sys.platform == "win32":
        return _start_windows(pid)
    else:
        has_files = Path("/proc/self/stat").exists()
        return _start_linux(pid) if has_files else _start_ps(pid)


def _start_linux(pid: int) -> str:
    """Clock ticks since the machine was started, and which start that was."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text("utf-8", errors="replace")
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("utf-8").strip()
    except OSError:
        return ""
    fields = text.rpartition(")")[2].split()  # the name before it may hold anything
    if len(fields) < 20 or fields[0] in "ZX":  # ended, but nobody has asked how
        return ""
    return f"{boot} {fields[19]}"


def _start_ps(pid: int) -> str:
    try:
        found = subprocess.run(
            ["/bin/ps", "-o", "stat=,lstart=", "-p", str(pid)],
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
            env={"LC_ALL": "C"},
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    state, _, started = found.stdout.strip().partition(" ")
    return "" if state.startswith("Z") else " ".join(started.split())


if sys.platform == "win32":

    def _start_windows(pid: int) -> str:
        import ctypes
        from ctypes import wintypes

        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        kernel.OpenProcess.restype = wintypes.HANDLE
        handle = wintypes.HANDLE(kernel.OpenProcess(_MAY_BE_ASKED, False, pid))
        if not handle:
            return ""
        try:
            code = wintypes.DWORD()
            created, *others = (wintypes.FILETIME() for _ in range(4))
            is_told = kernel.GetExitCodeProcess(
                handle, ctypes.byref(code)
            ) and kernel.GetProcessTimes(
                handle, ctypes.byref(created), *(ctypes.byref(each) for each in others)
            )
            if not is_told or code.value != _STILL_ACTIVE:
                return ""
            return f"{created.dwHighDateTime}.{created.dwLowDateTime}"
        finally:
            kernel.CloseHandle(handle)
