"""The preferences of plugins: which there are, which failed and why."""

from __future__ import annotations

from functools import partial

from PySide6.QtWidgets import (
    QCheckBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QVBoxLayout,
    QWidget,
)

from earmark.core.plugins import PluginFailure, PluginInfo
from earmark.ui.pages.page import Page
from earmark.ui.session import Session
from earmark.ui.widgets import button, muted, set_role


class PluginsPage(Page):
    """Each plugin with a switch; a failed one with its traceback."""

    def __init__(self, session: Session, parent: QWidget) -> None:
        super().__init__("Plugins", parent)
        self._session = session
        plugins = session.plugins
        failed: dict[str, list[PluginFailure]] = {}
        for failure in plugins.failures:
            failed.setdefault(failure.name, []).append(failure)
        if plugins.safe_mode:
            said = QLabel(
                "Earmark runs in safe mode: none of these is loaded now. The switches "
                "say which will be at the next start without --no-plugins.",
                self,
            )
            said.setWordWrap(True)
            set_role(said, "warning")
            self.body.addWidget(said)
        self.body.addWidget(
            muted(
                "Switching a plugin on or off counts from the next start. If the "
                "window does not start because of one, use the safe mode: "
                "earmark --no-plugins",
                self,
            )
        )
        if not plugins.infos:
            self.body.addWidget(muted("No plugin was found.", self, small=False))
        for info in plugins.infos:
            self.body.addWidget(self._card(info, failed.get(info.name, [])))

    def _card(self, info: PluginInfo, failures: list[PluginFailure]) -> QFrame:
        card = QFrame(self)
        card.setProperty("role", "card")
        layout = QVBoxLayout(card)
        layout.setContentsMargins(12, 8, 12, 8)
        layout.setSpacing(6)
        switch = QCheckBox(info.name, card)
        switch.setAccessibleName(f"Use {info.name}")
        disabled = self._session.store.settings.disabled_plugins
        switch.setChecked(info.name not in disabled)
        switch.toggled.connect(lambda on: self._switch(info.name, on))
        origin = (
            "Comes with Earmark"
            if info.builtin
            else f"{info.distribution} {info.version}"
        )
        row = QHBoxLayout()
        row.addWidget(switch, 1)
        row.addWidget(muted(origin, card))
        layout.addLayout(row)
        for failure in failures:
            said = QLabel(f"Failed in {failure.hook}: {failure.error}", card)
            said.setProperty("role", "error")
            said.setWordWrap(True)
            details = QPlainTextEdit(failure.traceback, card)
            details.setReadOnly(True)
            details.setTabChangesFocus(True)
            details.setAccessibleName(f"Traceback of {info.name}")
            details.setMinimumHeight(140)
            details.hide()
            show = button("Details", partial(_toggle, details), card, role="link")
            show.setAccessibleName(f"Details of {info.name}")
            layout.addWidget(said)
            layout.addWidget(show)
            layout.addWidget(details)
        return card

    def _switch(self, name: str, on: bool) -> None:
        disabled = set(self._session.store.settings.disabled_plugins)
        disabled = disabled - {name} if on else disabled | {name}
        self._session.store.update(disabled_plugins=tuple(sorted(disabled)))


def _toggle(widget: QWidget) -> None:
    widget.setVisible(widget.isHidden())
