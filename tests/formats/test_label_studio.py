"""Label Studio JSON and its labelling config."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal
from xml.etree import ElementTree

import pytest
from formats.samples import documents
from hypothesis import given, settings
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from earmark.core.errors import EarmarkError
from earmark.formats import (
    FormatRegistry,
    LabelDocument,
    LabelRecord,
    ReadContext,
    Recording,
    Tier,
)


class _Documented(BaseModel):
    """The shape that Label Studio's guides document, written down independently."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Value(_Documented):
    start: Annotated[float, Field(ge=0)]
    end: Annotated[float, Field(ge=0)]
    channel: Annotated[int, Field(ge=0)]
    labels: list[str] | None = None
    text: list[str] | None = None


class Item(_Documented):
    id: Annotated[str, Field(min_length=1)]
    from_name: Literal["labels", "transcription"]
    to_name: Literal["audio"]
    type: Literal["labels", "textarea"]
    original_length: Annotated[float, Field(gt=0)] | None = None
    value: Value
    score: float | None = None
    meta: dict[str, object] | None = None

    @model_validator(mode="after")
    def _value_fits_type(self) -> Item:
        assert (self.value.labels is not None) == (self.type == "labels")
        assert (self.value.text is not None) == (self.type == "textarea")
        assert (self.from_name == "labels") == (self.type == "labels")
        return self


class Annotation(_Documented):
    result: list[Item]


class Prediction(_Documented):
    result: list[Item]
    model_version: str | None = None
    score: float | None = None


class Data(_Documented):
    audio: str


class Task(_Documented):
    data: Data
    annotations: list[Annotation]
    predictions: list[Prediction] = []


TASKS = TypeAdapter(list[Task])


@given(document=documents(file="a.wav"))
@settings(max_examples=40, deadline=None)
def test_the_file_has_the_documented_shape(
    registry: FormatRegistry, folder: Path, document: LabelDocument
) -> None:
    path = folder / "a.labelstudio.json"
    report = registry.export_labels(path, [document])

    (task,) = TASKS.validate_json(path.read_bytes())

    results = [part.result for part in (*task.annotations, *task.predictions)]
    items = [item for result in results for item in result]
    regions = {item.id: item.value for item in items if item.type == "labels"}
    assert len(regions) == report.labels
    for item in items:
        if item.type == "textarea":
            region = regions[item.id]
            assert (item.value.start, item.value.end) == (region.start, region.end)
    (config,) = report.beside
    controls = ElementTree.parse(config).getroot()
    names = {control.get("name"): control.tag for control in controls}
    assert {item.from_name for item in items} <= set(names)
    assert names["audio"] == "Audio"
    offered = {label.get("value") for label in controls.iter("Label")}
    assert len(offered) == len(list(controls.iter("Label")))


def test_predictions_are_kept_apart_from_annotations(
    tmp_path: Path, demo: LabelDocument
) -> None:
    path = tmp_path / "a.labelstudio.json"
    report = FormatRegistry().export_labels(path, [demo])
    assert [beside.name for beside in report.beside] == ["a.labelstudio.xml"]
    (task,) = json.loads(path.read_text(encoding="utf-8"))
    assert task["data"] == {"audio": "/audio/demo.wav"}
    (annotation,) = task["annotations"]
    assert [item["value"]["labels"] for item in annotation["result"]] == [
        ["robin"],
        ["tit"],
        ["click"],
    ]
    predictions = {p.get("model_version"): p for p in task["predictions"]}
    assert set(predictions) == {"whisper-tiny@abc", None}
    assert predictions["whisper-tiny@abc"]["score"] == pytest.approx(0.7)
    region, transcript = predictions["whisper-tiny@abc"]["result"][:2]
    assert region == {
        "id": "r1",
        "from_name": "labels",
        "to_name": "audio",
        "type": "labels",
        "original_length": 18.0,
        "value": {"start": 0.0, "end": 1.0, "channel": 0, "labels": ["Ann"]},
        "meta": {
            "earmark": {
                "tier": "segments",
                "kind": "segments",
                "speaker": "Ann",
                "source": "speech-recognition",
                "model": "whisper-tiny@abc",
                "status": "predicted",
                "all_channels": True,
            }
        },
        "score": 0.9,
    }
    assert transcript["id"] == "r1"
    assert transcript["type"] == "textarea"
    assert transcript["value"]["text"] == ['He said "hi" & left']


def test_everything_but_line_breaks_comes_back(
    tmp_path: Path, demo: LabelDocument
) -> None:
    registry = FormatRegistry()
    path = tmp_path / "a.labelstudio.json"
    report = registry.export_labels(path, [demo])
    (document,) = registry.import_labels(path, ReadContext(demo.recording))
    assert report.losses == ("Line breaks in 1 text become spaces.",)
    found = {tier.name: tier for tier in document.tiers}
    assert found["birds"] == demo.tiers[2]
    assert found["words"] == demo.tiers[1]
    assert found["segments"].labels[0] == demo.tiers[0].labels[0]


FOREIGN = [
    {
        "id": 7,
        "data": {"audio": "/data/upload/1/0a1b2c3d-my%20clip.wav"},
        "annotations": [
            {
                "was_cancelled": False,
                "result": [
                    {
                        "id": "x",
                        "from_name": "label",
                        "to_name": "audio",
                        "type": "labels",
                        "original_length": 60.0,
                        "value": {
                            "start": 1.5,
                            "end": 2,
                            "channel": 0,
                            "labels": ["Speech"],
                        },
                    },
                    {
                        "id": "x",
                        "type": "textarea",
                        "from_name": "t",
                        "value": {"start": 1.5, "end": 2, "text": ["good", "day"]},
                    },
                    {
                        "id": "y",
                        "type": "labels",
                        "value": {"start": 3, "end": 4, "labels": ["Dog", "Bark"]},
                    },
                    {"id": "z", "type": "choices", "value": {"choices": ["noisy"]}},
                ],
            },
            {"was_cancelled": True, "result": [{"value": {"start": 0, "end": 1}}]},
        ],
        "predictions": [
            {
                "model_version": "m1",
                "score": 0.5,
                "result": [
                    {
                        "type": "labels",
                        "value": {"start": 5, "end": 6, "labels": ["Dog"]},
                    }
                ],
            }
        ],
    }
]


def test_label_studios_own_export_is_read(tmp_path: Path) -> None:
    path = tmp_path / "project-1.json"
    path.write_text(json.dumps(FOREIGN), encoding="utf-8")
    recording = Recording("my clip.wav", 16000, 16000 * 60)
    context = ReadContext(Recording("other.wav", 8000), (recording,))
    (document,) = FormatRegistry().import_labels(path, context)
    assert document.recording is recording
    assert document.tiers == (
        Tier(
            "transcription",
            "segments",
            (LabelRecord(24000, 32000, "good day", label="Speech"),),
        ),
        Tier(
            "labels",
            "labels",
            (
                LabelRecord(48000, 64000, "Bark"),
                LabelRecord(48000, 64000, "Dog"),
                LabelRecord(
                    80000, 96000, "Dog", score=0.5, model="m1", status="predicted"
                ),
            ),
        ),
    )
    assert document.notes == (
        "1 answer in project-1.json without a range of time was not imported.",
    )


def _region(value: str) -> str:
    item = f'{{"type":"labels","value":{value}}}'
    return f'[{{"data":{{}},"annotations":[{{"result":[{item}]}}]}}]'


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("[{]", "a.json, line 1, column 3: it is not valid JSON"),
        ('[\n{"data": 1\n', "a.json, line 3, column 1: it is not valid JSON"),
        ("[1]", "a.json, [0]: it is not an object"),
        ('[{"audio": "x"}]', "a.json, [0].data: it is missing"),
        (
            _region('{"start":"1","end":2,"labels":["x"]}'),
            "a.json, [0].annotations[0].result[0].value.start: it is not a time",
        ),
        (
            _region('{"start":3,"end":2,"labels":["x"]}'),
            "a.json, [0].annotations[0].result[0].value: it ends before it starts",
        ),
        ('[{"data":{},"annotations":{}}]', "a.json, [0].annotations: it is not a list"),
        ("[" * 100_000, "a.json: it cannot be read as JSON"),
    ],
)
def test_a_broken_field_is_named(
    tmp_path: Path, context: ReadContext, text: str, place: str
) -> None:
    path = tmp_path / "a.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(EarmarkError) as caught:
        FormatRegistry().import_labels(path, context)
    assert caught.value.message.startswith(place)
    assert caught.value.remedy
