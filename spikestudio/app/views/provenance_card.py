"""Card about a dropped file: how it was made, and whether to take its settings."""

from __future__ import annotations

from html import escape

from PySide6.QtCore import QSize, Qt, Slot
from PySide6.QtGui import QFont, QGuiApplication, QKeyEvent, QKeySequence, QShowEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QSizePolicy,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from spikestudio.app import theme
from spikestudio.app.viewmodels.provenance import Opened, ProvenanceModel, short, shown
from spikestudio.app.views.parts import Caption
from spikestudio.app.widgets.icons import IconLabel
from spikestudio.language import tr

WIDTH, LIST_HEIGHT, LEAST_HEIGHT = 520, 340, 120
MOST_DIFFERENCES = 6


class ProvenanceCard(QDialog):
    """Says what a file was made with and in what this machine differs; Apply, Show, Cancel."""

    def __init__(self, opened: Opened, model: ProvenanceModel, parent: QWidget) -> None:
        super().__init__(parent)
        self.opened, self._model = opened, model
        name = shown(opened.path.name)
        self.setWindowTitle(tr("How {name} was made", name=name))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.title = Caption(name, role="title", token="text")
        self.summary = QLabel(_summary(opened))
        self.notes = [
            self._note("mdi6.information-outline", "accent", each) for each in opened.notes
        ]
        self.differences = self._differences()
        self.reason = QLabel()
        _let_wrap(self.reason)
        theme.set_role(self.reason, "warn")
        self.apply = QPushButton(tr("Apply"))
        theme.set_role(self.apply, "primary")
        self.apply.setDefault(True)
        self.show_all = QPushButton(tr("Show"))
        self.show_all.setCheckable(True)
        self.show_all.setAutoDefault(False)
        self.show_all.setToolTip(tr("Show everything that the file says of its origin"))
        self.cancel = QPushButton(tr("Cancel"))
        self.cancel.setAutoDefault(False)
        self.cancel.setToolTip(tr("Leave the settings as they are (Esc)"))
        for button in (self.show_all, self.cancel):
            theme.set_role(button, "outline")
        self.list = _listed(opened)
        self.list.hide()
        self._build()
        self.apply.clicked.connect(self._apply)
        self.show_all.toggled.connect(self._on_show_toggled)
        self.cancel.clicked.connect(self.reject)
        model.changed.connect(self._follow)
        self._follow()
        self.apply.setFocus()

    def _build(self) -> None:
        _let_wrap(self.summary)
        theme.set_role(self.summary, "muted")
        buttons = QHBoxLayout()
        buttons.setSpacing(2 * theme.SPACE)
        buttons.addWidget(self.show_all)
        buttons.addStretch(1)
        buttons.addWidget(self.cancel)
        buttons.addWidget(self.apply)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 16, 24, 16)
        layout.setSpacing(3 * theme.SPACE)
        for widget in (self.title, self.summary, *self.notes, *self.differences):
            layout.addWidget(widget)
        layout.addWidget(self.list, 1)
        layout.addWidget(self.reason)
        layout.addLayout(buttons)
        self.setMinimumWidth(theme.px(WIDTH))

    def _differences(self) -> list[QWidget]:
        """Lines about this machine; none if nothing differs."""
        machine = self.opened.machine
        if not machine:
            return []
        lines = [each.text for each in machine[:MOST_DIFFERENCES]]
        if len(machine) > MOST_DIFFERENCES:
            lines.append(
                tr("and {num_machine:,} more", num_machine=len(machine) - MOST_DIFFERENCES)
            )
        head = tr("This machine differs, so the images can: spikes amplify rounding.")
        return [self._note("mdi6.alert-outline", "warn", "\n".join([head, *lines]))]

    def _note(self, icon: str, token: str, text: str) -> QWidget:
        label = QLabel(text)
        _let_wrap(label)
        label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        row = QWidget()
        row.setAccessibleName(text)
        layout = QHBoxLayout(row)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2 * theme.SPACE)
        layout.addWidget(IconLabel(icon, token), 0, Qt.AlignmentFlag.AlignTop)
        layout.addWidget(label, 1)
        return row

    @Slot()
    def _follow(self) -> None:
        """Say whether the settings can be applied now, and what that will do."""
        reason = self._model.cannot_apply(self.opened)
        self.apply.setEnabled(not reason)
        self.reason.setText(reason)
        self.reason.setVisible(bool(reason))
        origin = self.opened.origin
        if reason:
            tip = reason
        elif self._model.is_loaded(origin):
            tip = tr("Put these settings into the sampler")
        else:
            entry = self._model.entry(origin)
            tip = tr(
                "Load {entry}, and put these settings in",
                entry=entry.name if entry else origin.checkpoint,
            )
        self.apply.setToolTip(_plain(tip))

    @Slot()
    def _apply(self) -> None:
        self._model.apply(self.opened)
        self.accept()

    @Slot(bool)
    def _on_show_toggled(self, is_shown: bool) -> None:
        self.list.setVisible(is_shown)
        self.show_all.setText(tr("Show less") if is_shown else tr("Show"))
        self._fit()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802  Qt override
        super().showEvent(event)
        self._fit()

    def _fit(self) -> None:
        """Take the height that the texts need at this width, as far as the screen has it."""
        layout = self.layout()
        if layout is None:
            return
        layout.activate()
        width = max(self.width(), layout.minimumSize().width())
        room = self.screen().availableGeometry().height() - theme.px(40)
        self.resize(width, min(max(layout.heightForWidth(width), 1), room))


def _let_wrap(label: QLabel) -> None:
    """Let a text break; it must not become markup, and a long word must not widen the card."""
    label.setWordWrap(True)
    label.setTextFormat(Qt.TextFormat.PlainText)
    policy = QSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
    policy.setHeightForWidth(True)
    label.setSizePolicy(policy)


def _plain(text: str) -> str:
    """A tooltip with a text of a file, which must not become markup."""
    return f"<span>{escape(text)}</span>"


def _summary(opened: Opened) -> str:
    origin, request = opened.origin, opened.origin.request
    images = (
        tr("1 image") if request.num == 1 else tr("{request_num:,} images", request_num=request.num)
    )
    part = "" if origin.image is None else tr("Image {image:,} of ", image=origin.image + 1)
    return tr(
        "{part}{images} of {short}, seed {seed}, {sampler}, "
        "{steps:,} denoising steps, {snn_steps:,} SNN steps, "
        "threshold {threshold:.3f}, on {short_2}",
        part=part,
        images=images,
        short=short(origin.checkpoint),
        seed=request.seed,
        sampler=request.sampler,
        steps=request.steps,
        snn_steps=request.snn_steps,
        threshold=request.threshold,
        short_2=short(str(origin.values["device"])),
    )


def _listed(opened: Opened) -> QTreeWidget:
    """Every line of the readable view, in groups; Ctrl+C copies the chosen ones."""
    tree = _Lines()
    bold = QFont(theme.font())
    bold.setWeight(QFont.Weight.DemiBold)
    group: QTreeWidgetItem | None = None
    for row in opened.rows:
        if not row.value:
            group = QTreeWidgetItem([row.title])
            group.setFont(0, bold)
            group.setFlags(Qt.ItemFlag.ItemIsEnabled)
            tree.addTopLevelItem(group)
            group.setFirstColumnSpanned(True)
            group.setExpanded(True)
        elif group is not None:
            item = QTreeWidgetItem([row.title, row.value])
            item.setToolTip(1, _plain(row.value))
            group.addChild(item)
    return tree


class _Lines(QTreeWidget):
    """Two columns, title and value."""

    def __init__(self) -> None:
        super().__init__()
        self.setColumnCount(2)
        self.setHeaderHidden(True)
        self.setRootIsDecorated(False)
        self.setIndentation(theme.px(12))
        self.setUniformRowHeights(True)
        self.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setAccessibleName(tr("Everything that the file says of its origin"))
        self.setMinimumHeight(theme.px(LEAST_HEIGHT))
        self.header().setSectionResizeMode(0, QHeaderView.ResizeMode.ResizeToContents)
        self.header().setStretchLastSection(True)

    def sizeHint(self) -> QSize:  # noqa: N802  Qt override
        return QSize(theme.px(WIDTH), theme.px(LIST_HEIGHT))

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802  Qt override
        if event.matches(QKeySequence.StandardKey.Copy):
            lines = [f"{each.text(0)}: {each.text(1)}" for each in self.selectedItems()]
            QGuiApplication.clipboard().setText("\n".join(lines))
            return
        super().keyPressEvent(event)
