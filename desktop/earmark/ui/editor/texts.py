"""Short texts laid out once and drawn many times."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QFont, QFontMetricsF, QStaticText

_LONGEST = 160
_KEPT = 4000
_STEP_PX = 8


class Texts:
    """Laid out texts of one font, elided to the room there is.

    Parameters
    ----------
    font : QFont
    """

    def __init__(self, font: QFont) -> None:
        self.font = font
        self._metrics = QFontMetricsF(font)
        self.height = self._metrics.height()
        self._widths: dict[str, float] = {}
        self._laid_out: dict[tuple[str, int], QStaticText] = {}

    def width(self, text: str) -> float:
        """The width of a text in pixels."""
        width = self._widths.get(text)
        if width is None:
            if len(self._widths) > _KEPT:
                self._widths.clear()
            width = self._metrics.horizontalAdvance(text)
            self._widths[text] = width
        return width

    def fitted(self, text: str, room_px: float) -> QStaticText | None:
        """The first line of a text, with dots at its end if it is too long.

        None if there is room for no more than the dots.
        """
        line = text[:_LONGEST].partition("\n")[0]
        whole = len(line) == len(text) and self.width(line) <= room_px
        # Room is counted in steps, so that a slow zoom does not lay out every frame.
        key = (line, -1 if whole else int(room_px) // _STEP_PX)
        found = self._laid_out.get(key)
        if found is None:
            if not whole:
                line = self._metrics.elidedText(
                    line + ("…" if len(line) < len(text) else ""),
                    Qt.TextElideMode.ElideRight,
                    key[1] * _STEP_PX,
                )
            if line in ("", "…"):
                return None
            found = QStaticText(line)
            found.setTextFormat(Qt.TextFormat.PlainText)
            found.setPerformanceHint(QStaticText.PerformanceHint.AggressiveCaching)
            if len(self._laid_out) > _KEPT:
                self._laid_out.clear()
            self._laid_out[key] = found
        return found
