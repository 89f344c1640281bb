"""Times between frames and text."""

from __future__ import annotations

import locale
from decimal import Decimal
from fractions import Fraction

import pytest
from formats.samples import RATES
from hypothesis import given
from hypothesis import strategies as st

from earmark.core.tasks import Prediction
from earmark.formats import LabelRecord, Recording, Tier, document_of_predictions
from earmark.formats.document import (
    clock_text,
    frames_of_seconds,
    frames_of_ticks,
    seconds_text,
    ticks,
    tier_kind,
    unique_names,
)


@pytest.mark.parametrize("name", ["a.wav", "a.W64", "a.rf64", "a.avi", "a.mpeg"])
def test_the_ending_of_any_sound_file_is_no_part_of_its_stem(name: str) -> None:
    assert Recording(name, 8000).stem == "a"
    assert Recording("take.2", 8000).stem == "take.2"


def test_a_second_that_rounds_up_carries_into_the_seconds() -> None:
    # Audacity writes 00:00:01,000 here: it truncates the seconds and rounds the rest.
    assert clock_text(19996, 10000, ",") == "00:00:02,000"
    assert clock_text(35_999_995, 10000, ".") == "01:00:00.000"


@given(st.integers(0, 10**11), st.sampled_from(RATES))
def test_milliseconds_are_the_nearest(frame: int, rate: int) -> None:
    hours, minutes, rest = clock_text(frame, rate, ",").split(":")
    seconds, millis = rest.split(",")
    written = (int(hours) * 3600 + int(minutes) * 60 + int(seconds)) * 1000 + int(
        millis
    )
    assert abs(Fraction(frame, rate) - Fraction(written, 1000)) <= Fraction(1, 2000)
    assert int(minutes) < 60
    assert int(seconds) < 60
    assert len(millis) == 3


@given(st.integers(-(10**11), 10**11), st.sampled_from(RATES))
def test_six_decimals_keep_the_frame(frame: int, rate: int) -> None:
    text = seconds_text(frame, rate)
    assert len(text.split(".")[1]) == 6
    assert frames_of_seconds(Decimal(text), rate) == frame
    assert frames_of_ticks(ticks(frame, rate, 10**6), rate, 10**6) == frame


def test_a_point_is_the_decimal_point_whatever_the_locale(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = locale.setlocale(locale.LC_NUMERIC)
    german = next(
        (name for name in ("de_DE.UTF-8", "de_DE") if _is_available(name)), None
    )
    monkeypatch.setattr(locale, "localeconv", lambda: {"decimal_point": ","})
    try:
        if german is not None:
            locale.setlocale(locale.LC_NUMERIC, german)
        assert seconds_text(1, 2) == "0.500000"
        assert clock_text(1, 2, ",") == "00:00:00,500"
    finally:
        locale.setlocale(locale.LC_NUMERIC, before)


def _is_available(name: str) -> bool:
    before = locale.setlocale(locale.LC_NUMERIC)
    try:
        locale.setlocale(locale.LC_NUMERIC, name)
    except locale.Error:
        return False
    locale.setlocale(locale.LC_NUMERIC, before)
    return True


def test_tiers_of_one_name_are_told_apart() -> None:
    tiers = unique_names(
        [Tier(name, "labels", ()) for name in ("a", "a", "a (2)", "a")]
    )
    assert [tier.name for tier in tiers] == ["a", "a (2)", "a (2) (2)", "a (3)"]


@pytest.mark.parametrize(
    ("name", "spoken", "kind"),
    [
        ("Words", False, "words"),
        ("words (2)", True, "words"),
        ("transcript", False, "segments"),
        ("birds", False, "labels"),
        ("birds", True, "segments"),
        ("speakers", False, "speakers"),
    ],
)
def test_the_name_of_a_tier_tells_its_kind(name: str, spoken: bool, kind: str) -> None:
    assert tier_kind(name, spoken=spoken) == kind


def test_predictions_of_one_tier_become_one_tier() -> None:
    recording = Recording("a.wav", 16000, 16000)
    document = document_of_predictions(
        [
            Prediction("words", 800, 1600, "there", kind="words", score=0.5),
            Prediction("segments", 0, 1600, "hi there", kind="segments"),
            Prediction("words", 0, 800, "hi", kind="words"),
        ],
        recording,
        source="speech-recognition",
        model="tiny",
        language="en",
    )
    assert [(t.name, t.kind, len(t.labels)) for t in document.tiers] == [
        ("words", "words", 2),
        ("segments", "segments", 1),
    ]
    assert document.tiers[0].labels[1] == LabelRecord(
        800,
        1600,
        "there",
        score=0.5,
        source="speech-recognition",
        model="tiny",
        status="predicted",
    )
    assert document.language == "en"
    assert document.label_count == 3
