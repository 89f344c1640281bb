"""Label files: what is exchanged, the formats, and the bridge to a project."""

from earmark.formats.document import (
    LabelDocument,
    LabelRecord,
    Recording,
    Tier,
    TimedWord,
    document_of_predictions,
)
from earmark.formats.format import LabelFormat, NoOptions, ReadContext
from earmark.formats.registry import ExportReport, FormatRegistry

__all__ = [
    "ExportReport",
    "FormatRegistry",
    "LabelDocument",
    "LabelFormat",
    "LabelRecord",
    "NoOptions",
    "ReadContext",
    "Recording",
    "Tier",
    "TimedWord",
    "document_of_predictions",
]
