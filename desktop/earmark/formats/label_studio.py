"""Label Studio JSON: tasks with annotations by people and predictions by models.

What the format has no place for (tier, frequency range, speaker, origin) travels in the
`meta` of a region under "earmark". A matching labelling config goes beside the file.

Format: https://labelstud.io/guide/tasks and https://labelstud.io/guide/predictions
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, get_args
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import quoteattr

from earmark.core.labels import LabelStatus, TrackKind
from earmark.core.tasks import Params
from earmark.formats.carry import (
    ALL_FIELDS,
    counted,
    loss_sentences,
    snapped,
    with_fields,
    words_as_tiers,
)
from earmark.formats.document import (
    LabelDocument,
    LabelRecord,
    Recording,
    Tier,
    frames_of_seconds,
    in_order,
    ticks,
    tier_kind,
    unique_names,
)
from earmark.formats.format import LabelFormat, ReadContext, last_part
from earmark.formats.jsonfile import Node, read_json, write_json
from earmark.formats.spreadsheet import STATUS_NAMES
from earmark.formats.textfile import file_error, one_line

_PREDICTED = ("predicted", "rejected")
_KINDS: dict[str, TrackKind] = {kind: kind for kind in get_args(TrackKind)}
_UPLOAD_PREFIX = re.compile(r"[0-9a-f]{8}-")
_MAX_CHANNEL = 1023


def _carry(documents: Sequence[LabelDocument], options: Params) -> list[LabelDocument]:
    del options
    result = []
    for document in map(words_as_tiers, documents):
        recording = document.recording
        tiers = []
        for tier in document.tiers:
            labels = in_order(
                _carried(label, recording, tier.kind in ("segments", "words"))
                for label in tier.labels
            )
            if labels:
                tiers.append(Tier(one_line(tier.name) or tier.kind, tier.kind, labels))
        recording = replace(recording, file=one_line(recording.file))
        result.append(LabelDocument(recording, unique_names(tiers)))
    return result


def _carried(label: LabelRecord, recording: Recording, spoken: bool) -> LabelRecord:
    text, name = one_line(label.text), one_line(label.label)
    if not (text and spoken):
        text, name = text or name, ""
    return replace(
        snapped(with_fields(label, ALL_FIELDS), recording.rate, 10**6),
        text=text,
        label=name,
        channel=None if recording.channels == 1 else label.channel,
        speaker=one_line(label.speaker),
        source=one_line(label.source),
        model=one_line(label.model),
    )


def _write(path: Path, documents: Sequence[LabelDocument], options: Params) -> None:
    del options
    write_json(path, [_task(document) for document in documents])


def _task(document: LabelDocument) -> dict[str, Any]:
    recording = document.recording
    annotated: list[dict[str, Any]] = []
    predicted: dict[str, list[dict[str, Any]]] = {}
    count = 0
    for tier in document.tiers:
        for label in tier.labels:
            count += 1
            items = _items(f"r{count}", label, tier, recording)
            if label.status in _PREDICTED:
                predicted.setdefault(label.model, []).extend(items)
            else:
                annotated.extend(items)
    task: dict[str, Any] = {
        "data": {"audio": _audio_text(recording)},
        "annotations": [{"result": annotated}] if annotated else [],
    }
    if predicted:
        task["predictions"] = [
            _prediction(model, items) for model, items in predicted.items()
        ]
    return task


def _audio_text(recording: Recording) -> str:
    path = "" if recording.path is None else recording.path.as_posix()
    return path if path and one_line(path) == path else recording.file


def _prediction(model: str, items: list[dict[str, Any]]) -> dict[str, Any]:
    prediction: dict[str, Any] = {"model_version": model} if model else {}
    scores = [item["score"] for item in items if "score" in item]
    if scores:
        prediction["score"] = sum(score / len(scores) for score in scores)
    return {**prediction, "result": items}


def _items(
    region: str, label: LabelRecord, tier: Tier, recording: Recording
) -> list[dict[str, Any]]:
    """The region of a label, and its transcript if it has one."""
    spoken = tier.kind in ("segments", "words")
    value = {
        "start": ticks(label.start, recording.rate, 10**6) / 10**6,
        "end": ticks(label.stop, recording.rate, 10**6) / 10**6,
        "channel": label.channel or 0,
    }
    length: dict[str, Any] = {}
    if recording.frames is not None:
        length["original_length"] = (
            ticks(recording.frames, recording.rate, 10**6) / 10**6
        )
    name = (label.label or label.speaker or tier.name) if spoken else label.text
    item = {
        "id": region,
        "from_name": "labels",
        "to_name": "audio",
        "type": "labels",
        **length,
        "value": {**value, "labels": [name] if name else []},
        "meta": {"earmark": _meta(label, tier)},
    }
    if label.score is not None:
        item["score"] = label.score
    if not (spoken and label.text):
        return [item]
    transcript = {
        "id": region,
        "from_name": "transcription",
        "to_name": "audio",
        "type": "textarea",
        **length,
        "value": {**value, "text": [label.text]},
    }
    return [item, transcript]


def _meta(label: LabelRecord, tier: Tier) -> dict[str, Any]:
    """What has no place of its own; what is unknown is left out."""
    known = {
        "tier": tier.name,
        "kind": tier.kind,
        "class": label.label,
        "low_hz": label.low_hz,
        "high_hz": label.high_hz,
        "speaker": label.speaker,
        "source": label.source,
        "model": label.model,
        "status": label.status,
        "all_channels": True if label.channel is None else None,
    }
    return {key: value for key, value in known.items() if value not in (None, "")}


def _config(documents: Sequence[LabelDocument], options: Params) -> dict[str, str]:
    """The labelling config that shows the tasks."""
    del options
    names: dict[str, None] = {}
    spoken = False
    for document in documents:
        for tier in document.tiers:
            for label in tier.labels:
                for item in _items("", label, tier, document.recording):
                    names.update(dict.fromkeys(item["value"].get("labels", ())))
                    spoken |= item["type"] == "textarea"
    lines = [
        "<View>",
        '  <Labels name="labels" toName="audio">',
        *(f"    <Label value={quoteattr(name)}/>" for name in names),
        "  </Labels>",
        '  <Audio name="audio" value="$audio"/>',
    ]
    if spoken:
        lines.append(
            '  <TextArea name="transcription" toName="audio" perRegion="true" '
            'editable="true" displayMode="region-list"/>'
        )
    return {".labelstudio.xml": "\n".join([*lines, "</View>", ""])}


@dataclass(slots=True)
class _Region:
    """What the items of one id say together."""

    value: Node | None = None
    names: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    score: float | None = None
    meta: Node | None = None


def _read(path: Path, context: ReadContext) -> list[LabelDocument]:
    top = read_json(path)
    tasks = [top] if isinstance(top.value, dict) else top.parts()
    if top.missing:
        raise top.error("a list of tasks")
    return [_document(path, task, context) for task in tasks]


def _document(path: Path, task: Node, context: ReadContext) -> LabelDocument:
    data = task.get("data")
    if data.missing:
        raise file_error(
            path,
            "it is missing",
            field=data.where,
            remedy="Export from Label Studio as JSON, not as JSON-MIN.",
        )
    recording = _recording(data, context)
    tiers: dict[tuple[str, TrackKind], list[LabelRecord]] = {}
    ignored = 0
    for given, status in _results(task):
        regions, without_place = _regions(given.get("result"))
        ignored += without_place
        fallback = given.get("score").real() if status == "predicted" else None
        if any(region.score is not None for region in regions):
            fallback = None
        model = given.get("model_version").text() if status == "predicted" else ""
        for region in regions:
            for tier, kind, label in _labels(region, recording, status, model):
                if label.score is None:
                    label = replace(label, score=fallback)
                tiers.setdefault((tier, kind), []).append(label)
    notes = []
    if ignored:
        verb = "was" if ignored == 1 else "were"
        notes.append(
            f"{counted(ignored, 'answer')} in {path.name} without a range of time "
            f"{verb} not imported."
        )
    return LabelDocument(
        recording,
        unique_names(
            Tier(name, kind, in_order(labels)) for (name, kind), labels in tiers.items()
        ),
        notes=tuple(notes),
    )


def _results(task: Node) -> Iterator[tuple[Node, LabelStatus]]:
    """Annotations and predictions, with the status of their labels."""
    for annotation in task.get("annotations").parts():
        if annotation.get("was_cancelled").value is not True:
            yield annotation, "confirmed"
    for prediction in task.get("predictions").parts():
        yield prediction, "predicted"


def _recording(data: Node, context: ReadContext) -> Recording:
    """The recording that a task's data name; `audio` is only the usual key."""
    for key in ("audio", *data.keys()):
        value = data.get(key).value
        if isinstance(value, str) and value:
            return _named(data.get(key).text(), context)
    return context.recording


def _named(audio: str, context: ReadContext) -> Recording:
    """The recording of a path, a URL, or the name of an uploaded file."""
    candidates = [audio]
    try:
        parts = urlsplit(audio)
    except ValueError:
        parts = None
    if parts is not None:
        local = parse_qs(parts.query).get("d", [])
        candidates += [*local, unquote(parts.path)]
    for candidate in candidates:
        for name in (candidate, _UPLOAD_PREFIX.sub("", last_part(candidate), count=1)):
            found = context.known(name) if name else None
            if found is not None:
                return found
    return context.named(last_part(candidates[-1]) or audio)


def _regions(results: Node) -> tuple[list[_Region], int]:
    """The regions of a result, and the number of items that are about no range."""
    regions: dict[str, _Region] = {}
    ignored = 0
    for n, item in enumerate(results.parts()):
        value = item.get("value")
        if value.missing or value.get("start").missing or value.get("end").missing:
            ignored += 1
            continue
        region = regions.setdefault(item.get("id").text() or f"#{n}", _Region())
        region.value = region.value or value
        score = item.get("score").real()
        region.score = score if region.score is None else region.score
        meta = item.get("meta")
        if isinstance(meta.value, dict) and not meta.get("earmark").missing:
            region.meta = meta.get("earmark")
        kind = item.get("type").text()
        answers = value.get(kind if kind != "textarea" else "text")
        texts = [answers] if isinstance(answers.value, str) else answers.parts()
        target = region.texts if kind == "textarea" else region.names
        target += [text.text() for text in texts]
    return list(regions.values()), ignored


def _labels(
    region: _Region, recording: Recording, status: LabelStatus, model: str
) -> Iterable[tuple[str, TrackKind, LabelRecord]]:
    """The labels of a region with tier and kind: one per class, or its transcript."""
    value = region.value
    if value is None:
        return
    start, stop = value.get("start").needed_time(), value.get("end").needed_time()
    if stop < start:
        raise file_error(value.path, "it ends before it starts", field=value.where)
    base = LabelRecord(
        frames_of_seconds(start, recording.rate),
        frames_of_seconds(stop, recording.rate),
        channel=None if recording.channels == 1 else _channel(value.get("channel")),
        score=region.score,
        model=model,
        status=status,
    )
    text = " ".join(filter(None, region.texts))
    if region.meta is not None:
        yield _own(region.meta, base, region.names, text)
    elif text:
        yield (
            "transcription",
            "segments",
            replace(base, text=text, label=", ".join(filter(None, region.names))),
        )
    else:
        for name in region.names or [""]:
            yield "labels", "labels", replace(base, text=name)


def _own(
    meta: Node, base: LabelRecord, names: Sequence[str], text: str
) -> tuple[str, TrackKind, LabelRecord]:
    """A label that was exported from here; names and texts may have been corrected."""
    tier = meta.get("tier").text() or "labels"
    kind = _KINDS.get(meta.get("kind").text()) or tier_kind(tier)
    spoken = kind in ("segments", "words")
    everywhere = meta.get("all_channels").value is True
    label = replace(
        base,
        text=text if spoken else ", ".join(filter(None, names)),
        label=meta.get("class").text(),
        low_hz=meta.get("low_hz").real(),
        high_hz=meta.get("high_hz").real(),
        channel=None if everywhere and not base.channel else base.channel,
        speaker=meta.get("speaker").text(),
        source=meta.get("source").text(),
        model=meta.get("model").text() or base.model,
        status=STATUS_NAMES.get(meta.get("status").text(), base.status),
    )
    return tier, kind, label


def _channel(node: Node) -> int | None:
    value = node.real()
    if value is None:
        return None
    if not 0 <= value <= _MAX_CHANNEL or value != int(value):
        raise node.error("a channel, counted from 0")
    return int(value)


def _losses(documents: Sequence[LabelDocument], options: Params) -> list[str]:
    del options
    return loss_sentences(documents, keeps=ALL_FIELDS)


def _recognised(head: str) -> bool:
    start = head.lstrip()
    return start.startswith("[") or (start.startswith("{") and '"data"' in head)


FORMAT = LabelFormat(
    id="label-studio",
    title="Label Studio JSON",
    suffixes=(".labelstudio.json", ".json"),
    read=_read,
    write=_write,
    losses=_losses,
    carry=_carry,
    many=True,
    recognises=_recognised,
    beside=_config,
)
