"""Where the Tab key and F6 go: to what can be seen, in the order it is read.

Qt's own order is that in which the widgets were made. Panels are made when they are
first seen, and those behind another one are still visible to Qt, so its order jumps
about, goes to what is hidden, and never comes to some of the panels.
"""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QDockWidget,
    QMainWindow,
    QScrollArea,
    QStatusBar,
    QToolBar,
    QWidget,
)


def step_control(window: QMainWindow, direction: int) -> bool:
    """Focus the next (1) or the previous (-1) control; False if there is none."""
    focused = QApplication.focusWidget()
    stops = _stops(window, also=focused)
    order = [
        each for part in _parts(window) for each in stops if part.isAncestorOf(each)
    ]
    if not order:
        return False
    at = order.index(focused) if focused in order else -max(direction, 0)
    _focus(order[(at + direction) % len(order)], direction)
    return True


def step_panel(window: QMainWindow, direction: int) -> None:
    """Focus the next (1) or the previous (-1) of the editor and the docks in front."""
    focused = QApplication.focusWidget()
    panels = [
        part
        for part in _parts(window)
        if part is window.centralWidget() or isinstance(part, QDockWidget)
    ]
    if panels:
        inside = [part for part in panels if focused and part.isAncestorOf(focused)]
        at = panels.index(inside[0]) if inside else -max(direction, 0)
        focus_panel(panels[(at + direction) % len(panels)])


def focus_panel(panel: QWidget) -> None:
    """Focus the first control of a panel; of a dock, below its title."""
    content = panel.widget() if isinstance(panel, QDockWidget) else panel
    inside = [stop for stop in _stops(content) if content.isAncestorOf(stop)]
    _focus(inside[0] if inside else content, 1)


def _parts(window: QMainWindow) -> list[QWidget]:
    """The bars, docks and the editor that are seen: column after column."""
    shown = [
        child
        for child in window.children()
        if isinstance(child, QWidget)
        and child.isVisible()
        and not child.isWindow()
        and not child.visibleRegion().isEmpty()
    ]

    def place(part: QWidget) -> tuple[int, int, int]:
        bar = isinstance(part, QStatusBar) - isinstance(part, QToolBar)
        return bar, part.x(), part.y()

    return sorted(shown, key=place)


def _stops(first: QWidget, also: QWidget | None = None) -> list[QWidget]:
    """What takes the Tab key in a window, from a widget on in Qt's own order."""
    found: list[QWidget] = []
    widget = first.nextInFocusChain()
    while widget is not None and widget is not first:
        takes_tab = (
            bool(widget.focusPolicy() & Qt.FocusPolicy.TabFocus)
            and widget.isVisible()
            and widget.isEnabled()
            and widget.focusProxy() is None
            and not _is_other_choice(widget)
        )
        if takes_tab or widget is also:
            found.append(widget)
        widget = widget.nextInFocusChain()
    return found


def _is_other_choice(widget: QWidget) -> bool:
    """Whether it is one of several choices, of which another one stands.

    The arrow keys go from choice to choice.
    """
    if not isinstance(widget, QAbstractButton) or widget.isChecked():
        return False
    group = widget.group()
    if group is None or not group.exclusive():
        return False
    chosen = group.checkedButton()
    return chosen is not None and chosen.isVisible() and chosen.isEnabled()


def _focus(widget: QWidget, direction: int) -> None:
    reason = Qt.FocusReason
    widget.setFocus(
        reason.TabFocusReason if direction > 0 else reason.BacktabFocusReason
    )
    around = widget.parentWidget()
    while around is not None and not around.isWindow():
        if isinstance(around, QScrollArea):
            around.ensureWidgetVisible(widget)
        around = around.parentWidget()
