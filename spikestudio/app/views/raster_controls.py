"""Controls above and below the raster, and what they show of it."""

from __future__ import annotations

from PySide6.QtCore import QSize, Slot
from PySide6.QtWidgets import QWidget

from spikestudio.app import theme
from spikestudio.app.plots.palettes import Lut
from spikestudio.app.plots.raster_data import Mode, RasterStack
from spikestudio.app.plots.row_choice import RowChoice
from spikestudio.app.plots.row_orders import RULES, SIMILAR
from spikestudio.app.plots.scale_bar import ScaleBar
from spikestudio.app.views.layer_chooser import LayerChooser
from spikestudio.app.views.parts import Caption, Combo, Segmented, chip, tool_row
from spikestudio.app.views.raster_filter import FilterBox
from spikestudio.app.widgets.icons import IconButton
from spikestudio.language import tr

MODES: tuple[Mode, ...] = ("spikes", "potential")
LEAST_COUNT = 230  # pixels: "showing 178 of 131,072 (filter: 45,312 pass)"
SCOPES = (tr("This layer"), tr("All layers"))
POTENTIAL_TIP = tr("Show the potential before reset in each SNN step")
ONE_LAYER_TIP = tr("Potentials are recorded of one layer at a time: choose This layer")


class CountLabel(Caption):
    """Count of rows, which gives way to the controls beside it while it keeps most of its text.

    What is cut is the rule, which is seen beside it; the tooltip has it all.
    """

    def __init__(self, *beside: QWidget) -> None:
        self._beside = beside
        super().__init__(is_whole=True)

    def sizeHint(self) -> QSize:  # noqa: N802  Qt override
        hint, parent = super().sizeHint(), self.parentWidget()
        if parent is None:
            return hint
        taken = sum(widget.sizeHint().width() + 2 * theme.SPACE for widget in self._beside)
        room = parent.width() - taken - 2 * theme.SPACE
        is_enough = room >= theme.px(LEAST_COUNT)
        return QSize(min(hint.width(), room), hint.height()) if is_enough else hint


class RasterControls:
    """The controls of one raster; the view lays them out and listens to them."""

    def __init__(self, *, has_similar: bool) -> None:
        self.layers = LayerChooser()
        self.scope = Combo(
            tr("Scope"), tr("Neurons of the chosen layer, or of every layer"), SCOPES
        )
        self.mode = Segmented(
            tr("Show"),
            (
                (tr("Spikes"), tr("Show which neurons fired in each SNN step")),
                (tr("Potential"), POTENTIAL_TIP),
            ),
        )
        rules = [*RULES]
        if has_similar:
            rules.insert(rules.index("index"), SIMILAR)
        self.rule = Combo(tr("Rule"), tr("Which neurons are shown, and in which order"))
        for rule in rules:
            self.rule.addItem(tr(rule), rule)
        self.funnel = IconButton("mdi6.filter-outline", tr("Filter the neurons"))
        self.funnel.setCheckable(True)
        self.filter = FilterBox()
        self.filter.hide()
        self.back = IconButton("mdi6.chevron-up", tr("Neurons before these"))
        self.forth = IconButton("mdi6.chevron-down", tr("Neurons after these"))
        self.resort = chip(tr("Re-sort"), tr("Sort the rows anew"))
        self.live = chip(tr("Follow run"), tr("Show the newest steps again (double click)"))
        self.count_label = CountLabel(self.rule, self.funnel)
        self.scale = ScaleBar()
        self.funnel.toggled.connect(self._open_filter)
        self.filter.filterChanged.connect(self._show_filter)
        self.filter.closed.connect(self._close_filter)

    @property
    def is_all(self) -> bool:
        """Whether rows of every layer are wanted."""
        return self.scope.currentIndex() == 1

    @property
    def current_mode(self) -> Mode:
        """What is drawn of the neurons."""
        return MODES[self.mode.current]

    def rows(self) -> tuple[QWidget, ...]:
        """Return the rows of controls above the plot."""
        return (
            tool_row(self.layers, self.scope, self.mode, self.scale),
            tool_row(self.count_label, self.rule, self.funnel),
            self.filter,
        )

    def limit_modes(self) -> None:
        """Offer the potentials only of one layer."""
        potential = self.mode.button(1)
        potential.setEnabled(not self.is_all)
        potential.setToolTip(ONE_LAYER_TIP if self.is_all else POTENTIAL_TIP)
        if self.is_all:
            self.mode.button(0).setChecked(True)

    def draw(self, stack: RasterStack, choice: RowChoice, lut: Lut, *, is_following: bool) -> None:
        """Show how many rows there are and what can be done with them."""
        is_potential = self.current_mode == "potential"
        self.scale.setVisible(is_potential)
        if is_potential:
            self.scale.set_scale(
                tr("potential ÷ threshold"),
                lut,
                ((0, "≤ −1"), (1 / 3, "0"), (2 / 3, tr("threshold")), (1, "≥ 2")),
            )
        shown = [rows.size for rows in stack.rows]
        self.count_label.set_text(choice.text(shown, stack.total, stack.counted))
        self.back.setVisible(choice.pages > 1)
        self.forth.setVisible(choice.pages > 1)
        self.back.setEnabled(choice.page > 0)
        self.forth.setEnabled(choice.page < choice.pages - 1)
        self.resort.setToolTip(
            tr("Sorted by the spikes up to step {made_at:,}; sort anew", made_at=choice.made_at)
        )
        self.resort.setVisible(choice.is_stale(stack.fired, stack.counted))
        self.live.setVisible(not is_following)

    @Slot(bool)
    def _open_filter(self, is_open: bool) -> None:
        if self.filter.edit.hasFocus():
            self.funnel.setFocus()  # or it would go to whatever comes next
        self.filter.setVisible(is_open)
        if is_open:
            self.filter.setFocus()

    @Slot(object)
    def _show_filter(self, chosen: object) -> None:
        self.funnel.set_icon("mdi6.filter-outline" if chosen is None else "mdi6.filter")
        self.funnel.setToolTip(
            tr("Filter the neurons")
            if chosen is None
            else tr("Neurons are filtered: change the filter")
        )

    @Slot()
    def _close_filter(self) -> None:
        self.funnel.setChecked(False)
