"""Docks with a slim title bar, whose content is built when first seen."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import (
    QDockWidget,
    QHBoxLayout,
    QLabel,
    QMainWindow,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from earmark.ui.widgets import bold, tool_button


class Dock(QDockWidget):
    """A dock of the main window.

    If the content has a widget as its property "dock-header", that is put into the
    title bar, so that one line serves both.

    Parameters
    ----------
    name : str
        Stable; the saved layout knows the dock by it.
    title : str
    make : callable
        Gives the content. It is called when the dock is first seen, since what nobody
        looks at must not delay the start.
    window : QMainWindow
    """

    def __init__(
        self, name: str, title: str, make: Callable[[], QWidget], window: QMainWindow
    ) -> None:
        super().__init__(title, window)
        self.setObjectName(f"dock.{name}")
        self.setAccessibleName(title)
        self._make: Callable[[], QWidget] | None = make
        # While docks are put together each of them is visible for a moment.
        self._awake = False
        self._title = _TitleBar(title, self)
        self.setTitleBarWidget(self._title)
        holder = QWidget(self)
        holder.setProperty("role", "dock")
        self._layout = QVBoxLayout(holder)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self.setWidget(holder)
        self.visibilityChanged.connect(self._take_visibility)
        self.topLevelChanged.connect(lambda _: self.fit_title())
        self.dockLocationChanged.connect(lambda _: self.fit_title())

    def content(self) -> QWidget:
        """The content, built now if it was not."""
        if self._make is not None:
            make, self._make = self._make, None
            widget = make()
            self._layout.addWidget(widget)
            header = widget.property("dock-header")
            if isinstance(header, QWidget):
                self._title.fill(header)
        item = self._layout.itemAt(0)
        assert item is not None
        built = item.widget()
        assert built is not None
        return built

    @property
    def built(self) -> bool:
        """Whether the content exists yet."""
        return self._make is None

    def reveal(self) -> None:
        """Show the dock, in front of those it shares its place with."""
        self.content()
        self.show()
        self.raise_()

    def fit_title(self) -> None:
        """Leave the title to the tab where there is one."""
        window = self.parentWidget()
        tabbed = (
            isinstance(window, QMainWindow)
            and not self.isFloating()
            and bool(window.tabifiedDockWidgets(self))
        )
        self._title.label.setVisible(not tabbed)

    def awake(self) -> None:
        """From now on, build the content when it is seen; now, if it is already."""
        self._awake = True
        self._take_visibility(not self.visibleRegion().isEmpty())

    def _take_visibility(self, visible: bool) -> None:
        if visible and self._awake:
            self.content()
            for dock in self.window().findChildren(Dock):
                dock.fit_title()


class _TitleBar(QWidget):
    def __init__(self, title: str, dock: QDockWidget) -> None:
        super().__init__(dock)
        self.setProperty("role", "dock-title")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFixedHeight(38)
        self.label = QLabel(title, self)
        self.label.setContentsMargins(4, 0, 8, 0)
        bold(self.label)
        self._header = QHBoxLayout()
        layout = QHBoxLayout(self)
        layout.setContentsMargins(8, 4, 4, 4)
        layout.setSpacing(4)
        layout.addWidget(self.label)
        layout.addLayout(self._header, 1)
        layout.addSpacing(4)
        for name, text, act in (
            (
                "ph.arrow-square-out",
                "Float",
                lambda: dock.setFloating(not dock.isFloating()),
            ),
            ("ph.x", "Close", dock.close),
        ):
            button = tool_button(name, f"{text} {title}", self)
            button.setIconSize(QSize(14, 14))
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            button.clicked.connect(act)
            layout.addWidget(button)

    def fill(self, header: QWidget) -> None:
        self._header.addWidget(header)


def spacer(parent: QWidget) -> QWidget:
    """A widget that takes what room is left in a tool bar."""
    widget = QWidget(parent)
    widget.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
    return widget
