"""Commands of the window: compare two transcripts, and walk through what differs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from earmark.api import (
    Command,
    EarmarkError,
    Host,
    Label,
    LabelTrack,
    SpokenWord,
    compare_words,
    words_of,
)

TRACK = "Differences"


def commands(host: Host) -> Sequence[Command]:
    """The commands, made for a window."""
    return [
        Command(
            "speech-recognition.compare",
            "Compare transcripts",
            partial(compare_transcripts, host),
            "Labels",
            enabled=lambda: can_compare(host),
            icon="ph.git-diff",
            section=5,
        ),
        Command(
            "speech-recognition.next_difference",
            "Next difference",
            partial(step, host, 1),
            "Labels",
            ("F8",),
            lambda: difference_track(host) is not None,
            section=5,
        ),
        Command(
            "speech-recognition.previous_difference",
            "Previous difference",
            partial(step, host, -1),
            "Labels",
            ("Shift+F8",),
            lambda: difference_track(host) is not None,
            section=5,
        ),
    ]


def transcripts(host: Host) -> list[LabelTrack]:
    """The track that stands for each transcript of the shown clip, from the top.

    A job's words, or its segments if it gave no words; tracks made by hand or read from
    a file stand for themselves.
    """
    if host.clip is None:
        return []
    tracks = host.project.tracks(host.clip.id)
    with_words = {track.job for track in tracks if track.kind == "words"} - {None}
    return [
        track
        for track in tracks
        if track.kind == "words"
        or (track.kind == "segments" and track.job not in with_words)
    ]


def difference_track(host: Host) -> LabelTrack | None:
    """The last track of differences under the shown clip, or None."""
    if host.clip is None:
        return None
    tracks = host.project.tracks(host.clip.id)
    named = [track for track in tracks if track.name == TRACK]
    return named[-1] if named else None


def can_compare(host: Host) -> bool:
    """Whether there are two transcripts to compare, and a place for the result."""
    return not host.project.read_only and len(transcripts(host)) > 1


def compare_transcripts(host: Host) -> None:
    """Write a track with the differences of two transcripts, as one edit.

    They are the last two under the clip; if the active track belongs to an earlier one,
    that one and the last.

    Raises
    ------
    EarmarkError
        If they do not differ.
    """
    assert host.clip is not None
    found = transcripts(host)
    active = [track for track in found[:-1] if _is_active(host, track)]
    first, second = (active or found[-2:])[0], found[-1]
    compared = compare_words(_words(host, first), _words(host, second))
    different = compared.differences
    if not different:
        raise EarmarkError(
            f"{_named(host, first)} and {_named(host, second)} say the same, word for "
            "word."
        )
    with host.project.edit("Compare transcripts") as edit:
        before = difference_track(host)
        if before is not None:
            edit.remove_track(before.id)
        track = edit.add_track(host.clip.id, TRACK)
        labels = edit.add_labels(
            Label(0, track, each.start, each.stop, each.text) for each in different
        )
    host.set_active_track(track)
    host.set_playhead(different[0].start)
    host.select_labels(labels[:1])


def _named(host: Host, track: LabelTrack) -> str:
    """The name of a track, with the model that wrote it: tracks of two are alike."""
    model = None if track.job is None else host.project.job(track.job).model
    by = "" if model is None else f" by {model.title or model.id}"
    return f"“{track.name}”{by}"


def step(host: Host, direction: int) -> None:
    """Select and reveal the next (1) or the previous (-1) difference."""
    track = difference_track(host)
    assert track is not None
    labels = host.project.labels(track.id)
    chosen = [
        index for index, label in enumerate(labels) if label.id in host.selected_labels
    ]
    if chosen:
        index = chosen[0] + direction
    elif direction > 0:
        index = sum(label.start <= host.playhead for label in labels)
    else:
        index = sum(label.start < host.playhead for label in labels) - 1
    if 0 <= index < len(labels):
        host.set_playhead(labels[index].start)
        host.select_labels([labels[index].id])


def _is_active(host: Host, track: LabelTrack) -> bool:
    """Whether the active track is of the same transcript."""
    if host.active_track is None:
        return False
    active = host.project.track(host.active_track)
    same_job = active.job is not None and active.job == track.job
    return bool(active.id == track.id or same_job)


def _words(host: Host, track: LabelTrack) -> list[SpokenWord]:
    labels = [
        label for label in host.project.labels(track.id) if label.status != "rejected"
    ]
    if track.kind == "words":
        return [SpokenWord(label.start, label.stop, label.text) for label in labels]
    return [
        word
        for label in labels
        for word in words_of(label.start, label.stop, label.text)
    ]
