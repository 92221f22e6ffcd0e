"""The window's language: taken before modules with tables of words are imported, and Qt's own texts.

Imports nothing that holds words of ours.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from PySide6.QtCore import QLibraryInfo, QLocale, QTranslator
from PySide6.QtGui import QFontDatabase
from PySide6.QtWidgets import QApplication

from spikestudio import language

SETTINGS = "settings.json"
BUNDLED_FAMILY = "SpikeStudio Sans SC"  # holds every character of the window
CHINESE_FAMILIES = (
    *("Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "Source Han Sans CN"),
    *("PingFang SC", "Microsoft YaHei", "WenQuanYi Micro Hei", "Droid Sans Fallback"),
)
"""Sans-serif families of Linux, macOS and Windows for rarer characters, in notes of users."""


def take(folder: Path) -> str:
    """Put the language of the settings in ``folder`` in force; return its code.

    ``SPIKESTUDIO_LANGUAGE`` wins over the settings.
    """
    asked = os.environ.get(language.VARIABLE, "")
    return language.use(asked if asked in language.LANGUAGES else stored(folder))


def stored(folder: Path) -> str:
    """Return the code in the settings file, ``system`` where there is none; it is not checked."""
    try:
        values = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
        return str(values.get("language", language.SYSTEM))
    except (OSError, ValueError, AttributeError):
        return language.SYSTEM


def translate_qt(app: QApplication) -> bool:
    """Have Qt's own texts, such as those of its dialogs, in the language in force.

    Returns whether they are.
    """
    code = language.current()
    if code == language.ENGLISH:
        return True
    translator = QTranslator(app)
    folder = QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)
    if not translator.load(QLocale(code), "qtbase", "_", folder):
        return False
    return app.installTranslator(translator)


def families() -> tuple[str, ...]:
    """Return the fonts to look into for characters that the window's own has not.

    In every language: its menu writes the names of the others as they do.
    """
    known = set(QFontDatabase.families())
    return tuple(name for name in (BUNDLED_FAMILY, *CHINESE_FAMILIES) if name in known)
