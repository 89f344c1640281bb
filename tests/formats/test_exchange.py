"""Between a project and label files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from earmark.core.clips import Source, Span
from earmark.core.errors import EarmarkError
from earmark.core.labels import Label
from earmark.core.project import Project
from earmark.core.tasks import AudioInput, Job, ModelRef, Prediction, Text
from earmark.formats import (
    FormatRegistry,
    LabelDocument,
    LabelRecord,
    Recording,
    Tier,
    TimedWord,
)
from earmark.formats.exchange import (
    LabelsOutside,
    add_to_project,
    documents_from_project,
    import_into_project,
    recording_of_clip,
)

MODEL = ModelRef("whisper-tiny", "ctranslate2", None, "abc")


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """A project with "demo" (10 s, stereo, 8 kHz) and "bird" (5 s, 16 kHz)."""
    project = Project.create(tmp_path / "Test.earmark")
    with project.edit("Open files") as edit:
        for name, rate, channels, seconds in (
            ("demo", 8000, 2, 10),
            ("bird", 16000, 1, 5),
        ):
            source = Source(
                name * 4, tmp_path / f"{name}.wav", rate, channels, rate * seconds
            )
            edit.add_source(source)
            edit.add_clip(name, rate, channels, (Span(source.id, 0, source.frames),))
    yield project
    project.close()


@pytest.fixture
def demo(project: Project) -> int:
    return project.clips()[0].id


@pytest.fixture
def bird(project: Project) -> int:
    return project.clips()[1].id


def audio_input(project: Project, clip: int) -> AudioInput:
    given = project.clip(clip)
    return AudioInput(
        clip, given.name, given.rate, given.channels, given.spans, (), 0, given.frames
    )


def contents(project: Project, clip: int) -> list[tuple[str, str, list[tuple]]]:
    return [
        (
            track.name,
            track.kind,
            [(la.start, la.stop, la.text) for la in project.labels(track.id)],
        )
        for track in project.tracks(clip)
    ]


def with_tiers(clip: int, project: Project, *tiers: Tier) -> LabelDocument:
    return LabelDocument(recording_of_clip(project, project.clip(clip)), tiers)


def test_a_clip_is_called_after_its_file_until_it_is_cut(
    project: Project, demo: int, tmp_path: Path
) -> None:
    whole = recording_of_clip(project, project.clip(demo))
    assert whole == Recording("demo.wav", 8000, 80000, 2, tmp_path / "demo.wav")
    with project.edit("Cut") as edit:
        edit.cut(demo, 0, 8000)
    assert recording_of_clip(project, project.clip(demo)) == Recording(
        "demo", 8000, 72000, 2
    )


def test_two_files_with_the_same_sound_keep_their_names(
    project: Project, tmp_path: Path
) -> None:
    source = Source("c" * 32, tmp_path / "one.wav", 8000, 1, 800)
    with project.edit("Open files") as edit:
        edit.add_source(source)
        spans = (Span(source.id, 0, 800),)
        one = edit.add_clip("one.wav", 8000, 1, spans)
        two = edit.add_clip("two.wav", 8000, 1, spans)
    recordings = [recording_of_clip(project, project.clip(clip)) for clip in (one, two)]
    assert recordings == [
        Recording("one.wav", 8000, 800, 1, tmp_path / "one.wav"),
        Recording("two.wav", 8000, 800, 1),
    ]


def test_a_name_that_is_not_unicode_can_be_written(
    project: Project, tmp_path: Path
) -> None:
    paths = [
        Path(os.fsdecode(os.fsencode(tmp_path / folder) + b"/caf\xe9.wav"))
        for folder in ("a", "b")
    ]
    with project.edit("Open files") as edit:
        clips = []
        for number, path in enumerate(paths):
            source = Source(str(number) * 32, path, 8000, 1, 800)
            edit.add_source(source)
            spans = (Span(source.id, 0, 800),)
            clip = edit.add_clip("caf\N{REPLACEMENT CHARACTER}.wav", 8000, 1, spans)
            edit.add_labels([Label(0, edit.add_track(clip, "a"), 0, 80, "x")])
            clips.append(clip)
    documents = documents_from_project(project, clips)
    assert documents[0].recording.path == paths[0]
    FormatRegistry().export_labels(tmp_path / "all.csv", documents)
    text = (tmp_path / "all.csv").read_text(encoding="utf-8")
    assert f"{tmp_path / 'b'}/caf\ufffd.wav" in text


def test_labels_of_a_job_carry_who_made_them(project: Project, demo: int) -> None:
    job = project.add_job(Job(0, "speech-recognition", {}, MODEL, None))
    with project.edit("Label") as edit:
        track = edit.add_track(demo, "segments", "segments", job)
        edit.add_labels(
            [
                Label(
                    0, track, 0, 8000, "hello", status="predicted", job=job, score=0.5
                ),
                Label(0, track, 8000, 9000, "by hand"),
            ]
        )
        edit.set_text(job, demo, Text("language", "en"))
    (document,) = documents_from_project(project, [demo])
    assert document.language == "en"
    assert document.tiers == (
        Tier(
            "segments",
            "segments",
            (
                LabelRecord(
                    0,
                    8000,
                    "hello",
                    score=0.5,
                    source="speech-recognition",
                    model="whisper-tiny@abc",
                    status="predicted",
                ),
                LabelRecord(8000, 9000, "by hand", source="manual"),
            ),
        ),
    )


def test_who_made_a_label_stays_known_without_the_job(
    project: Project, demo: int, tmp_path: Path
) -> None:
    job = project.add_job(
        Job(0, "speech-recognition", {}, MODEL, audio_input(project, demo))
    )
    project.add_results(job, [Prediction("segments", 0, 8000, "hello")])
    project.accept_results(job, "Speech recognition")
    project.remove_jobs(job)
    (document,) = documents_from_project(project, [demo])
    ((label,),) = (tier.labels for tier in document.tiers)
    assert (label.source, label.model) == ("speech-recognition", "whisper-tiny@abc")
    FormatRegistry().export_labels(tmp_path / "demo.csv", [document])
    added = import_into_project(project, FormatRegistry(), tmp_path / "demo.csv")
    ((again,),) = (project.labels(track) for track in added[demo])
    assert again.job == job


def test_only_what_is_chosen_is_exported(
    project: Project, demo: int, bird: int
) -> None:
    with project.edit("Label") as edit:
        first = edit.add_track(demo, "a")
        second = edit.add_track(demo, "b")
        chosen, _ = edit.add_labels([Label(0, first, 0, 1, "x"), Label(0, first, 2, 3)])
        edit.add_label(Label(0, second, 0, 1, "z"))

    def names(**chosen: list[int]) -> list[list[tuple[str, int]]]:
        documents = documents_from_project(project, [demo, bird], **chosen)
        return [[(t.name, len(t.labels)) for t in d.tiers] for d in documents]

    assert names() == [[("a", 2), ("b", 1)], []]
    assert names(tracks=[second]) == [[("b", 1)], []]
    assert names(labels=[chosen]) == [[("a", 1)], []]


def test_an_import_is_one_step_that_can_be_undone(project: Project, demo: int) -> None:
    steps = len(project.history())
    document = with_tiers(
        demo,
        project,
        Tier(
            "birds", "labels", (LabelRecord(0, 8000, "wren", low_hz=100.0, channel=1),)
        ),
        Tier("birds", "labels", (LabelRecord(0, 0, "click"),)),
    )
    with project.edit("Import labels") as edit:
        tracks = add_to_project(edit, project, demo, document)
    assert len(project.history()) == steps + 1
    assert [track.id for track in project.tracks(demo)] == tracks
    assert contents(project, demo) == [
        ("birds", "labels", [(0, 8000, "wren")]),
        ("birds (2)", "labels", [(0, 0, "click")]),
    ]
    (label,) = project.labels(tracks[0])
    assert (label.low_hz, label.channel, label.status) == (100.0, 1, "confirmed")
    project.undo()
    assert contents(project, demo) == []


def test_a_document_of_another_rate_is_converted(project: Project, demo: int) -> None:
    tier = Tier("t", "labels", (LabelRecord(44100, 66150, "x"),))
    with project.edit("Import labels") as edit:
        add_to_project(
            edit, project, demo, LabelDocument(Recording("x", 44100), (tier,))
        )
    assert contents(project, demo) == [("t", "labels", [(8000, 12000, "x")])]


def test_labels_over_an_end_are_clipped(project: Project, demo: int) -> None:
    labels = (
        LabelRecord(-100, 50, "before"),
        LabelRecord(79000, 90000, "over"),
        LabelRecord(80010, 80010, "rounded"),
    )
    with project.edit("Import labels") as edit:
        add_to_project(
            edit, project, demo, with_tiers(demo, project, Tier("t", "labels", labels))
        )
    assert contents(project, demo)[0][2] == [
        (0, 50, "before"),
        (79000, 80000, "over"),
        (80000, 80000, "rounded"),
    ]


def test_labels_beyond_the_end_are_refused_or_skipped(
    project: Project, demo: int
) -> None:
    labels = (LabelRecord(0, 8000, "in"), LabelRecord(96000, 97000, "out"))
    document = with_tiers(demo, project, Tier("t", "labels", labels))
    with (
        pytest.raises(
            EarmarkError,
            match=r"1 label of 2 lies outside “demo”, .* 10\.000 s .* at 12\.000 s",
        ),
        project.edit("Import labels") as edit,
    ):
        add_to_project(edit, project, demo, document)
    assert contents(project, demo) == []
    with project.edit("Import labels") as edit:
        add_to_project(edit, project, demo, document, outside="skip")
    assert contents(project, demo) == [("t", "labels", [(0, 8000, "in")])]


def test_a_channel_the_clip_lacks_becomes_all(project: Project, bird: int) -> None:
    tier = Tier("t", "labels", (LabelRecord(0, 1, "x", channel=3),))
    with project.edit("Import labels") as edit:
        (track,) = add_to_project(edit, project, bird, with_tiers(bird, project, tier))
    assert project.labels(track)[0].channel is None


def test_nested_words_and_classes_become_tracks(project: Project, demo: int) -> None:
    words = (TimedWord("good", 0, 4000, 0.9), TimedWord("day"))
    label = LabelRecord(0, 8000, "good day", label="speech", words=words)
    document = with_tiers(demo, project, Tier("said", "segments", (label,)))
    with project.edit("Import labels") as edit:
        add_to_project(edit, project, demo, document)
    assert contents(project, demo) == [
        ("said (class)", "labels", [(0, 8000, "speech")]),
        ("said", "segments", [(0, 8000, "good day")]),
        ("words", "words", [(0, 4000, "good"), (4000, 8000, "day")]),
    ]


def test_a_label_finds_the_job_that_made_it(
    project: Project, demo: int, tmp_path: Path
) -> None:
    job = project.add_job(Job(0, "speech-recognition", {}, MODEL, None))
    with project.edit("Label") as edit:
        track = edit.add_track(demo, "segments", "segments", job)
        edit.add_label(Label(0, track, 0, 8000, "a", status="predicted", job=job))
    path = tmp_path / "a.csv"
    formats = FormatRegistry()
    formats.export_labels(path, documents_from_project(project, [demo]))
    ((imported,),) = import_into_project(project, formats, path).values()
    (label,) = project.labels(imported)
    assert (label.job, label.status) == (job, "predicted")
    assert project.track(imported).job == job


@pytest.mark.parametrize(
    "format_id", ["csv", "tsv", "textgrid", "raven", "label-studio", "audacity"]
)
def test_tracks_survive_export_and_import(
    project: Project, demo: int, bird: int, tmp_path: Path, format_id: str
) -> None:
    with project.edit("Label") as edit:
        track = edit.add_track(demo, "labels")
        edit.add_labels(
            [Label(0, track, n * 701, n * 701 + 500, f"grün {n}") for n in range(100)]
        )
    formats = FormatRegistry()
    path = tmp_path / f"labels{formats.by_id(format_id).suffixes[0]}"
    formats.export_labels(path, documents_from_project(project, [demo]), format_id)
    before = contents(project, demo)
    assert import_into_project(project, formats, path, clip=demo).keys() == {demo}
    after = contents(project, demo)
    assert after[: len(before)] == before
    assert [labels for _, _, labels in after[len(before) :]] == [before[0][2]]


def test_a_file_about_many_clips_goes_to_each_of_them(
    project: Project, demo: int, bird: int, tmp_path: Path
) -> None:
    path = tmp_path / "all.csv"
    path.write_text("file,start,end,label\ndemo.wav,0,1,x\nbird.wav,1,2,y\n")
    added = import_into_project(project, FormatRegistry(), path)
    assert set(added) == {demo, bird}
    assert contents(project, demo) == [("labels", "labels", [(0, 8000, "x")])]
    assert contents(project, bird) == [("labels", "labels", [(16000, 32000, "y")])]


def test_a_file_that_names_nothing_goes_to_the_clip_of_its_name(
    project: Project, bird: int, tmp_path: Path
) -> None:
    path = tmp_path / "bird.srt"
    path.write_text("1\n00:00:01,000 --> 00:00:02,000\ntweet\n\n")
    import_into_project(project, FormatRegistry(), path)
    assert contents(project, bird) == [("bird", "segments", [(16000, 32000, "tweet")])]


def test_what_is_not_taken_from_a_file_is_told(
    project: Project, demo: int, tmp_path: Path
) -> None:
    path = tmp_path / "all.csv"
    path.write_text("file,start,label,mood\ndemo.wav,0,x,\nbird.wav,1,y,glad\n")
    told: list[str] = []
    import_into_project(project, FormatRegistry(), path, tell=told.append)
    assert told == ["Columns of all.csv that were not imported: mood."]


def test_recordings_that_are_not_there_are_named(
    project: Project, demo: int, tmp_path: Path
) -> None:
    path = tmp_path / "all.csv"
    path.write_text("file,start,end,label\ndemo.wav,0,1,x\nfrog.wav,1,2,y\n")
    steps = len(project.history())
    with pytest.raises(EarmarkError, match=r"all\.csv is about .* not have: frog\.wav"):
        import_into_project(project, FormatRegistry(), path)
    path = tmp_path / "frog.srt"
    path.write_text("1\n00:00:01,000 --> 00:00:02,000\nquak\n\n")
    with pytest.raises(EarmarkError, match=r"choose the clip"):
        import_into_project(project, FormatRegistry(), path)
    assert len(project.history()) == steps
    assert contents(project, demo) == []


def test_a_file_that_cannot_be_read_changes_nothing(
    project: Project, demo: int, tmp_path: Path
) -> None:
    path = tmp_path / "a.txt"
    path.write_text("0\t1\ta\nx\t2\tb\n")
    steps = len(project.history())
    with pytest.raises(EarmarkError, match=r"a\.txt, line 2"):
        import_into_project(project, FormatRegistry(), path, clip=demo)
    assert len(project.history()) == steps
    assert contents(project, demo) == []


def test_accepted_predictions_export_as_a_transcript(
    project: Project, demo: int, tmp_path: Path
) -> None:
    job = project.add_job(Job(0, "speech-recognition", {}, MODEL, None))
    with project.edit("Transcribe") as edit:
        for kind, texts in (("segments", ["good day"]), ("words", ["good", "day"])):
            track = edit.add_track(demo, kind, kind, job)
            length = 8000 // len(texts)
            edit.add_labels(
                Label(0, track, n * length, (n + 1) * length, text, status="predicted")
                for n, text in enumerate(texts)
            )
    formats = FormatRegistry()
    path = tmp_path / "a.srt"
    formats.export_labels(path, documents_from_project(project, [demo]))
    assert path.read_text() == "1\n00:00:00,000 --> 00:00:01,000\ngood day\n\n"


def test_labels_outside_a_clip_are_refused_or_left_out_and_told(
    project: Project, demo: int, tmp_path: Path
) -> None:
    path = tmp_path / "a.txt"
    path.write_text("0\t1\tin\n12\t13\tout\n14\t15\tout\n")
    steps = len(project.history())
    with pytest.raises(LabelsOutside, match="2 labels of 3 lie outside “demo”"):
        import_into_project(project, FormatRegistry(), path, clip=demo)
    assert len(project.history()) == steps
    told: list[str] = []
    import_into_project(
        project, FormatRegistry(), path, clip=demo, outside="skip", tell=told.append
    )
    assert contents(project, demo) == [("a", "labels", [(0, 8000, "in")])]
    assert told == ["2 labels outside “demo” were left out."]


@pytest.mark.parametrize("last", ["Reading a.txt", "Adding 1 label", "Storing them"])
def test_an_import_that_is_ended_at_any_step_changes_nothing(
    project: Project, demo: int, tmp_path: Path, last: str
) -> None:
    path = tmp_path / "a.txt"
    path.write_text("0\t1\tin\n")
    steps = len(project.history())

    def end(step: str) -> None:
        if step == last:
            raise LookupError(step)

    with pytest.raises(LookupError):
        import_into_project(project, FormatRegistry(), path, clip=demo, step=end)
    assert len(project.history()) == steps
    assert contents(project, demo) == []
