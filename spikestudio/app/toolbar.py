"""The bar at the top of the window: model, run, seed, arrangement."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QRect, QSize, Qt, Signal, Slot
from PySide6.QtGui import QAction, QIcon, QPainter, QPixmap, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QMenu, QToolButton, QWidget

from spikestudio.app import theme
from spikestudio.app.actions import Actions
from spikestudio.app.viewmodels import parameters
from spikestudio.app.viewmodels.checkpoint import CheckpointModel
from spikestudio.app.viewmodels.queue import QueueModel
from spikestudio.app.viewmodels.sampler import SamplerModel
from spikestudio.app.widgets.command_button import CommandButton
from spikestudio.app.widgets.icons import IconButton
from spikestudio.app.widgets.model_card import paint_thumbnail, thumbnail
from spikestudio.app.widgets.parameter_row import NumberBox
from spikestudio.app.widgets.seed_box import SeedBox
from spikestudio.checkpoints.catalog import titles
from spikestudio.language import tr, tr_in

THUMB = 24
QUEUED, HELD = "mdi6.tray-full", "mdi6.pause-circle-outline"


class ToolBar(QFrame):
    """Model chooser, the commands of a run, seed and images, and what arranges the window."""

    seedEdited = Signal(object)  # noqa: N815
    numEdited = Signal(float)  # noqa: N815
    queueRequested = Signal()  # noqa: N815  to see what waits

    def __init__(
        self,
        actions: Actions,
        checkpoint: CheckpointModel,
        sampler: SamplerModel,
        queue: QueueModel,
        dock_menu: QMenu,
        record_menu: QMenu,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setProperty("role", "toolbar")
        self._queue = queue
        self._sampler = sampler
        self.model = ModelChooser(checkpoint, actions)
        self.sample = CommandButton(
            actions["sample"], "mdi6.play", role="primary", token="on_accent"
        )
        self.pause = CommandButton(actions["pause"], "mdi6.pause")
        self.step = CommandButton(actions["step"], "mdi6.skip-next")
        self.cancel = CommandButton(actions["cancel"], "mdi6.stop")
        for button in (self.pause, self.step, self.cancel):
            button.heir = self.sample
        self.waiting = IconButton(QUEUED, tr("Queue"))
        self.waiting.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.waiting.hide()
        self.seed = SeedBox()
        self.dice = IconButton("mdi6.dice-5-outline", actions["roll-seed"].toolTip())
        self.num = NumberBox(parameters.NUM)
        self.view = menu_button("mdi6.view-dashboard-outline", tr("Layout and docks"), dock_menu)
        self.view.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        export_menu = QMenu(self)
        export_menu.addActions([actions["export"], actions["export-raster"]])
        export_menu.addSeparator()
        export_menu.addActions([actions["copy-python"], actions["copy-command"]])
        export_menu.addSeparator()
        export_menu.addActions(
            [actions["save-session"], actions["save-session-as"], actions["report"]]
        )
        export_menu.addSeparator()
        export_menu.addActions(record_menu.actions())
        self.export = menu_button("mdi6.export-variant", tr("Export and record"), export_menu)
        self.theme = IconButton("mdi6.brightness-6", actions["toggle-theme"].toolTip())
        help_menu = QMenu(self)
        help_menu.addActions([actions["lessons"], actions["open-pack"], actions["make-pack"]])
        help_menu.addSeparator()
        help_menu.addActions([actions["help"], actions["shortcuts"]])
        help_menu.addSeparator()
        help_menu.addActions([actions["palette"], actions["find"], actions["keys"]])
        self.help = menu_button("mdi6.help-circle-outline", tr("Help"), help_menu)
        self._seed_label, self._num_label = QLabel(tr("Seed")), QLabel(tr("Images"))
        self._build()
        self._actions = actions

        self.dice.clicked.connect(actions["roll-seed"].trigger)
        self.theme.clicked.connect(actions["toggle-theme"].trigger)
        self.seed.edited.connect(self.seedEdited)
        self.num.edited.connect(self.numEdited)
        sampler.requestChanged.connect(self._show_request)
        sampler.commandsChanged.connect(self._show_commands)
        theme.manager.changed.connect(self._fit)
        self.waiting.clicked.connect(self.queueRequested)
        queue.changed.connect(self._show_queue)
        actions.keysChanged.connect(self._show_keys)
        self._show_request()

    def _build(self) -> None:
        self._row = row = QHBoxLayout(self)
        row.setContentsMargins(8, 8, 8, 8)
        row.setSpacing(theme.SPACE)
        for label, field in ((self._seed_label, self.seed), (self._num_label, self.num)):
            theme.set_role(label, "muted")
            label.setBuddy(field)
        row.addWidget(self.model)
        row.addSpacing(8)
        for button in (self.sample, self.pause, self.step, self.cancel, self.waiting):
            row.addWidget(button)
        row.addSpacing(8)
        row.addWidget(self._seed_label)
        row.addWidget(self.seed)
        row.addWidget(self.dice)
        row.addSpacing(8)
        row.addWidget(self._num_label)
        row.addWidget(self.num)
        row.addStretch(1)
        for tool in (self.view, self.export, self.theme, self.help):
            row.addWidget(tool)

    @Slot()
    def _show_request(self) -> None:
        self.seed.set_seed(self._sampler.request.seed)
        self.num.set_number(self._sampler.request.num)

    @Slot()
    def _show_commands(self) -> None:
        is_resume = self._sampler.is_paused
        self.pause.set_icon("mdi6.play-pause" if is_resume else "mdi6.pause")

    @Slot()
    def _show_keys(self) -> None:
        self.dice.setToolTip(self._actions["roll-seed"].toolTip())
        self.theme.setToolTip(self._actions["toggle-theme"].toolTip())

    @Slot()
    def _show_queue(self) -> None:
        """Show how many runs wait, and whether they wait for the user."""
        queue = self._queue
        self.sample.set_icon("mdi6.playlist-plus" if queue.is_adding else "mdi6.play")
        number = len(queue.waiting)
        text = tr("Queue: {number:,} waiting. {held}", number=number, held=queue.held).rstrip()
        if text == self.waiting.accessibleName() and self.waiting.isHidden() == (not number):
            return
        self.waiting.set_icon(HELD if queue.held else QUEUED)
        self.waiting.setText(f"{number:,}")
        self.waiting.setToolTip(tr("{the_text} Show the queue", the_text=text))
        self.waiting.setAccessibleName(text)
        self.waiting.setVisible(number > 0)
        self._fit()

    @Slot(str)
    def show_layout(self, name: str) -> None:
        """Name the layout in force."""
        self.view.setText(tr_in("layout", name))

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802  Qt override
        super().resizeEvent(event)
        self._fit()

    @Slot()
    def _fit(self) -> None:
        """Fix the widths of what changes its text; leave texts out where they do not fit."""
        digits = self.fontMetrics().horizontalAdvance("0")
        self.seed.setFixedWidth(9 * digits + theme.px(16))
        self.num.setFixedWidth(4 * digits + theme.px(20))
        style = Qt.ToolButtonStyle
        for has_texts, has_labels, has_names, has_fields in (
            (True, True, True, True),
            (False, True, True, True),
            (False, False, True, True),
            (False, False, False, True),
            (False, False, False, False),  # the sampler dock has them too
        ):
            for button, longest in (
                (self.pause, tr("Resuming…")),
                (self.step, tr("Step")),
                (self.cancel, tr("Stopping…")),
            ):
                button.set_text_shown(has_texts)
                button.setMinimumWidth(button.width_for(longest))
            self.sample.setMinimumWidth(self.sample.width_for(tr("Sample")))
            self._seed_label.setVisible(has_labels)
            self._num_label.setVisible(has_labels)
            for field in (self.seed, self.dice, self.num):
                field.setVisible(has_fields)
            self.model.set_text_shown(has_names)
            self.view.setToolButtonStyle(
                style.ToolButtonTextBesideIcon if has_names else style.ToolButtonIconOnly
            )
            self._row.invalidate()
            if self._row.sizeHint().width() <= self.width():
                return

    def minimumSizeHint(self) -> QSize:  # noqa: N802  Qt override
        return QSize(0, super().minimumSizeHint().height())


class ModelChooser(QToolButton):
    """Thumbnail and name of the model in use; the menu loads another one."""

    def __init__(self, checkpoint: CheckpointModel, actions: Actions) -> None:
        super().__init__()
        self._checkpoint, self._actions = checkpoint, actions
        self._is_text_shown = True
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setToolTip(tr("Model in use"))
        self.setMenu(QMenu(self))
        checkpoint.entriesChanged.connect(self._fill)
        checkpoint.loadingChanged.connect(self._show)
        theme.manager.changed.connect(self._show)
        self._fill()

    def set_text_shown(self, is_shown: bool) -> None:
        """Show thumbnail and name, or the thumbnail alone."""
        self._is_text_shown = is_shown
        self._show()

    @Slot()
    def _fill(self) -> None:
        self.menu().clear()
        names = titles(self._checkpoint.entries)
        for entry in self._checkpoint.entries:
            if entry.card is not None:
                action = self.menu().addAction(names[entry.path])
                action.setData(str(entry.path))
                action.triggered.connect(self._on_chosen)
        self.menu().addSeparator()
        self.menu().addAction(self._actions["open"])
        self._show()

    @Slot()
    def _show(self) -> None:
        model, loading = self._checkpoint.model, self._checkpoint.loading
        if loading is not None:
            text = tr("Loading {stem}…", stem=loading.stem)
        else:
            text = model.name if model else tr("No model")
        size = theme.px(THUMB)
        self.setIconSize(QSize(size, size))
        self.setIcon(self._icon(size))
        style = Qt.ToolButtonStyle
        self.setToolButtonStyle(
            style.ToolButtonTextBesideIcon if self._is_text_shown else style.ToolButtonIconOnly
        )
        self.setText(f" {text}")
        self.setAccessibleName(tr("Model: {the_text}", the_text=text))

    def _icon(self, size: int) -> QIcon:
        model = self._checkpoint.model
        ratio = self.devicePixelRatioF()
        picture = QPixmap(round(size * ratio), round(size * ratio))
        picture.setDevicePixelRatio(ratio)
        picture.fill(Qt.GlobalColor.transparent)
        painter = QPainter(picture)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        paint_thumbnail(
            painter,
            QRect(0, 0, size, size),
            thumbnail(model.path) if model else QPixmap(),
            model.card.architecture if model else "",
        )
        painter.end()
        return QIcon(picture)

    @Slot()
    def _on_chosen(self) -> None:
        action = self.sender()
        if isinstance(action, QAction):
            self._checkpoint.load(Path(action.data()))


def menu_button(icon_name: str, text: str, menu: QMenu) -> IconButton:
    """Return a button that opens a menu."""
    button = IconButton(icon_name, text)
    button.setMenu(menu)
    button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
    return button
