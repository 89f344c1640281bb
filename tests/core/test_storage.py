"""Project folders: locks, read-only, copies, migrations and damage."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import apsw
import pytest
from core.fuzz import attack

from earmark.core import schema, storage
from earmark.core.clips import Clip, Source, Span
from earmark.core.errors import EarmarkError
from earmark.core.labels import Label
from earmark.core.project import (
    Project,
    ProjectCorrupt,
    ProjectInUse,
    ProjectTooNew,
)
from earmark.core.tasks import Job

HOLD = """
import sys
from pathlib import Path
from earmark.core.project import Project
project = Project.open(Path(sys.argv[1]))
print("open", flush=True)
sys.stdin.readline()
with project.edit("Elsewhere") as edit:
    edit.update_clip(1, name="renamed elsewhere")
print("edited", flush=True)
sys.stdin.readline()
"""


@contextmanager
def second_process(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that has a project open, and edits it on a line of input."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        yield process
        process.stdin.close()
        assert process.wait() == 0


@pytest.fixture
def filled(project: Project, clip: Clip, track: int) -> Project:
    """A project with 300 labels, some history and a job."""
    for part in range(3):
        with project.edit(f"Label {part}") as edit:
            edit.add_labels(
                Label(0, track, n, n + 3, f"label {part} {n}") for n in range(100)
            )
    project.add_job(Job(0, "task", {}, None, None))
    return project


def test_a_new_project_is_a_folder_with_a_database_and_audio(tmp_path: Path) -> None:
    project = Project.create(tmp_path / "deep" / "My Birds")
    assert project.folder == tmp_path / "deep" / "My Birds.earmark"
    assert project.name == "My Birds"
    assert project.audio_folder.is_dir()
    assert not project.untitled
    project.close()
    assert project.closed
    left = {path.name for path in project.folder.iterdir()}
    assert left - {storage.LOCK} == {"project.sqlite", "audio"}
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["My Birds.earmark"]


def test_a_project_is_not_made_where_something_is(tmp_path: Path) -> None:
    taken = tmp_path / "Taken.earmark"
    taken.mkdir()
    (taken / "file").touch()
    with pytest.raises(EarmarkError, match="exists already"):
        Project.create(taken)
    assert [path.name for path in tmp_path.iterdir()] == ["Taken.earmark"]


def test_commits_are_flushed_to_the_disk(project: Project) -> None:
    connection = project._database.connection
    assert connection.pragma("journal_mode") == "wal"
    assert connection.pragma("synchronous") == 2
    assert connection.pragma("foreign_keys") == 1


def test_what_is_no_project_is_said_to_be_none(tmp_path: Path) -> None:
    with pytest.raises(EarmarkError, match="not an Earmark project"):
        Project.open(tmp_path)
    with pytest.raises(EarmarkError, match="not an Earmark project"):
        Project.open(tmp_path / "nowhere.earmark")


def test_a_database_stands_for_its_folder(filled: Project) -> None:
    filled.close()
    with closing(Project.open(filled.folder / "project.sqlite")) as again:
        assert again.folder == filled.folder


def test_a_project_is_opened_by_one_process_and_read_by_others(
    project: Project, clip: Clip
) -> None:
    project.close()
    with second_process(project.folder) as process:
        with pytest.raises(ProjectInUse, match=r"Birds\.earmark is open"):
            Project.open(project.folder)
        with closing(Project.open(project.folder, read_only=True)) as reader:
            assert reader.clip(clip.id).name == "sea"
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write("\n")
            process.stdin.flush()
            assert process.stdout.readline() == "edited\n"
            assert reader.clip(clip.id).name == "renamed elsewhere"
    with closing(Project.open(project.folder)) as again:
        assert again.undo_title == "Elsewhere"


def test_a_project_is_free_again_after_closing(project: Project) -> None:
    with pytest.raises(ProjectInUse):
        Project.open(project.folder)
    project.close()
    project.close()
    Project.open(project.folder).close()


def test_a_read_only_project_refuses_to_change(filled: Project, clip: Clip) -> None:
    filled.close()
    with closing(Project.open(filled.folder, read_only=True)) as reader:
        assert len(reader.history()) == 5
        assert (reader.can_undo, reader.can_redo) == (False, False)
        for change in (
            lambda: reader.edit("Edit").__enter__(),
            reader.undo,
            reader.redo,
            reader.collect,
            lambda: reader.add_job(Job(0, "task", {}, None, None)),
            lambda: reader.remove_jobs(1),
        ):
            with pytest.raises(EarmarkError, match="open read-only"):
                change()
        reader.set_view("zoom", {"start": 5})
        assert reader.view("zoom") == {"start": 5}


def test_a_read_only_project_can_be_saved_elsewhere(
    filled: Project, clip: Clip, tmp_path: Path
) -> None:
    filled.close()
    reader = Project.open(filled.folder, read_only=True)
    reader.set_view("zoom", {"start": 5})
    reader.save_as(tmp_path / "Copy")
    assert not reader.read_only
    assert reader.view("zoom") == {"start": 5}
    with reader.edit("Rename") as edit:
        edit.update_clip(clip.id, name="in the copy")
    reader.close()
    with closing(Project.open(filled.folder)) as original:
        assert original.clip(clip.id).name == "sea"


READ_ONLY = """
import os, sys
from pathlib import Path
from earmark.core.errors import EarmarkError
from earmark.core.project import Project
if os.geteuid() == 0:
    os.setuid(65534)
try:
    Project.open(Path(sys.argv[1]))
except EarmarkError as error:
    print(error.message)
reader = Project.open(Path(sys.argv[1]), read_only=True)
print(reader.label_count(1))
"""


def test_a_project_in_a_folder_without_write_permission_is_read(
    filled: Project,
) -> None:
    filled.close()
    # The folders of pytest are closed to the user that the process becomes.
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "Locked.earmark"
        shutil.copytree(filled.folder, folder)
        (folder / storage.LOCK).unlink(missing_ok=True)
        Path(scratch).chmod(0o755)
        for path in (*folder.iterdir(), folder):
            path.chmod(0o555)
        try:
            finished = subprocess.run(
                [sys.executable, "-c", READ_ONLY, str(folder)],
                capture_output=True,
                text=True,
                check=True,
            )
        finally:
            folder.chmod(0o755)
    refusal, count = finished.stdout.splitlines()
    assert "cannot be written" in refusal
    assert count == "300"


def test_an_untitled_project_is_moved_when_it_is_saved(tmp_path: Path) -> None:
    project = Project.create(tmp_path / "data" / "Untitled", untitled=True)
    assert project.untitled
    (project.audio_folder / "take.wav").write_bytes(b"a take")
    with project.edit("Add") as edit:
        edit.add_source(
            Source("a" * 32, project.audio_folder / "take.wav", 8000, 1, 10)
        )
        clip = edit.add_clip("take", 8000, 1, (Span("a" * 32, 0, 10),))
    project.save_as(tmp_path / "Named")
    assert project.name == "Named"
    assert not project.untitled
    assert list((tmp_path / "data").iterdir()) == []
    assert project.source("a" * 32).path == tmp_path / "Named.earmark/audio/take.wav"
    assert project.missing_sources() == []
    with project.edit("Rename") as edit:
        edit.update_clip(clip, name="other")
    assert project.undo() is not None
    with pytest.raises(ProjectInUse):
        Project.open(project.folder)
    project.close()


def test_an_untitled_project_is_copied_to_another_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = Project.create(tmp_path / "Untitled", untitled=True)
    (project.audio_folder / "take.wav").write_bytes(b"a take")
    monkeypatch.setattr(storage, "rename", lambda folder, target: False)
    project.save_as(tmp_path / "Named")
    assert (project.audio_folder / "take.wav").read_bytes() == b"a take"
    assert [path.name for path in tmp_path.iterdir() if path.suffix] == [
        "Named.earmark"
    ]
    project.close()


def test_a_named_project_is_copied_when_it_is_saved(
    filled: Project, clip: Clip, tmp_path: Path
) -> None:
    (filled.audio_folder / "take.wav").write_bytes(b"a take")
    changes: list[object] = []
    filled.subscribe(changes.append)
    filled.save_as(tmp_path / "Copy")
    assert (filled.audio_folder / "take.wav").read_bytes() == b"a take"
    with filled.edit("Rename") as edit:
        edit.update_clip(clip.id, name="in the copy")
    assert len(changes) == 1
    with closing(Project.open(tmp_path / "Birds.earmark")) as original:
        assert original.clip(clip.id).name == "sea"
        assert (original.audio_folder / "take.wav").is_file()


def test_what_is_stored_while_a_project_is_copied_comes_along(
    filled: Project, clip: Clip, tmp_path: Path
) -> None:
    with closing(filled.beside()) as beside:
        beside.copy_to(tmp_path / "Copy")
    with filled.edit("Rename") as edit:
        edit.update_clip(clip.id, name="renamed meanwhile")

    filled.go_on_in(tmp_path / "Copy")

    assert filled.folder == tmp_path / "Copy.earmark"
    assert filled.clip(clip.id).name == "renamed meanwhile"
    assert filled.undo() is not None
    with closing(Project.open(tmp_path / "Birds.earmark")) as original:
        assert original.clip(clip.id).name == "renamed meanwhile"


class Enough(Exception):  # noqa: N818 - nothing is wrong
    pass


def enough_after(blocks: int) -> Callable[[int], None]:
    """A step that ends the work at a block."""
    left = iter(range(blocks))

    def step(_: int) -> None:
        if next(left, None) is None:
            raise Enough

    return step


def test_a_copy_that_is_ended_leaves_nothing_behind(
    filled: Project, tmp_path: Path
) -> None:
    for name in ("one.wav", "two.wav"):
        (filled.audio_folder / name).write_bytes(b"a take")
    before = sorted(tmp_path.iterdir())

    with pytest.raises(Enough):
        filled.copy_to(tmp_path / "Copy", enough_after(1))

    assert sorted(tmp_path.iterdir()) == before


def test_a_copy_keeps_the_times_of_its_files(filled: Project, tmp_path: Path) -> None:
    take = filled.audio_folder / "take.wav"
    take.write_bytes(b"a take")
    os.utime(take, ns=(1, 1_000_000_007))

    filled.copy_to(tmp_path / "Copy")

    copied = tmp_path / "Copy.earmark" / "audio" / "take.wav"
    assert copied.stat().st_mtime_ns == 1_000_000_007


def test_collecting_that_is_ended_leaves_no_copy(
    project: Project, make_source: Callable[..., Source]
) -> None:
    (project.audio_folder / "bay.wav").write_bytes(b"the sound of bay.wav")
    with project.edit("Import") as edit:
        for name in ("bay.wav", "sea.wav", "fjord.wav"):
            edit.add_source(make_source(name))

    with pytest.raises(Enough):
        project.collect(enough_after(5))

    assert [path.name for path in project.audio_folder.iterdir()] == ["bay.wav"]
    assert project.undo_title == "Import"


@pytest.mark.parametrize("untitled", [True, False])
def test_a_project_that_cannot_be_saved_stays_where_it_is(
    tmp_path: Path, untitled: bool
) -> None:
    project = Project.create(tmp_path / "Here", untitled=untitled)
    taken = tmp_path / "Taken.earmark"
    taken.mkdir()
    (taken / "file").touch()
    blocked = tmp_path / "blocked"
    blocked.write_text("a file, not a folder")
    inside = project.audio_folder / "Inside"
    for target in (taken, blocked / "New", project.folder, inside):
        with pytest.raises(EarmarkError):
            project.save_as(target)
        assert project.folder == tmp_path / "Here.earmark"
        assert project.untitled == untitled
        with project.edit("Add") as edit:
            edit.set_word(str(target), "#000000")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "Here.earmark",
        "Taken.earmark",
        "blocked",
    ]
    assert len(project.vocabulary()) == 4
    project.close()


def test_a_missing_source_is_relocated_by_its_content(
    project: Project, make_source: Callable[..., Source], tmp_path: Path
) -> None:
    source = make_source("lost.wav")
    with project.edit("Import") as edit:
        edit.add_source(source)
    found = tmp_path / "found.wav"
    shutil.move(source.path, found)
    assert project.missing_sources() == [source]
    (tmp_path / "wrong.wav").write_bytes(b"something else")
    with pytest.raises(EarmarkError, match=r"not the file .* lost\.wav"):
        project.relocate(source.id, tmp_path / "wrong.wav")
    with pytest.raises(EarmarkError, match="cannot be read"):
        project.relocate(source.id, tmp_path / "nowhere.wav")
    project.relocate(source.id, found)
    assert project.missing_sources() == []
    assert project.source(source.id).path == found


def test_sources_are_collected_into_the_project(
    project: Project, make_source: Callable[..., Source], tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    sources = [make_source("sea.wav"), make_source("bay.wav")]
    namesake = tmp_path / "other" / "sea.wav"
    namesake.write_bytes(b"another sea")
    project_source = make_source("own.wav", project.audio_folder)
    with project.edit("Import") as edit:
        for source in (*sources, project_source):
            edit.add_source(source)
        edit.add_source(
            Source(project_source.id[::-1], tmp_path / "gone.wav", 8000, 1, 1)
        )
    with pytest.raises(EarmarkError, match=r"gone\.wav"):
        project.collect()
    assert project.undo_title == "Import"
    project.undo()
    with project.edit("Import") as edit:
        for source in (*sources, project_source):
            edit.add_source(source)
    collected = project.collect()
    assert sorted(source.path.name for source in collected) == ["bay.wav", "sea.wav"]
    assert all(source.path.parent == project.audio_folder for source in collected)
    assert project.source(project_source.id) == project_source
    shutil.rmtree(tmp_path / "other")
    for source in sources:
        source.path.unlink()
    assert project.missing_sources() == []
    assert project.undo_title == "Collect into project"
    assert sorted(path.name for path in project.audio_folder.iterdir()) == [
        "bay.wav",
        "own.wav",
        "sea.wav",
    ]


def test_collecting_numbers_namesakes_and_refuses_changed_files(
    project: Project, make_source: Callable[..., Source]
) -> None:
    (project.audio_folder / "sea.wav").write_bytes(b"another sea")
    source = make_source("sea.wav")
    with project.edit("Import") as edit:
        edit.add_source(source)
    (copied,) = project.collect()
    assert copied.path.name == "sea (2).wav"
    changed = make_source("bay.wav")
    with project.edit("Import") as edit:
        edit.add_source(changed)
    changed.path.write_bytes(b"changed")
    with pytest.raises(EarmarkError, match=r"bay\.wav has changed"):
        project.collect()
    assert len(list(project.audio_folder.iterdir())) == 2


def test_namesakes_with_the_longest_names_are_collected(
    project: Project, make_source: Callable[..., Source]
) -> None:
    name = "録" * 83 + ".wav"
    (project.audio_folder / name).write_bytes(b"another one")
    with project.edit("Import") as edit:
        edit.add_source(make_source(name))
    (copied,) = project.collect()
    assert copied.path.name == "録" * 82 + " (2).wav"


def test_migrations_lead_from_every_version_to_the_newest(
    filled: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled.close()
    later = (
        *schema.MIGRATIONS,
        "ALTER TABLE labels ADD COLUMN note TEXT NOT NULL DEFAULT ''",
        "CREATE TABLE moods (name TEXT) STRICT; INSERT INTO moods VALUES ('calm')",
    )
    monkeypatch.setattr(schema, "MIGRATIONS", later)
    with closing(Project.open(filled.folder, read_only=True)) as reader:
        assert reader.label_count(1) == 300
        assert reader._database.value("SELECT name FROM moods") == "calm"
    with closing(Project.open(filled.folder)) as project:
        assert project._database.connection.pragma("user_version") == len(later)
        assert project.undo_title == "Label 2"
        project.undo()
        assert project.label_count(1) == 200
        project.redo()
        assert project.label_count(1) == 300


def test_a_migration_that_fails_changes_nothing(
    filled: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled.close()
    broken = (
        *schema.MIGRATIONS,
        "CREATE TABLE moods (id INTEGER PRIMARY KEY)",
        "ALTER TABLE nothing ADD COLUMN note TEXT",
    )
    with monkeypatch.context() as patch:
        patch.setattr(schema, "MIGRATIONS", broken)
        with pytest.raises(apsw.SQLError):
            Project.open(filled.folder)
    with closing(Project.open(filled.folder)) as project:
        assert project.label_count(1) == 300


def test_a_project_of_a_newer_version_is_refused_and_left_alone(
    filled: Project,
) -> None:
    filled.close()
    database = filled.folder / storage.DATABASE
    with closing(apsw.Connection(str(database))) as connection:
        connection.pragma("user_version", len(schema.MIGRATIONS) + 1)
        connection.pragma("journal_mode", "delete")
    before = database.read_bytes()
    for read_only in (False, True):
        with pytest.raises(ProjectTooNew, match="newer version"):
            Project.open(filled.folder, read_only=read_only)
    assert database.read_bytes() == before


def test_an_empty_or_foreign_database_is_refused_and_left_alone(
    filled: Project,
) -> None:
    filled.close()
    database = filled.folder / storage.DATABASE
    database.write_bytes(b"")
    with pytest.raises(ProjectCorrupt, match="empty or not the database"):
        Project.open(filled.folder)
    assert database.read_bytes() == b""
    database.unlink()
    with closing(apsw.Connection(str(database))) as connection:
        connection.execute("CREATE TABLE bookmarks (url)")
    before = database.read_bytes()
    with pytest.raises(ProjectCorrupt, match="empty or not the database"):
        Project.open(filled.folder)
    assert database.read_bytes() == before


def test_a_database_with_other_tables_is_refused(filled: Project) -> None:
    filled.close()
    with closing(apsw.Connection(str(filled.folder / storage.DATABASE))) as connection:
        connection.execute(
            "CREATE TRIGGER surprise AFTER INSERT ON labels"
            " BEGIN DELETE FROM clips; END"
        )
    with pytest.raises(ProjectCorrupt, match="tables of the project"):
        Project.open(filled.folder)


def test_a_damaged_project_gives_up_what_can_be_read(
    filled: Project, tmp_path: Path
) -> None:
    filled.close()
    database = filled.folder / storage.DATABASE
    with closing(apsw.Connection(str(database))) as connection:
        (leaf,) = connection.execute(
            "SELECT pageno FROM dbstat WHERE name = 'labels' AND pagetype = 'leaf'"
            " ORDER BY path LIMIT 1 OFFSET 1"
        ).fetchall()[0]
    assert isinstance(leaf, int)
    damaged = bytearray(database.read_bytes())
    damaged[4096 * (leaf - 1) : 4096 * leaf] = bytes(4096)
    database.write_bytes(damaged)
    with pytest.raises(ProjectCorrupt, match=r"Birds\.earmark is damaged"):
        Project.open(filled.folder)
    salvaged = Project.salvage(filled.folder)
    assert salvaged.read_only
    assert [clip.name for clip in salvaged.clips()] == ["sea"]
    assert 100 < salvaged.label_count(1) < 300
    assert salvaged.history() == []
    assert salvaged.salvaged is not None
    assert salvaged.salvaged.rows["labels"] == salvaged.label_count(1)
    assert salvaged.salvaged.broken == {"labels"}
    assert database.read_bytes() == bytes(damaged)
    salvaged.save_as(tmp_path / "Saved")
    assert not salvaged.read_only
    with salvaged.edit("Go on") as edit:
        edit.update_clip(1, name="saved")
    salvaged.close()
    assert database.read_bytes() == bytes(damaged)
    Project.open(tmp_path / "Saved.earmark").close()


def test_a_project_of_which_only_views_are_left_is_refused(tmp_path: Path) -> None:
    project = Project.create(tmp_path / "Empty")
    project.set_view("shown", {"clip": 1})
    project.close()
    with pytest.raises(ProjectCorrupt, match="Nothing in the project"):
        Project.salvage(project.folder)


def test_what_belonged_to_lost_rows_is_told_as_lost(filled: Project) -> None:
    filled.close()
    database = filled.folder / storage.DATABASE
    with closing(apsw.Connection(str(database))) as connection:
        connection.execute("UPDATE clips SET spans = 'nonsense'")
    with closing(Project.salvage(filled.folder)) as salvaged:
        assert salvaged.salvaged is not None
        assert salvaged.salvaged.rows["sources"] > 0
        assert salvaged.salvaged.rows["labels"] == 0
        assert salvaged.salvaged.broken == {"clips", "tracks", "labels"}


def test_a_damaged_project_of_an_older_version_keeps_what_it_had(
    filled: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = len(filled.sources())
    filled.close()
    later = (
        *schema.MIGRATIONS,
        "ALTER TABLE sources ADD COLUMN mood TEXT NOT NULL DEFAULT 'calm'",
    )
    monkeypatch.setattr(schema, "MIGRATIONS", later)
    with closing(Project.salvage(filled.folder)) as salvaged:
        assert len(salvaged.sources()) == sources
        assert salvaged.salvaged is not None
        assert salvaged.salvaged.broken == frozenset()


def test_a_project_of_which_nothing_is_left_is_refused(filled: Project) -> None:
    filled.close()
    (filled.folder / storage.DATABASE).write_bytes(bytes(8192))
    with pytest.raises(ProjectCorrupt):
        Project.open(filled.folder)
    with pytest.raises(ProjectCorrupt, match="Nothing in the project"):
        Project.salvage(filled.folder)


def test_a_damaged_history_entry_does_not_harm_the_project(filled: Project) -> None:
    with filled._database.transaction():
        filled._database.run(
            "UPDATE history SET changeset = x'00112233' WHERE title = 'Label 2'"
        )
    with pytest.raises(ProjectCorrupt, match="Label 2"):
        filled.undo()
    assert filled.label_count(1) == 300
    with filled.edit("Go on") as edit:
        edit.update_clip(1, name="still works")
    assert filled.undo() is not None


@pytest.mark.parametrize("seed", range(6))
def test_any_damage_is_a_clear_error_or_harmless(
    filled: Project, tmp_path: Path, seed: int
) -> None:
    filled.close()
    outcomes = attack(filled.folder, tmp_path, 60, seed)
    assert outcomes["refused"] > 0
