"""The colours of the window, dark and light, and the style sheet made from them."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Palette:
    """Named colours, each `#rrggbb`, or `#aarrggbb` where it lies over something.

    Attributes
    ----------
    background, panel, raised, field : str
        The editor's canvas; docks and bars; buttons and headers; text fields.
    border, divider : str
        Around fields; between panels.
    text, muted, disabled : str
        Muted text still has a contrast of 4.5:1 on `panel`.
    accent, accent_text, accent_soft : str
        The one colour that says "active"; text on it; a wash of it behind a row.
    good, warning, danger : str
        States of jobs and of levels.
    waveform, waveform_rms, waveform_clipped, grid, axis_text : str
        The plot.
    selection, selection_edge, playhead, hover : str
        What is marked in the plot.
    confirmed, predicted, accepted, edited, rejected : str
        A label's outline by its status, where the vocabulary gives no colour.
    label_text : str
        A label's words in its track.
    """

    dark: bool
    background: str
    panel: str
    raised: str
    field: str
    border: str
    divider: str
    text: str
    muted: str
    disabled: str
    accent: str
    accent_text: str
    accent_soft: str
    good: str
    warning: str
    danger: str
    waveform: str
    waveform_rms: str
    waveform_clipped: str
    grid: str
    axis_text: str
    selection: str
    selection_edge: str
    playhead: str
    hover: str
    confirmed: str
    predicted: str
    accepted: str
    edited: str
    rejected: str
    label_text: str


DARK = Palette(
    dark=True,
    background="#121417",
    panel="#1b1e23",
    raised="#2a2e35",
    field="#14161a",
    border="#3b414b",
    divider="#0c0d0f",
    text="#e6e9ee",
    muted="#a0a8b4",
    disabled="#6b7380",
    accent="#4f9cf9",
    accent_text="#08121f",
    accent_soft="#334f9cf9",
    good="#4cc38a",
    warning="#f0b849",
    danger="#ff6b6b",
    waveform="#5f9fe0",
    waveform_rms="#a8d0ff",
    waveform_clipped="#ff6b6b",
    grid="#262a31",
    axis_text="#a0a8b4",
    selection="#3d8fc2ff",
    selection_edge="#8fc2ff",
    playhead="#ffd166",
    hover="#18ffffff",
    confirmed="#4cc38a",
    predicted="#b794f6",
    accepted="#4cc38a",
    edited="#4f9cf9",
    rejected="#8b929d",
    label_text="#e6e9ee",
)

LIGHT = Palette(
    dark=False,
    background="#ffffff",
    panel="#f4f5f7",
    raised="#ffffff",
    field="#ffffff",
    border="#c3c8d0",
    divider="#d5d9df",
    text="#1b1f26",
    muted="#5a6270",
    disabled="#8d95a1",
    accent="#1a66cc",
    accent_text="#ffffff",
    accent_soft="#281a66cc",
    good="#14764a",
    warning="#935f00",
    danger="#c62f3b",
    waveform="#3f7fc4",
    waveform_rms="#1d5596",
    waveform_clipped="#d3303f",
    grid="#e4e7ec",
    axis_text="#5a6270",
    selection="#331a66cc",
    selection_edge="#1a66cc",
    playhead="#d9480f",
    hover="#0f000000",
    confirmed="#14764a",
    predicted="#7547c9",
    accepted="#14764a",
    edited="#1a66cc",
    rejected="#737b88",
    label_text="#1b1f26",
)


def colors(dark: bool) -> Palette:
    """The colours of one appearance."""
    return DARK if dark else LIGHT


def names() -> tuple[str, ...]:
    """The names of all colours."""
    return tuple(field.name for field in fields(Palette) if field.name != "dark")
