"""Menu that arranges the window: layouts, docks, text size."""

from __future__ import annotations

from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QAction, QActionGroup
from PySide6.QtWidgets import QMenu, QWidget

from spikestudio.app import theme
from spikestudio.app.actions import Actions
from spikestudio.app.docks import DockManager
from spikestudio.app.layouts import LAYOUTS
from spikestudio.app.settings import Settings
from spikestudio.language import LANGUAGES, SYSTEM, tr, tr_in


class ViewMenu(QMenu):
    """Choose a layout, open and close docks, set text size and language."""

    languageChosen = Signal(str)  # noqa: N815  in force from the next start on

    def __init__(
        self, docks: DockManager, commands: Actions, settings: Settings, parent: QWidget
    ) -> None:
        super().__init__(tr("View"), parent)
        self.setToolTipsVisible(True)
        self._docks, self._settings = docks, settings
        self._layouts, self._scales = QActionGroup(self), QActionGroup(self)
        self._languages = QActionGroup(self)
        self._add_heading(tr("Layout"))
        for layout in LAYOUTS.values():
            action = self.addAction(tr_in("layout", layout.name))
            action.setData(layout.name)
            action.setToolTip(layout.tip)
            action.setCheckable(True)
            self._layouts.addAction(action)
        self.addSeparator()
        self._add_heading(tr("Docks"))
        for dock in docks.docks.values():
            self.addAction(dock.toggleViewAction())
        self.addSeparator()
        sizes = self.addMenu(tr("Text size"))
        for scale in theme.TEXT_SCALES:
            action = sizes.addAction(f"{scale:.0%}".replace("%", " %"))
            action.setData(scale)
            action.setCheckable(True)
            action.setChecked(scale == settings.text_scale)
            self._scales.addAction(action)
        self._add_languages()
        self.addActions([commands["toggle-theme"], commands["high-contrast"]])
        self.addSeparator()
        self.addActions([commands["present"], commands["reset-layout"]])
        self._layouts.triggered.connect(self._on_layout)
        self._scales.triggered.connect(self._on_scale)
        self._languages.triggered.connect(self._on_language)
        docks.layoutChanged.connect(self._follow_layout)

    def _add_languages(self) -> None:
        menu = self.addMenu(tr("Language"))
        for code, name in ((SYSTEM, tr("Same as the computer")), *LANGUAGES.items()):
            action = menu.addAction(name)
            action.setData(code)
            action.setCheckable(True)
            action.setChecked(code == self._settings.language)
            self._languages.addAction(action)

    def _add_heading(self, text: str) -> None:
        self.addAction(text).setEnabled(False)

    @Slot(QAction)
    def _on_layout(self, action: QAction) -> None:
        self._docks.apply(action.data())

    @Slot(QAction)
    def _on_scale(self, action: QAction) -> None:
        self._settings.text_scale = action.data()
        self._follow_layout(self._docks.layout_name)

    @Slot(QAction)
    def _on_language(self, action: QAction) -> None:
        if self._settings.language != action.data():
            self._settings.language = action.data()
            self.languageChosen.emit(action.text())

    @Slot(str)
    def _follow_layout(self, name: str) -> None:
        for action in self._layouts.actions():
            action.setChecked(action.data() == name)
        theme.manager.set_scale(max(self._settings.text_scale, LAYOUTS[name].text_scale))
