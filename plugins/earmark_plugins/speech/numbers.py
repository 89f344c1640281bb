"""The languages that numbers can be written out in."""

from num2words import CONVERTER_CLASSES

SPELLED = frozenset(CONVERTER_CLASSES) - {"am"}
"""Codes for num2words, which never comes back from large numbers in Amharic."""
