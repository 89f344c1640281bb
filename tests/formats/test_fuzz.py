"""Malformed label files."""

from __future__ import annotations

from pathlib import Path

import pytest
from formats.fuzz import attack, check_document

from earmark.core.errors import EarmarkError
from earmark.formats import FormatRegistry, ReadContext

FORMATS = [known.id for known in FormatRegistry().formats]


@pytest.mark.parametrize("format_id", FORMATS)
def test_a_damaged_file_is_read_or_refused_with_a_clear_error(
    registry: FormatRegistry, tmp_path: Path, format_id: str
) -> None:
    outcomes = attack(registry, format_id, tmp_path, 200)
    assert outcomes.total() == 200
    # Damage that is never noticed, or always, would be no test of the reader.
    assert outcomes["read"] >= 5
    assert outcomes["refused"] >= 20


HOSTILE = {
    "srt": "1\n00:00:01,000 --> 00:00:02,000\n{}\n",
    "webvtt": "WEBVTT\n\n00:00:01.000 --> 00:00:02.000\n{}\n",
    "audacity": "1.0\t2.0\t{}\n",
    "csv": "start,tier,label{0}\n1,{0},{0}\n",
    "textgrid": 'File type = "ooTextFile"\nObject class = "TextGrid"\n0 1 <exists> 1\n'
    '"IntervalTier" "{0}" 0 1 1 0 1 "{0}"',
    "raven": "Begin Time (s)\tEnd Time (s)\tTier\tAnnotation\n1\t2\t{0}\t{0}\n",
    "whisperx": '{{"segments":[{{"start":1,"end":2,"text":"{}"}}]}}',
    "label-studio": '[{{"data":{{"audio":"{0}"}},"annotations":[{{"result":[{{"type":'
    '"{0}","value":{{"start":1,"end":2,"{0}":["{0}"]}}}}]}}]}}]',
}


@pytest.mark.parametrize("format_id", HOSTILE)
@pytest.mark.parametrize(
    "part",
    ["<", "<v a", "<i", "<<i>i>", "{\\", " (a)", '"', '""', "-->", "&", "(", " "],
)
def test_repetition_does_not_hang_a_reader(
    registry: FormatRegistry,
    tmp_path: Path,
    context: ReadContext,
    format_id: str,
    part: str,
) -> None:
    known = registry.by_id(format_id)
    path = tmp_path / f"a{known.suffixes[0]}"
    path.write_text(HOSTILE[format_id].format(part * 100_000), encoding="utf-8")
    try:
        documents = registry.import_labels(path, context, format_id)
    except EarmarkError as error:
        assert path.name in error.message
        assert len(error.message) < 500
    else:
        for document in documents:
            check_document(document)
