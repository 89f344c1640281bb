"""The editor of a clip: waveform, spectrogram and label tracks over one time axis."""

from earmark.ui.editor.editor import Editor

__all__ = ["Editor"]
