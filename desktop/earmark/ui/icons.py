"""Icons drawn from an icon font, in the colours of the palette at the time.

The fonts are those of the qtawesome package. The package itself is not imported: that
takes 0.3 s, a third of the time the window has to appear, and its icons keep the colour
they were made with.
"""

from __future__ import annotations

import json
from functools import cache, lru_cache
from importlib.util import find_spec
from pathlib import Path

from PySide6.QtCore import QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import (
    QColor,
    QFont,
    QGuiApplication,
    QIcon,
    QIconEngine,
    QPainter,
    QPainterPath,
    QPalette,
    QPixmap,
    QRawFont,
    QTransform,
)

FALLBACK = "ph.activity"
_PATTERNS = {"ph": "phosphor-[0-9]*.ttf", "mdi6": "materialdesignicons6-*.ttf"}


def icon(name: str, *, color: str = "") -> QIcon:
    """An icon, such as "ph.play"; `#rrggbb` fixes its colour.

    A name that no font knows gives a general one, since plugins name icons too.
    """
    return QIcon(_GlyphEngine(name, color))


def known(name: str) -> bool:
    """Whether a font has the icon."""
    prefix, _, glyph = name.partition(".")
    return prefix in _PATTERNS and glyph in _charmap(prefix)


@cache
def _font_file(prefix: str) -> Path:
    spec = find_spec("qtawesome")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    fonts = Path(spec.submodule_search_locations[0]) / "fonts"
    return max(fonts.glob(_PATTERNS[prefix]))


@cache
def _charmap(prefix: str) -> dict[str, str]:
    font = _font_file(prefix)
    name, version = font.stem.rsplit("-", 1)
    text = (font.parent / f"{name}-charmap-{version}.json").read_text("utf-8")
    charmap: dict[str, str] = json.loads(text)
    return charmap


@cache
def _raw_font(prefix: str) -> QRawFont:
    # Outlines are scaled, so the size only sets their precision.
    hinting = QFont.HintingPreference.PreferNoHinting
    return QRawFont(str(_font_file(prefix)), 256.0, hinting)


@cache
def _outline(name: str) -> QPainterPath:
    """The glyph's outline in a square of one by one."""
    if not known(name):
        name = FALLBACK
    prefix, _, glyph = name.partition(".")
    font = _raw_font(prefix)
    character = chr(int(_charmap(prefix)[glyph], 16))
    index = font.glyphIndexesForString(character)[0]
    path = font.pathForGlyph(index)
    advance = font.advancesForGlyphIndexes([index])[0].x() or 256.0
    height = font.ascent() + font.descent()
    scale = 1.0 / max(advance, height)
    centre = QPointF(advance / 2, (font.descent() - font.ascent()) / 2)
    middle = QTransform.fromTranslate(-centre.x(), -centre.y())
    return (middle * QTransform.fromScale(scale, scale)).map(path)


def _draw(painter: QPainter, area: QRectF, name: str, color: QColor) -> None:
    side = min(area.width(), area.height())
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.translate(area.center())
    painter.scale(side, side)
    painter.fillPath(_outline(name), color)
    painter.restore()


@lru_cache(maxsize=512)
def _picture(name: str, width: int, height: int, scale: float, rgba: int) -> QPixmap:
    pixmap = QPixmap(width, height)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    _draw(painter, QRectF(0, 0, width, height), name, QColor.fromRgba(rgba))
    painter.end()
    pixmap.setDevicePixelRatio(scale)
    return pixmap


class _GlyphEngine(QIconEngine):
    def __init__(self, name: str, color: str) -> None:
        super().__init__()
        self._name = name
        self._color = color

    def paint(
        self, painter: QPainter, rect: QRect, mode: QIcon.Mode, state: QIcon.State
    ) -> None:
        _draw(painter, QRectF(rect), self._name, self._shade(mode, state))

    def pixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QPixmap:
        return self.scaledPixmap(size, mode, state, 1.0)

    def scaledPixmap(
        self, size: QSize, mode: QIcon.Mode, state: QIcon.State, scale: float
    ) -> QPixmap:
        color = self._shade(mode, state).rgba()
        return _picture(self._name, size.width(), size.height(), scale, color)

    def clone(self) -> QIconEngine:
        return _GlyphEngine(self._name, self._color)

    def _shade(self, mode: QIcon.Mode, state: QIcon.State) -> QColor:
        palette = QGuiApplication.palette()
        group, role = QPalette.ColorGroup, QPalette.ColorRole
        if mode == QIcon.Mode.Disabled:
            return palette.color(group.Disabled, role.ButtonText)
        if self._color:
            return QColor(self._color)
        if state == QIcon.State.On:
            return palette.color(group.Active, role.Highlight)
        return palette.color(group.Active, role.ButtonText)
