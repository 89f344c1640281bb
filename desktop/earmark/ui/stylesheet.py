"""The style sheet of the window, made from a palette.

All distances are multiples of 4 px, controls are 28 px high, and a corner has one
radius. Small pictures that Qt wants as files (arrows, ticks) are drawn in the palette's
colours into the cache folder.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from pathlib import Path
from string import Template

from earmark.ui.theme import Palette

_SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="16" height="16" '
    'viewBox="0 0 16 16" fill="none" stroke="{color}" stroke-width="1.6" '
    'stroke-linecap="round" stroke-linejoin="round">{shape}</svg>'
)
_SHAPES = {
    "down": '<path d="M4.5 6.5 8 10l3.5-3.5"/>',
    "up": '<path d="M4.5 9.5 8 6l3.5 3.5"/>',
    "right": '<path d="M6.5 4.5 10 8l-3.5 3.5"/>',
    "tick": '<path d="M4 8.4 6.8 11 12 5.2"/>',
    "dash": '<path d="M4.5 8h7"/>',
    "dot": '<circle cx="8" cy="8" r="2.6" fill="{color}"/>',
}

_SHEET = Template("""
* { outline: none; }
QWidget { color: $text; selection-background-color: $accent;
    selection-color: $accent_text; }
QMainWindow, QDialog, QMessageBox, QWizard { background: $panel; }
QMainWindow::separator { background: $divider; width: 4px; height: 4px; }
QMainWindow::separator:hover { background: $accent; }
QToolTip { background: $raised; color: $text; border: 1px solid $border;
    padding: 4px 8px; }
QLabel { background: transparent; }
QLabel[role="muted"], QCheckBox[role="muted"] { color: $muted; }
QLabel[role="error"] { color: $danger; }
QLabel[role="warning"] { color: $warning; }
QLabel[role="good"] { color: $good; }
QLabel:disabled { color: $disabled; }

QMenuBar { background: $panel; padding: 2px 4px; }
QMenuBar::item { padding: 4px 8px; border-radius: 4px; background: transparent; }
QMenuBar::item:selected, QMenuBar::item:pressed { background: $hover; }
QMenu { background: $raised; border: 1px solid $border; padding: 4px; }
QMenu::item { padding: 5px 24px 5px 8px; border-radius: 4px; margin: 0 2px; }
QMenu::item:selected { background: $accent; color: $accent_text; }
QMenu::item:disabled { color: $disabled; background: transparent; }
QMenu::separator { height: 1px; background: $border; margin: 4px 8px; }
QMenu::icon { padding-left: 8px; }
QMenu::indicator { width: 16px; height: 16px; padding-left: 6px; }
QMenu::indicator:checked { image: url($tick_text); }

QToolBar { background: $panel; border: none; border-bottom: 1px solid $divider;
    spacing: 4px; padding: 4px 8px; }
QToolBar::separator { background: $border; width: 1px; margin: 6px 4px; }
QToolButton { background: transparent; border: 1px solid transparent;
    border-radius: 4px; padding: 4px; }
QToolButton:hover { background: $hover; }
QToolButton:pressed, QToolButton:checked { background: $accent_soft; }
QToolButton:focus { border-color: $accent; }
QToolButton:disabled { color: $disabled; }
QToolButton::menu-indicator { image: none; }
QToolButton[role="row"] { text-align: left; padding: 6px 8px; }
QToolButton[role="fold"] { color: $muted; padding: 4px 2px; }

QStatusBar { background: $panel; border-top: 1px solid $divider; color: $muted; }
QStatusBar::item { border: none; }
QStatusBar QLabel { color: $muted; padding: 0 4px; }

QPushButton { background: $raised; border: 1px solid $border; border-radius: 4px;
    padding: 4px 12px; min-height: 18px; }
QPushButton:hover { border-color: $muted; }
QPushButton:pressed { background: $field; }
QPushButton:focus { border-color: $accent; }
QPushButton:disabled { color: $disabled; border-color: $divider; }
QPushButton[role="primary"] {
    background: $accent; color: $accent_text; border-color: $accent; }
QPushButton[role="primary"]:hover {
    background: $accent_hover; border-color: $accent_hover; }
QPushButton[role="primary"]:focus { border-color: $text; }
QPushButton[role="primary"]:disabled {
    background: $raised; color: $disabled; border-color: $divider; }
QPushButton[role="link"] { background: transparent; border: none; color: $accent;
    padding: 2px 0; text-align: left; }
QDialogButtonBox { dialogbuttonbox-buttons-have-icons: 0; }
QPushButton[role="link"]:hover, QPushButton[role="link"]:focus {
    text-decoration: underline; }

QLineEdit, QPlainTextEdit, QTextEdit, QTextBrowser, QSpinBox, QDoubleSpinBox, QComboBox,
QKeySequenceEdit { background: $field; border: 1px solid $border; border-radius: 4px;
    padding: 3px 6px; }
QLineEdit, QSpinBox, QDoubleSpinBox, QComboBox { min-height: 20px; }
QLineEdit:focus, QPlainTextEdit:focus, QTextEdit:focus, QTextBrowser:focus,
QSpinBox:focus, QDoubleSpinBox:focus, QComboBox:focus { border-color: $accent; }
QLineEdit[invalid="true"], QSpinBox[invalid="true"], QDoubleSpinBox[invalid="true"],
QComboBox[invalid="true"], QPlainTextEdit[invalid="true"] { border-color: $danger; }
QLineEdit:disabled, QSpinBox:disabled, QDoubleSpinBox:disabled, QComboBox:disabled,
QPlainTextEdit:disabled { color: $disabled; border-color: $divider; }
QLineEdit[role="search"] { border-radius: 4px; }
QComboBox { padding-right: 20px; }
QComboBox::drop-down { border: none; width: 20px; }
QComboBox::down-arrow { image: url($down_muted); width: 16px; height: 16px; }
QComboBox QLineEdit { border: none; background: transparent; padding: 0;
    min-height: 18px; }
QComboBox QAbstractItemView { background: $raised; border: 1px solid $border;
    padding: 4px; selection-background-color: $accent;
    selection-color: $accent_text; }
QAbstractSpinBox QLineEdit { border: none; background: transparent; padding: 0 4px;
    min-height: 18px; }
QSpinBox, QDoubleSpinBox { padding: 3px 18px 3px 4px; }
QSpinBox::up-button, QDoubleSpinBox::up-button, QSpinBox::down-button,
QDoubleSpinBox::down-button { border: none; background: transparent; width: 18px; }
QSpinBox::up-button:hover, QDoubleSpinBox::up-button:hover,
QSpinBox::down-button:hover, QDoubleSpinBox::down-button:hover { background: $hover; }
QSpinBox::up-arrow, QDoubleSpinBox::up-arrow { image: url($up_muted);
    width: 12px; height: 12px; }
QSpinBox::down-arrow, QDoubleSpinBox::down-arrow { image: url($down_muted);
    width: 12px; height: 12px; }

QCheckBox, QRadioButton { spacing: 8px; background: transparent; }
QCheckBox::indicator, QRadioButton::indicator { width: 14px; height: 14px;
    border: 1px solid $muted; background: $field; }
QCheckBox::indicator { border-radius: 3px; }
QRadioButton::indicator { border-radius: 8px; }
QCheckBox::indicator:hover, QRadioButton::indicator:hover,
QCheckBox::indicator:focus, QRadioButton::indicator:focus { border-color: $accent; }
QCheckBox::indicator:checked { background: $accent; border-color: $accent;
    image: url($tick_on); }
QCheckBox::indicator:indeterminate { background: $accent; border-color: $accent;
    image: url($dash_on); }
QRadioButton::indicator:checked { background: $accent; border-color: $accent;
    image: url($dot_on); }
QCheckBox:disabled, QRadioButton:disabled { color: $disabled; }
QCheckBox::indicator:disabled, QRadioButton::indicator:disabled {
    border-color: $disabled; background: transparent; }
QCheckBox:focus, QRadioButton:focus { color: $text; }

QSlider::groove:horizontal { height: 4px; background: $border; border-radius: 2px; }
QSlider::sub-page:horizontal { background: $accent; border-radius: 2px; }
QSlider::handle:horizontal { width: 12px; margin: -4px 0; border-radius: 6px;
    background: $text; }
QSlider::handle:horizontal:hover, QSlider::handle:horizontal:focus {
    background: $accent; }

QProgressBar { background: $border; border: none; border-radius: 2px; height: 4px;
    max-height: 4px; color: transparent; }
QProgressBar::chunk { background: $accent; border-radius: 2px; }

QAbstractItemView { background: $panel; border: none;
    selection-background-color: $accent_soft; selection-color: $text; }
QTableView, QTreeView, QListView { gridline-color: $divider; }
QTableView::item, QTreeView::item, QListView::item { padding: 0 4px; border: none; }
QListView::item, QTreeView::item { min-height: 24px; }
QTableView::item:selected, QTreeView::item:selected, QListView::item:selected {
    background: $accent_soft; color: $text; }
QTreeView::item:hover:!selected, QListView::item:hover:!selected {
    background: $hover; }
QListView[role="sections"] { background: $background; padding: 8px 4px; }
QListView[role="sections"]::item { padding: 6px 8px; border-radius: 4px; }
QDialog QTableView, QDialog QTreeView, QDialog QListView { background: $field;
    border: 1px solid $border; border-radius: 4px; }
QHeaderView { background: $panel; border: none; }
QHeaderView::section { background: $panel; color: $muted; border: none;
    border-bottom: 1px solid $divider; padding: 4px 8px 4px 6px; text-align: left; }
QHeaderView::section:hover { color: $text; }
QHeaderView::up-arrow { image: url($up_muted); width: 12px; height: 12px;
    subcontrol-origin: padding; subcontrol-position: center right; }
QHeaderView::down-arrow { image: url($down_muted); width: 12px; height: 12px;
    subcontrol-origin: padding; subcontrol-position: center right; }
QTableCornerButton::section { background: $panel; border: none; }

QScrollArea, QScrollArea > QWidget > QWidget { background: transparent; border: none; }
QScrollBar { background: transparent; border: none; }
QScrollBar:vertical { width: 12px; }
QScrollBar:horizontal { height: 12px; }
QScrollBar::handle { background: $scroll; border-radius: 4px; margin: 2px; }
QScrollBar::handle:vertical { min-height: 24px; }
QScrollBar::handle:horizontal { min-width: 24px; }
QScrollBar::handle:hover { background: $muted; }
QScrollBar::add-line, QScrollBar::sub-line { width: 0; height: 0; }
QScrollBar::add-page, QScrollBar::sub-page { background: transparent; }
QAbstractScrollArea::corner { background: transparent; }

QTabWidget::pane { border: none; border-top: 1px solid $divider; }
QTabBar { background: $panel; qproperty-drawBase: 0; }
QTabBar::tab { background: transparent; color: $muted; padding: 6px 12px;
    border-bottom: 2px solid transparent; }
QTabBar::tab:hover { color: $text; }
QTabBar::tab:selected { color: $text; border-bottom-color: $accent; }
QTabBar::tab:focus { color: $accent; }
QSplitter::handle { background: $divider; }
QSplitter::handle:hover { background: $accent; }

QWidget[role="dock-title"] { background: $panel;
    border-bottom: 1px solid $divider; }
QWidget[role="dock"] { background: $panel; }
QWidget[role="card"] { background: $raised; border: 1px solid $border;
    border-radius: 6px; }
QFrame[role="rule"] { background: $divider; border: none; max-height: 1px;
    min-height: 1px; }
QFrame[role="notice"] { background: $accent_soft; border: none; border-radius: 6px; }
QFrame[role="palette"] { background: $raised; border: 1px solid $border;
    border-radius: 8px; }
QFrame[role="palette"] QListView { background: transparent; border: none; }
QFrame[role="palette"] QLineEdit { background: transparent; border: none;
    border-bottom: 1px solid $border; border-radius: 0; padding: 8px; }
""")


def stylesheet(palette: Palette, cache: Path) -> str:
    """The style sheet of a palette; its pictures are kept in the folder `cache`."""
    shades = {
        "text": palette.text,
        "muted": palette.muted,
        "on": palette.accent_text,
    }
    words: dict[str, str] = {
        name: _qss_color(value)
        for name, value in asdict(palette).items()
        if isinstance(value, str)
    }
    words["accent_hover"] = _mix(palette.accent, palette.text, 0.15)
    words["scroll"] = _mix(palette.panel, palette.muted, 0.4)
    for shade, color in shades.items():
        for shape, drawing in _SHAPES.items():
            svg = _SVG.format(color=color, shape=drawing.format(color=color))
            words[f"{shape}_{shade}"] = _picture(svg, cache).as_posix()
    return _SHEET.substitute(words)


def _picture(svg: str, cache: Path) -> Path:
    digest = hashlib.sha256(svg.encode()).hexdigest()[:16]
    path = cache / f"{digest}.svg"
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        path.write_text(svg, encoding="utf-8")
    return path


def _qss_color(value: str) -> str:
    """`#aarrggbb` as the `rgba()` that a style sheet wants."""
    if len(value) == 7:
        return value
    alpha, red, green, blue = (int(value[i : i + 2], 16) for i in (1, 3, 5, 7))
    return f"rgba({red}, {green}, {blue}, {alpha})"


def _mix(one: str, other: str, share: float) -> str:
    parts = (
        round(int(one[i : i + 2], 16) * (1 - share) + int(other[i : i + 2], 16) * share)
        for i in (1, 3, 5)
    )
    return "#" + "".join(f"{part:02x}" for part in parts)
