"""Colours, type and spacing of the whole window; with its tables the only place that says any of them.

``tokens()`` gives the colours in force, ``font(role)`` and ``px(length)`` type and lengths at the
chosen text size. Widgets are styled by one style sheet built here; a widget only states its role
(``set_role(label, "caption")``). Painters read ``tokens()`` and repaint on ``manager.changed``.
"""

from __future__ import annotations

import sys
from pathlib import Path
from string import Template
from typing import Literal, get_args

from PySide6.QtCore import QObject, Qt, QTemporaryDir, Signal, Slot
from PySide6.QtGui import QColor, QFont, QFontDatabase, QPalette
from PySide6.QtWidgets import QApplication, QWidget

from spikestudio.app import languages
from spikestudio.app.theme_tables import HIGH_CONTRAST, TABLES, Mode, Tokens
from spikestudio.language import tr

TypeRole = Literal["axis", "caption", "body", "title", "figure"]

SPACE = (
    4  # spacing unit: 4 inside a control, 8 between controls, 12 inside a dock, 16 between groups
)
RADIUS = 6
TYPE_SIZES: dict[TypeRole, int] = {"axis": 11, "caption": 12, "body": 13, "title": 15, "figure": 20}
TEXT_SCALES = (1.0, 1.25, 1.5, 2.0)
UI_FAMILY = "Inter"


class ThemeManager(QObject):
    """The mode, contrast and text size in force; ``changed`` follows every change of one of them."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.mode: Mode = "dark"
        self.is_high_contrast = False
        self.scale = 1.0
        self._wanted, self._floor = 1.0, 1.0

    def set_mode(self, mode: Mode) -> None:
        """Switch between the dark and the light table."""
        if mode not in get_args(Mode):
            raise ValueError(tr("Unknown theme {mode!r}: choose dark or light.", mode=mode))
        if mode != self.mode:
            self.mode = mode
            self.changed.emit()

    def set_high_contrast(self, *, on: bool) -> None:
        """Take stronger colours and borders, or the usual ones."""
        if on != self.is_high_contrast:
            self.is_high_contrast = on
            self.changed.emit()

    def set_scale(self, scale: float) -> None:
        """Set the text size, 1.0 to 2.0 times the normal one."""
        self._wanted = min(max(scale, TEXT_SCALES[0]), TEXT_SCALES[-1])
        self._follow_scale()

    def set_least_scale(self, scale: float) -> None:
        """Keep the text at least this large, whatever is set, until this is called with 1.0."""
        self._floor = min(max(scale, TEXT_SCALES[0]), TEXT_SCALES[-1])
        self._follow_scale()

    def _follow_scale(self) -> None:
        scale = max(self._wanted, self._floor)
        if scale != self.scale:
            self.scale = scale
            self.changed.emit()

    @Slot()
    def toggle(self) -> None:
        """Switch to the other mode."""
        self.set_mode("light" if self.mode == "dark" else "dark")


manager = ThemeManager()


def tokens() -> Tokens:
    """Return the colour table in force."""
    return (HIGH_CONTRAST if manager.is_high_contrast else TABLES)[manager.mode]


def color(name: str, alpha: float = 1.0) -> QColor:
    """Return the colour of a token (``"accent"``), with opacity 0 to 1."""
    value = QColor(getattr(tokens(), name))
    value.setAlphaF(alpha)
    return value


def px(length: float) -> int:
    """Return a length in pixels at the chosen text size."""
    return round(length * manager.scale)


def font(role: TypeRole = "body", *, semibold: bool | None = None) -> QFont:
    """Return the font of a role, with tabular digits; titles and figures are semibold."""
    result = QFont(QApplication.font())
    result.setPixelSize(px(TYPE_SIZES[role]))
    bold = role in ("title", "figure") if semibold is None else semibold
    result.setWeight(QFont.Weight.DemiBold if bold else QFont.Weight.Normal)
    return result


def title_height() -> int:
    """Return the height of a dock's title bar, and of the tabs that take its place."""
    return px(36)


def is_motion_reduced() -> bool:
    """Whether the desktop asks for no animations; Qt hears of it from Windows alone."""
    is_told = sys.platform == "win32"
    return is_told and not QApplication.isEffectEnabled(Qt.UIEffect.UI_General)


def set_role(widget: QWidget, role: str) -> None:
    """Give a widget one of the style sheet's roles: caption, muted, title, figure, primary, ..."""
    widget.setProperty("role", role)
    widget.style().unpolish(widget)
    widget.style().polish(widget)


def load_fonts(folder: Path) -> None:
    """Make the bundled fonts available; needs an application."""
    for path in sorted(folder.glob("*.[ot]tf")):
        QFontDatabase.addApplicationFont(str(path))


def begin(app: QApplication) -> Sheet:
    """Give the application its fonts and colours; returns what styles it, now and after a change.

    The style sheet follows with ``Sheet.apply`` when the window is made: with one in force Qt styles
    every widget anew each time that one of its parents gets a parent, half of a window's time.
    """
    app.setStyle("Fusion")
    sheet = Sheet(app)
    sheet.apply_base()
    manager.changed.connect(sheet.apply)
    return sheet


def apply(app: QApplication) -> Sheet:
    """Style the application now and after every change of the theme; returns what does so."""
    sheet = begin(app)
    sheet.apply()
    return sheet


class Sheet(QObject):
    """Keeps the application's palette, font and style sheet in step with the theme."""

    def __init__(self, app: QApplication) -> None:
        super().__init__(app)
        self._app = app
        self._folder = QTemporaryDir()  # glyphs that a style sheet can only take from files

    @Slot()
    def apply(self) -> None:
        """Style the application after the theme in force."""
        self.apply_base()
        self._app.setStyleSheet(_style_sheet(self._glyphs()))

    def apply_base(self) -> None:
        """Set font and palette after the theme in force."""
        base = QFont(self._app.font())
        if UI_FAMILY in QFontDatabase.families():
            base.setFamilies([UI_FAMILY, *languages.families()])
        base.setPixelSize(px(TYPE_SIZES["body"]))
        base.setFeature(QFont.Tag("tnum"), 1)
        self._app.setFont(base)
        self._app.setPalette(_palette())

    def _glyphs(self) -> dict[str, str]:
        """Write the sheet's glyphs in the colours in force; return their paths by name."""
        paths = {}
        for name, (shape, token) in _GLYPHS.items():
            contrast = "-high" if manager.is_high_contrast else ""
            path = Path(self._folder.path()) / f"{name}-{manager.mode}{contrast}.svg"
            if not path.exists():
                path.write_text(
                    '<svg xmlns="http://www.w3.org/2000/svg" width="16" height="16" fill="none" '
                    f'stroke="{getattr(tokens(), token)}" stroke-width="1.75" '
                    f'stroke-linecap="round" stroke-linejoin="round"><path d="{shape}"/></svg>',
                    encoding="utf-8",
                )
            paths[name] = path.as_posix()
        return paths


_DISC = "M8 6.5a1.5 1.5 0 1 0 .01 0M8 5.5a2.5 2.5 0 1 0 .01 0M8 4.5a3.5 3.5 0 1 0 .01 0"
_GLYPHS = {
    "down": ("M4 6l4 4 4-4", "muted"),
    "down_off": ("M4 6l4 4 4-4", "disabled"),
    "up": ("M4 10l4-4 4 4", "muted"),
    "check": ("M3.5 8.5l3 3 6-7", "on_accent"),
    "dot": (_DISC, "accent"),
    "dot_off": (_DISC, "disabled"),
}


def _palette() -> QPalette:
    role, group = QPalette.ColorRole, QPalette.ColorGroup
    palette = QPalette()
    for target, name in (
        (role.Window, "bg"),
        (role.WindowText, "text"),
        (role.Base, "raised"),
        (role.AlternateBase, "surface"),
        (role.Text, "text"),
        (role.PlaceholderText, "muted"),
        (role.Button, "raised"),
        (role.ButtonText, "text"),
        (role.BrightText, "error"),
        (role.ToolTipBase, "raised"),
        (role.ToolTipText, "text"),
        (role.Highlight, "accent"),
        (role.HighlightedText, "on_accent"),
        (role.Accent, "accent"),
        (role.Link, "accent"),
        (role.LinkVisited, "accent"),
        (role.Light, "hover"),
        (role.Midlight, "raised"),
        (role.Mid, "border"),
        (role.Dark, "border"),
        (role.Shadow, "bg"),
    ):
        palette.setColor(target, color(name))
    for target in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(group.Disabled, target, color("disabled"))
    return palette


def _style_sheet(glyphs: dict[str, str]) -> str:
    values: dict[str, object] = {
        name: getattr(tokens(), name) for name in Tokens.__slots__ if name != "watch"
    }
    values |= {f"glyph_{name}": path for name, path in glyphs.items()}
    values |= {f"size_{name}": px(size) for name, size in TYPE_SIZES.items()}
    values |= {f"p{n}": px(n) for n in (2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 18, 20, 24, 26)}
    values |= {"round": (px(14) + 4) // 2}  # half the height of a ring with its border of 2
    values |= {"radius": RADIUS, "tab_text": title_height() - px(8) - px(6) - 2}
    return _SHEET.substitute(values)


_SHEET = Template(
    """
QWidget { font-size: ${size_body}px; }
QMainWindow, QDialog { background: $bg; }
QMainWindow::separator { background: $bg; width: 8px; height: 8px; }
QMainWindow::separator:hover { background: $accent; }
QToolTip { background: $raised; color: $text; border: 1px solid $border; padding: ${p4}px; }

QLabel { background: transparent; }
QLabel[role="caption"] { font-size: ${size_caption}px; color: $muted; }
QLabel[role="muted"] { color: $muted; }
QLabel[role="title"] { font-size: ${size_title}px; font-weight: 600; }
QLabel[role="group"] { font-size: ${size_caption}px; font-weight: 600; color: $muted; }
QLabel[role="strong"] { font-weight: 600; }
QLabel[role="figure"] { font-size: ${size_figure}px; font-weight: 600; }
QLabel[role="ok"] { font-size: ${size_caption}px; color: $ok; }
QLabel[role="warn"] { font-size: ${size_caption}px; color: $warn; }
QLabel[role="error"] { font-size: ${size_caption}px; color: $error; }
QLabel:disabled { color: $disabled; }

QFrame[role="toolbar"], QFrame[role="statusbar"] { background: $surface; border: none; }
QFrame[role="popup"] { background: $raised; border: 1px solid $border; }
QFrame[role="message"] {
    background: $raised; border: 1px solid $border; border-left: 4px solid $accent;
    border-radius: ${radius}px;
}
QFrame[role="message"][kind="ok"] { border-left-color: $ok; }
QFrame[role="message"][kind="warn"] { border-left-color: $warn; }
QFrame[role="message"][kind="error"] { border-left-color: $error; }
QLabel[role="accent"] { font-size: ${size_caption}px; color: $accent; }
QLabel[role="keys"] {
    background: $raised; border: 1px solid $border; border-radius: 4px;
    padding: ${p2}px ${p6}px; font-size: ${size_caption}px;
}

QToolBar { background: $surface; border: none; padding: ${p8}px; spacing: ${p8}px; }
QToolBar::separator { background: $border; width: 1px; margin: ${p4}px ${p8}px; }
QStatusBar { background: $surface; border: none; }
QStatusBar::item { border: none; }
QStatusBar QLabel { font-size: ${size_caption}px; color: $muted; }

QWidget[role="surface"], QWidget[role="dock-title"] { background: $surface; }
QScrollArea { background: transparent; border: none; }
QScrollArea > QWidget > QWidget { background: transparent; }

QMainWindow > QTabBar {
    background: $surface; qproperty-drawBase: 0;
    font-size: ${size_title}px; font-weight: 600;  /* what its tabs are elided by */
}
QMainWindow > QTabBar::tab {
    background: $surface; color: $muted; border: none; border-bottom: 2px solid transparent;
    font-size: ${size_title}px; font-weight: 600; height: ${tab_text}px;
    padding: ${p8}px 7px ${p6}px 7px; margin-left: 2px;
}
QMainWindow > QTabBar::tab:first { margin-left: 5px; }
QMainWindow > QTabBar::tab:hover { color: $text; }
QMainWindow > QTabBar::tab:selected { color: $text; border-bottom-color: $accent; }
QMainWindow > QTabBar::tab:focus { color: $accent; }

QMenu { background: $raised; border: 1px solid $border; padding: ${p4}px; }
QMenu::item { padding: ${p6}px ${p24}px ${p6}px ${p8}px; border-radius: 4px; }
QMenu::item:selected { background: $selected; }
QMenu::item:disabled { color: $disabled; }
QMenu::icon { padding-left: ${p8}px; }
QMenu::separator { height: 1px; background: $border; margin: ${p4}px ${p8}px; }
QMenuBar { background: $surface; }
QMenuBar::item { padding: ${p4}px ${p8}px; background: transparent; }
QMenuBar::item:selected { background: $hover; }

QPushButton, QToolButton {
    background: transparent; color: $text; border: 2px solid transparent;
    border-radius: ${radius}px; padding: ${p4}px ${p8}px;
}
QToolButton { padding: ${p4}px; }
QToolButton[popupMode="2"] { padding-right: ${p18}px; }
QPushButton:hover, QToolButton:hover { background: $hover; }
QPushButton:pressed, QToolButton:pressed, QToolButton:checked, QPushButton:checked {
    background: $selected;
}
QPushButton:disabled, QToolButton:disabled { color: $disabled; }
QPushButton:focus, QToolButton:focus { border-color: $accent; }
QToolButton::menu-indicator {
    image: url($glyph_down); width: ${p14}px; height: ${p14}px;
    subcontrol-origin: padding; subcontrol-position: center right; right: ${p2}px;
}
QPushButton[role="outline"] { border: 1px solid $border; padding: ${p5}px ${p10}px; }
QPushButton[role="outline"]:focus { border: 2px solid $accent; padding: ${p4}px ${p8}px; }
QPushButton[role="primary"] {
    background: $accent; color: $on_accent; font-weight: 600; border: 2px solid $accent;
    padding: ${p4}px ${p16}px;
}
QPushButton[role="primary"]:hover { border-color: $text; }
QPushButton[role="primary"]:focus { border-color: $text; }
QPushButton[role="primary"]:disabled {
    background: $hover; color: $muted; border-color: transparent;
}
QToolButton[role="reset"] { padding: 0; border: 1px solid transparent; }
QToolButton[role="reset"]:focus { border-color: $accent; }

QLineEdit, QAbstractSpinBox, QComboBox, QPlainTextEdit, QTextEdit {
    background: $raised; color: $text; border: 1px solid $border; border-radius: ${radius}px;
    padding: ${p3}px ${p6}px; selection-background-color: $accent;
    selection-color: $on_accent;
}
QLineEdit, QComboBox { min-height: ${p20}px; max-height: ${p20}px; }
QAbstractSpinBox { min-height: ${p26}px; max-height: ${p26}px; }
QAbstractSpinBox, QAbstractSpinBox:focus { padding: 0; }
QLineEdit:hover, QAbstractSpinBox:hover, QComboBox:hover { border-color: $muted; }
QLineEdit:focus, QAbstractSpinBox:focus, QComboBox:focus, QPlainTextEdit:focus, QTextEdit:focus {
    border: 2px solid $accent; padding: ${p2}px ${p5}px;
}
QLineEdit:disabled, QAbstractSpinBox:disabled, QComboBox:disabled {
    color: $disabled; background: $surface;
}
QAbstractSpinBox QLineEdit, QAbstractSpinBox QLineEdit:focus {
    border: none; padding: 0 ${p6}px; min-height: 0; background: transparent;
}
QAbstractSpinBox::up-button, QAbstractSpinBox::down-button { width: 0; height: 0; border: none; }
QComboBox { combobox-popup: 0; }  /* a list below the box: a menu over it cut its last row off */
QComboBox::drop-down { border: none; width: ${p24}px; }
QComboBox::down-arrow { image: url($glyph_down); width: ${p16}px; height: ${p16}px; }
QComboBox::down-arrow:disabled { image: url($glyph_down_off); }
QComboBox QAbstractItemView {
    background: $raised; border: 1px solid $border; padding: ${p4}px; outline: none;
    selection-background-color: $selected; selection-color: $text;
}

QCheckBox, QRadioButton { spacing: ${p8}px; background: transparent; }
QCheckBox:disabled { color: $disabled; }
QCheckBox::indicator {
    width: ${p14}px; height: ${p14}px; border: 1px solid $muted; border-radius: 4px;
    background: $raised;
}
QCheckBox::indicator:hover { border-color: $text; }
QCheckBox::indicator:focus { border: 2px solid $accent; }
QCheckBox::indicator:checked {
    background: $accent; border-color: $accent; image: url($glyph_check);
}
QCheckBox::indicator:checked:focus { border-color: $text; }
QCheckBox::indicator:disabled { border-color: $disabled; }
QRadioButton:disabled { color: $disabled; }
QRadioButton::indicator {
    width: ${p14}px; height: ${p14}px; border: 2px solid $muted; border-radius: ${round}px;
    background: $raised;
}
QRadioButton::indicator:hover { border-color: $text; }
QRadioButton::indicator:focus { border-color: $accent; }
QRadioButton::indicator:checked { border-color: $accent; image: url($glyph_dot); }
QRadioButton::indicator:checked:focus { border-color: $text; }
QRadioButton::indicator:disabled { border-color: $disabled; }
QRadioButton::indicator:checked:disabled { image: url($glyph_dot_off); }

QListView, QTreeView, QTableView {
    background: $surface; border: none; outline: none; alternate-background-color: $raised;
    selection-background-color: $selected; selection-color: $text; gridline-color: $border;
}
QListView::item, QTreeView::item, QTableView::item { padding: ${p4}px; }
QListView::item:hover, QTreeView::item:hover { background: $hover; }
QListView:focus, QTreeView:focus, QTableView:focus { border: 2px solid $accent; }
QHeaderView::section {
    background: $surface; color: $muted; border: none; border-bottom: 1px solid $border;
    padding: ${p4}px ${p8}px; font-size: ${size_caption}px;
}

QScrollBar { background: transparent; border: none; }
QScrollBar:vertical { width: 10px; }
QScrollBar:horizontal { height: 10px; }
QScrollBar::handle { background: $border; border-radius: 3px; margin: 2px; }
QScrollBar::handle:vertical { min-height: 28px; }
QScrollBar::handle:horizontal { min-width: 28px; }
QScrollBar::handle:hover { background: $muted; }
QScrollBar::add-line, QScrollBar::sub-line { width: 0; height: 0; }
QScrollBar::add-page, QScrollBar::sub-page { background: transparent; }

QProgressBar { background: $raised; border: none; border-radius: 2px; max-height: 4px; }
QProgressBar::chunk { background: $accent; border-radius: 2px; }
"""
)
