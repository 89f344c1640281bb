"""Earmark: an offline desktop studio for sound."""

__version__ = "0.1.0"
