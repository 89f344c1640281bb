"""Who said what: the turns of speakers joined with a transcript."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import groupby, pairwise

from earmark.core.errors import EarmarkError
from earmark.core.labels import Label, LabelTrack
from earmark.core.project import Project


def speaker_of(turn: Label) -> str:
    """Who speaks in a turn; empty if nobody could tell.

    A turn that was made by hand or imported may say it in its text only.
    """
    return turn.speaker or ("" if turn.job is not None else turn.text.strip())


def named_by(project: Project, labels: Iterable[int]) -> list[str]:
    """The speakers of some labels, in order of name; those without one add nothing."""
    found = project.labels_by_id(labels).values()
    return sorted({name for label in found if (name := _name(project, label))})


def rename(project: Project, labels: Iterable[int], name: str) -> None:
    """Give the speakers of some labels a name, wherever they speak, in one edit.

    Labels that say nobody's name are given it themselves. Speakers who are given one
    name become one.

    Raises
    ------
    EarmarkError
        If the name is empty.
    """
    chosen = list(project.labels_by_id(labels).values())
    with project.edit("Rename speaker") as edit:
        for old in named_by(project, (label.id for label in chosen)):
            edit.rename_speaker(old, name)
        for label in chosen:
            if _name(project, label):
                continue
            if not name.strip():
                raise EarmarkError("A speaker needs a name.", "Say who speaks.")
            fields = {"speaker": name.strip()}
            if project.track(label.track).kind == "speakers":
                fields["text"] = name.strip()
            edit.update_label(label.id, **fields)


def _name(project: Project, label: Label) -> str:
    if label.speaker or project.track(label.track).kind != "speakers":
        return label.speaker
    return speaker_of(label)


def attributed(
    segment: Label, words: Sequence[Label], turns: Sequence[Label]
) -> list[Label]:
    """A segment of a transcript with its speaker, split where another one goes on.

    Parameters
    ----------
    segment : Label
    words : sequence of Label
        Those of the segment, in order of start; without any it stays whole.
    turns : sequence of Label
        Those that overlap the segment.

    Returns
    -------
    list of Label
        The first one has the id of the segment, the others have none. A segment has
        the speaker who overlaps it most, a word likewise; a word outside all turns
        goes with the word before it.
    """
    speakers = [_speaker_within(word, turns) for word in words]
    for at in range(1, len(speakers)):
        speakers[at] = speakers[at] or speakers[at - 1]
    for at in range(len(speakers) - 2, -1, -1):
        speakers[at] = speakers[at] or speakers[at + 1]
    if len(set(speakers)) < 2:
        return [replace(segment, speaker=_speaker_within(segment, turns))]
    texts = _texts(segment.text, [word.text for word in words])
    parts: list[Label] = []
    for speaker, run in groupby(range(len(words)), key=lambda at: speakers[at]):
        inside = list(run)
        first, last = inside[0], inside[-1]
        start = max(words[first].start, parts[-1].stop) if parts else segment.start
        text = "".join(texts[at] for at in inside).strip()
        stop = segment.stop
        if last + 1 < len(words):
            stop = min(max(start, words[last].stop), segment.stop)
        parts.append(
            replace(
                segment,
                id=0 if parts else segment.id,
                start=min(start, segment.stop),
                stop=stop,
                text=text,
                speaker=speaker,
            )
        )
    return parts


def who_said_what(
    transcript: Sequence[Label], words: Sequence[Label], turns: Sequence[Label]
) -> list[tuple[Label, list[Label]]]:
    """The segments that change when each is given its speaker, with what becomes of it.

    Parameters
    ----------
    transcript, words, turns : sequence of Label
        Each in order of start; `words` may be empty. What a person rejected counts
        for nothing.

    Returns
    -------
    list of (Label, list of Label)
        See `attributed`. What no turn overlaps stays as it is.
    """
    words = [word for word in words if word.status != "rejected"]
    turns = [turn for turn in turns if turn.status != "rejected" and speaker_of(turn)]
    middles = [(word.start + word.stop) // 2 for word in words]
    starts = [turn.start for turn in turns]
    longest = max((turn.stop - turn.start for turn in turns), default=0)
    changed = []
    for segment in transcript:
        near = turns[
            bisect_left(starts, segment.start - longest) : bisect_right(
                starts, segment.stop
            )
        ]
        near = [turn for turn in near if turn.stop > segment.start]
        if segment.status == "rejected" or not near:
            continue
        inside = words[
            bisect_left(middles, segment.start) : bisect_left(middles, segment.stop)
        ]
        parts = attributed(segment, inside, near)
        if parts != [segment] and any(part.speaker for part in parts):
            changed.append((segment, parts))
    return changed


def name_transcript(project: Project, clip: int, preferred: int | None = None) -> str:
    """Give the segments of a clip's transcript their speakers, in one edit.

    The transcript is the lowest track of segments, or of words if there are none; the
    turns are those of the lowest track of speakers.

    Parameters
    ----------
    project : Project
    clip : int
    preferred : int, optional
        A track that is taken if it is of a kind that is needed.

    Returns
    -------
    str
        What was done, for a person.

    Raises
    ------
    EarmarkError
        If one of the two is missing.
    """
    tracks = project.tracks(clip)
    turns = _chosen(tracks, "speakers", preferred)
    segments = _chosen(tracks, "segments", preferred)
    words = _chosen(tracks, "words", preferred)
    transcript = segments or words
    if turns is None or transcript is None:
        missing, task = (
            ("track of speakers", "Speaker identification")
            if turns is None
            else ("transcript", "Speech recognition")
        )
        raise EarmarkError(f"The clip has no {missing}.", f"Run {task} over it first.")
    changed = who_said_what(
        project.labels(transcript.id),
        project.labels(words.id) if words and segments else (),
        project.labels(turns.id),
    )
    if not changed:
        return "The transcript names its speakers already."
    with project.edit("Who said what") as edit:
        for segment, (first, *others) in changed:
            edit.update_label(
                segment.id,
                stop=first.stop,
                text=first.text,
                speaker=first.speaker,
                status=segment.status,
            )
            edit.add_labels(others)
    heard = Counter(part.speaker for _, parts in changed for part in parts)
    return f"“{transcript.name}” says now what {_listed(sorted(heard))} said."


def _chosen(
    tracks: Sequence[LabelTrack], kind: str, preferred: int | None
) -> LabelTrack | None:
    of_kind = [track for track in tracks if track.kind == kind]
    for track in of_kind:
        if track.id == preferred:
            return track
    return of_kind[-1] if of_kind else None


def _speaker_within(label: Label, turns: Sequence[Label]) -> str:
    """Who speaks longest within a label; empty if nobody does."""
    spoken: Counter[str] = Counter()
    for turn in turns:
        overlap = min(label.stop, turn.stop) - max(label.start, turn.start)
        if overlap > 0:
            spoken[speaker_of(turn)] += overlap
    return spoken.most_common(1)[0][0] if spoken else ""


def _texts(text: str, words: Sequence[str]) -> list[str]:
    """The text, cut before each word; the words if it is not made of them."""
    cuts = []
    at = 0
    for word in words:
        found = text.find(word.strip(), at)
        if found < 0:
            return [f"{word.strip()} " for word in words]
        cuts.append(found)
        at = found + len(word.strip())
    cuts = [0, *cuts[1:], len(text)]
    return [text[first:after] for first, after in pairwise(cuts)]


def _listed(names: Sequence[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last
