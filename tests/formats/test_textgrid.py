"""Praat TextGrid."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import parselmouth
import praatio.textgrid
import pytest
from formats.samples import documents
from hypothesis import given, settings
from hypothesis import strategies as st
from parselmouth.praat import call

from earmark.core.errors import EarmarkError
from earmark.formats import (
    FormatRegistry,
    LabelDocument,
    LabelRecord,
    ReadContext,
    Recording,
    Tier,
)

LONG = '''File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = 2.5
tiers? <exists>
size = 2
item []:
    item [1]:
        class = "IntervalTier"
        name = "words"
        xmin = 0
        xmax = 2.5
        intervals: size = 2
        intervals [1]:
            xmin = 0
            xmax = 1.5
            text = "say ""hi"""
        intervals [2]:
            xmin = 1.5
            xmax = 2.5
            text = ""
    item [2]:
        class = "TextTier"
        name = "clicks"
        xmin = 0
        xmax = 2.5
        points: size = 1
        points [1]:
            number = 0.25
            mark = "two
lines"
'''
SHORT = '''File type = "ooTextFile"
Object class = "TextGrid"

0
2.5
<exists>
2
"IntervalTier"
"words"
0 2.5 2
0 1.5 "say ""hi""" ! a comment with 3 numbers
1.5 2.5 ""
"TextTier" "clicks" 0 2.5 1
0.25
"two
lines"
'''


@given(document=documents())
@settings(max_examples=60, deadline=None)
def test_praat_reads_the_same_tiers(
    registry: FormatRegistry, folder: Path, document: LabelDocument
) -> None:
    path = folder / "a.TextGrid"
    registry.export_labels(path, [document])
    (carried,) = registry.import_labels(path, ReadContext(document.recording))
    rate = document.recording.rate

    grid = parselmouth.read(str(path))

    assert isinstance(grid, parselmouth.TextGrid)
    tiers = [tier for tier in carried.tiers if tier.labels]
    assert call(grid, "Get number of tiers") == max(1, len(tiers))
    for number, tier in enumerate(tiers, start=1):
        assert call(grid, "Get tier name", number) == tier.name
        wanted = [(la.start, la.stop, la.text) for la in tier.labels]
        assert _labels(grid, number, rate) == wanted


def _labels(grid: object, tier: int, rate: int) -> list[tuple[int, int, str]]:
    """What Praat finds in a tier, in frames, without the empty intervals."""

    def frame(time: float) -> int:
        assert time * rate == pytest.approx(round(time * rate), abs=1e-3)
        return round(time * rate)

    if not call(grid, "Is interval tier", tier):
        points = [
            (
                frame(call(grid, "Get time of point", tier, n)),
                call(grid, "Get label of point", tier, n),
            )
            for n in range(1, 1 + int(call(grid, "Get number of points", tier)))
        ]
        return [(at, at, text) for at, text in points]
    found = []
    for n in range(1, 1 + int(call(grid, "Get number of intervals", tier))):
        start = call(grid, "Get start time of interval", tier, n)
        stop = call(grid, "Get end time of interval", tier, n)
        text = call(grid, "Get label of interval", tier, n)
        if text:
            found.append((frame(start), frame(stop), text))
    return found


@given(
    cuts=st.lists(st.integers(0, 10**7), min_size=2, max_size=20, unique=True),
    rate=st.sampled_from((8000, 11025, 44100, 48000)),
)
@settings(max_examples=40, deadline=None)
def test_praatio_reads_the_same_intervals(
    registry: FormatRegistry, folder: Path, cuts: list[int], rate: int
) -> None:
    cuts.sort()
    labels = tuple(
        LabelRecord(start, stop, f'say "{n}"')
        for n, (start, stop) in enumerate(zip(cuts[::2], cuts[1::2], strict=False))
    )
    document = LabelDocument(
        Recording("a.wav", rate, 2 * 10**7), (Tier("said", "labels", labels),)
    )
    path = folder / "b.TextGrid"
    registry.export_labels(path, [document])

    grid = praatio.textgrid.openTextgrid(str(path), includeEmptyIntervals=True)

    entries = grid.getTier("said").entries
    assert entries[0].start == 0
    assert entries[-1].end == 2 * 10**7 / rate
    for before, after in pairwise(entries):
        assert before.end == after.start
    found = [(e.start, e.end, e.label) for e in entries if e.label]
    assert found == [(la.start / rate, la.stop / rate, la.text) for la in labels]


def test_shared_boundaries_are_the_same_text(tmp_path: Path) -> None:
    labels = tuple(LabelRecord(n * 7, n * 7 + 7, "x") for n in range(1, 50))
    document = LabelDocument(
        Recording("a.wav", 44100, 44100), (Tier("x", "labels", labels),)
    )
    path = tmp_path / "a.TextGrid"
    FormatRegistry().export_labels(path, [document])
    text = path.read_text()
    starts = re.findall(r"^ {12}xmin = (\S+)", text, re.MULTILINE)
    stops = re.findall(r"^ {12}xmax = (\S+)", text, re.MULTILINE)
    assert starts[1:] == stops[:-1]
    assert (starts[0], stops[-1]) == ("0", "1")


def test_overlaps_and_points_go_to_tiers_of_their_own(
    tmp_path: Path, demo: LabelDocument
) -> None:
    registry = FormatRegistry()
    path = tmp_path / "a.TextGrid"
    report = registry.export_labels(path, [demo])
    (document,) = registry.import_labels(path, ReadContext(demo.recording))
    assert [(t.name, t.kind, [la.text for la in t.labels]) for t in document.tiers] == [
        ("segments", "segments", ['He said "hi" & left', "größer, =2 --> 3; 你好"]),
        ("words", "words", ["He", "said"]),
        ("birds", "labels", ["robin"]),
        ("birds (2)", "labels", ["tit"]),
        ("birds (points)", "labels", ["click"]),
    ]
    assert " ".join(report.losses) == (
        "1 overlapping label goes to a second tier; 1 point goes to a tier of points; "
        "line breaks in 1 text become spaces; 1 frequency range, 3 scores, 1 speaker, "
        "1 channel, 4 review states, 4 origins and 1 rejected label are dropped."
    )


@pytest.mark.parametrize("text", [LONG, SHORT, SHORT.replace("File type = ", "")])
@pytest.mark.parametrize("codec", ["utf-8", "utf-16"])
def test_the_long_and_the_short_form_are_read(
    tmp_path: Path, context: ReadContext, text: str, codec: str
) -> None:
    path = tmp_path / "a.TextGrid"
    path.write_bytes(text.replace("\n", "\r\n").encode(codec))
    (document,) = FormatRegistry().import_labels(path, context)
    assert document.tiers == (
        Tier("words", "words", (LabelRecord(0, 24000, 'say "hi"'),)),
        Tier("clicks", "labels", (LabelRecord(4000, 4000, "two\nlines"),)),
    )


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("xmax = 1.5", 'xmax = "1.5"', "line 17: expected the end of an interval"),
        ("xmax = 1.5", "xmax = -1.5", "line 17: the interval ends before it starts"),
        ('"clicks"', '"clicks', "line 25: a quotation mark is not closed"),
        ('"TextTier"', '"Tier"', "line 24: there is no class of tiers called 'Tier'"),
        ("size = 2\nitem", "size = 3\nitem", "line 33: the file ends where the class"),
        ("points: size = 1", "points: size = -1", "line 28: the number of labels"),
        ('"ooTextFile"', '"else"', "line 1: it does not begin as a TextGrid does"),
        ("<exists>", '"exists"', "line 6: expected <exists>, found '\"exists\"'"),
    ],
)
def test_a_broken_line_is_named(
    tmp_path: Path, context: ReadContext, old: str, new: str, place: str
) -> None:
    assert old in LONG
    path = tmp_path / "a.TextGrid"
    path.write_text(LONG.replace(old, new), encoding="utf-8")
    with pytest.raises(EarmarkError) as caught:
        FormatRegistry().import_labels(path, context)
    assert caught.value.message.startswith(f"a.TextGrid, {place}")
    assert caught.value.remedy


def test_nothing_to_write_is_still_a_textgrid(tmp_path: Path) -> None:
    document = LabelDocument(Recording("a.wav", 8000, 16000))
    path = tmp_path / "a.TextGrid"
    FormatRegistry().export_labels(path, [document])
    grid = parselmouth.read(str(path))
    assert call(grid, "Get number of tiers") == 1
    assert call(grid, "Get end time") == 2
