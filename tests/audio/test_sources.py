"""Reading sources: mapped, decoded into the cache, found again."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from audio.samples import MAPPED_KINDS, tones, write

from earmark.audio import decode
from earmark.audio.cache import trim_cache
from earmark.audio.files import import_file, probe
from earmark.audio.sources import Sources, open_source
from earmark.core.clips import Source
from earmark.core.errors import EarmarkError

FRAMES = 200_000


@pytest.fixture
def flac(tmp_path: Path) -> Source:
    """A compressed source of several blocks."""
    sound = tones(48_000, 2, FRAMES)
    return import_file(write(tmp_path / "sound.flac", "flac-16", sound))


class Gate:
    """Lets a decoder give one block at a time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._tickets = threading.Semaphore(0)
        original = decode.open_decoder

        @contextmanager
        def gated(path: Path) -> Iterator[Any]:
            with original(path) as decoder:
                blocks = decoder.blocks

                def slowly() -> Iterator[Any]:
                    for block in blocks():
                        self._tickets.acquire()
                        yield block

                decoder.blocks = slowly  # type: ignore[method-assign]
                yield decoder

        monkeypatch.setattr(decode, "open_decoder", gated)

    def open(self, blocks: int) -> None:
        self._tickets.release(blocks)


@pytest.mark.parametrize("kind", [*MAPPED_KINDS, "flac-16", "flac-24", "m4a-alac"])
def test_any_range_is_what_the_whole_has_there(
    tmp_path: Path, sources: Sources, kind: str
) -> None:
    source = import_file(write(tmp_path / "sound", kind, tones(48_000, 2, 5000)))
    reader = sources.reader(source)
    assert reader.wait(source.frames, 60)
    whole = np.zeros((7000, 2), np.float32)
    whole[1000:6000] = reader.read(0, 5000)
    for start, frames in ((-1000, 7000), (-10, 20), (4990, 20), (77, 1000), (6000, 5)):
        expected = whole[start + 1000 : start + 1000 + frames]
        expected = np.pad(expected, ((0, frames - len(expected)), (0, 0)))
        np.testing.assert_array_equal(reader.read(start, frames), expected)
        np.testing.assert_array_equal(reader.read(start, frames, 1), expected[:, 1:])


@pytest.mark.parametrize("kind", [*MAPPED_KINDS, "flac-16"])
@pytest.mark.parametrize("channel", [0, 2, None])
def test_windows_are_what_reading_one_by_one_gives(
    tmp_path: Path, sources: Sources, kind: str, channel: int | None
) -> None:
    source = import_file(write(tmp_path / "sound", kind, tones(48_000, 3, 5000)))
    reader = sources.reader(source)
    assert reader.wait(source.frames, 60)
    for starts in (np.array([0, 7, 7, 1000, 4744]), np.array([-100, 0, 4900, 6000])):
        expected = [reader.read(int(at), 256, channel).mean(axis=1) for at in starts]
        found = reader.windows(starts, 256, channel)
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_only_uncompressed_sound_is_mapped_where_it_is(
    tmp_path: Path, cache: Path, sources: Sources
) -> None:
    sound = tones(48_000, 2, 1000)
    mapped = sources.reader(import_file(write(tmp_path / "a", "wav-16", sound)))
    assert mapped.done
    assert mapped.raw is not None
    assert (mapped.raw.dtype, mapped.raw.shape) == (np.int16, (1000, 2))
    assert not (cache / "decoded").exists()
    deep = sources.reader(import_file(write(tmp_path / "b", "wav-24", sound)))
    assert deep.raw is not None
    assert deep.raw.shape == (1000, 2, 3)


def test_what_is_decoded_so_far_can_be_read_and_the_rest_is_silent(
    flac: Source, sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = tones(48_000, 2, FRAMES)
    gate = Gate(monkeypatch)
    reader = sources.reader(flac)
    told = threading.Event()
    reader.on_progress(told.set)
    assert (reader.ready, reader.done, reader.raw) == (0, False, None)
    assert not reader.read(0, 1000).any()
    gate.open(1)
    assert reader.wait(1, 60)
    assert told.wait(60)
    assert 0 < reader.ready < FRAMES
    np.testing.assert_allclose(reader.read(0, 1000), sound[:1000], atol=2.0**-15)
    assert not reader.read(reader.ready, 1000).any()
    gate.open(100)
    assert reader.wait(FRAMES, 60)
    np.testing.assert_allclose(reader.read(0, FRAMES), sound, atol=2.0**-15)


def test_a_source_is_decoded_once(
    flac: Source, cache: Path, sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = sources.reader(flac)
    assert first.wait(FRAMES, 60)
    first.close()  # joins the thread, after which the cache is whole
    monkeypatch.setattr(decode, "open_decoder", None)
    again = open_source(flac, cache)
    assert again.done
    assert again.read(0, FRAMES).any()
    again.close()


def test_a_half_written_cache_is_never_used(flac: Source, cache: Path) -> None:
    reader = open_source(flac, cache)
    assert reader.wait(FRAMES, 60)
    whole = reader.read(0, FRAMES)
    reader.close()
    cached = cache / "decoded" / f"{flac.id}.npy"
    content = cached.read_bytes()
    for damaged in (content[:-1000], content[:50], b"", b"\x93NUMPY" + bytes(3000)):
        cached.write_bytes(damaged)
        reader = open_source(flac, cache)
        assert reader.wait(FRAMES, 60)
        np.testing.assert_array_equal(reader.read(0, FRAMES), whole)
        reader.close()
        assert cached.read_bytes() == content


def test_closing_while_decoding_leaves_nothing(
    flac: Source, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(monkeypatch)
    reader = open_source(flac, cache)
    gate.open(1)
    assert reader.wait(1, 60)
    closing = threading.Thread(target=reader.close)
    closing.start()
    gate.open(1)
    closing.join()
    assert list((cache / "decoded").iterdir()) == []


def test_what_a_killed_program_left_is_removed_after_a_day(cache: Path) -> None:
    decoded = cache / "decoded"
    decoded.mkdir(parents=True)
    for name, age_s in (("new.part", 3600), ("old.part", 2 * 86_400)):
        (decoded / name).write_bytes(b"half")
        now = (decoded / name).stat().st_mtime
        os.utime(decoded / name, (now - age_s, now - age_s))
    Sources(cache).close()
    assert [path.name for path in decoded.iterdir()] == ["new.part"]


def test_many_threads_read_at_once(tmp_path: Path, sources: Sources) -> None:
    sound = tones(48_000, 2, FRAMES)
    source = import_file(write(tmp_path / "sound.ogg", "flac-24", sound))
    reader = sources.reader(source)

    def check(seed: int) -> None:
        chance = np.random.default_rng(seed)
        for start in chance.integers(0, FRAMES - 1000, 200).tolist():
            reader.wait(start + 1000)
            read = reader.read(start, 1000)
            np.testing.assert_allclose(read, sound[start : start + 1000], atol=2**-22)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(check, range(8)))


def test_a_file_that_shrinks_while_it_is_open_is_an_error_and_no_crash(
    tmp_path: Path, sources: Sources
) -> None:
    path = write(tmp_path / "sound.wav", "wav-16", tones(48_000, 1, 100_000))
    source = import_file(path)
    reader = sources.reader(source)
    os.truncate(path, 1000)
    with pytest.raises(EarmarkError, match="has become shorter"):
        reader.read(90_000, 100)


def test_samples_that_are_not_numbers_are_silent(
    tmp_path: Path, sources: Sources
) -> None:
    sound = np.array([0.5, np.nan, np.inf, -np.inf, 1e30, -0.5], np.float32)
    soundfile.write(tmp_path / "sound.wav", sound, 8000, "FLOAT")
    info = probe(tmp_path / "sound.wav")
    assert info.unusable == 3
    assert "3 samples of “sound.wav” are not numbers" in info.note
    reader = sources.reader(import_file(tmp_path / "sound.wav"))
    assert reader.read(0, 6)[:, 0].tolist() == [0.5, 0.0, 0.0, 0.0, 1e6, -0.5]


@pytest.mark.parametrize(("name", "kind"), [("a.wav", "WAV"), ("a.au", "AU")])
def test_samples_that_are_no_numbers_are_known_in_files_that_are_decoded_as_well(
    tmp_path: Path, sources: Sources, name: str, kind: str
) -> None:
    sound = np.full((70_000, 2), 0.25, np.float32)
    sound[65_530:65_540, 0] = np.nan
    sound[69_999, 1] = np.inf
    soundfile.write(tmp_path / name, sound, 8000, format=kind, subtype="FLOAT")
    reader = sources.reader(import_file(tmp_path / name))
    assert reader.wait(70_000, 60)
    found = reader.unreadable(65_500, 10_000)
    assert found is not None
    assert np.argwhere(found).tolist() == [
        *([frame, 0] for frame in range(30, 40)),
        [4499, 1],
    ]
    assert reader.unreadable(0, 65_530) is None
    assert reader.unreadable(-10, 5) is None
    assert not reader.read(65_530, 10)[:, 0].any()


def test_samples_that_are_whole_numbers_are_all_numbers(
    sources: Sources, flac: Source
) -> None:
    assert sources.reader(flac).unreadable(0, 1000) is None


def test_a_source_that_is_gone_or_was_replaced_is_a_clear_error(
    tmp_path: Path, sources: Sources
) -> None:
    path = write(tmp_path / "sound.wav", "wav-16", tones(48_000, 1, 1000))
    source = import_file(path)
    with pytest.raises(EarmarkError, match="is not the file it was"):
        sources.reader(replace(source, rate=44_100))
    path.unlink()
    with pytest.raises(EarmarkError, match="cannot be read"):
        sources.reader(source)


@pytest.mark.parametrize("kind", ["wav-16", "flac-16"])
def test_a_source_that_was_changed_in_place_is_a_clear_error(
    tmp_path: Path, sources: Sources, kind: str
) -> None:
    sound = tones(48_000, 1, 1000)
    path = write(tmp_path / "sound.wav", kind, sound)
    source = import_file(path)
    original = path.read_bytes()
    write(path, kind, sound[::-1])
    with pytest.raises(EarmarkError, match="is not the file it was"):
        sources.reader(source)
    path.write_bytes(original)
    reader = sources.reader(source)
    assert reader.wait(1000, 60)
    np.testing.assert_allclose(reader.read(0, 1000), sound, atol=2.0**-15)


def test_a_source_that_only_looks_changed_is_read_once_to_be_sure(
    tmp_path: Path, sources: Sources
) -> None:
    path = write(tmp_path / "sound.wav", "wav-16", tones(48_000, 1, 1000))
    source = import_file(path)
    assert sources.doubtful([source]) == []
    os.utime(path, (1, 1))
    assert sources.doubtful([source]) == [source]

    assert sources.content(path) == source.id
    assert sources.doubtful([source]) == []
    assert sources.reader(source).done

    sources.forget(source.id)
    path.write_bytes(bytes(path.stat().st_size))
    assert sources.doubtful([source]) == [source]
    with pytest.raises(EarmarkError, match="is not the file it was"):
        sources.reader(source)
    assert sources.doubtful([source]) == []
    path.write_bytes(b"shorter")
    assert sources.doubtful([source]) == []


def test_what_cannot_be_decoded_any_more_says_so(
    flac: Source, sources: Sources
) -> None:
    flac.path.write_bytes(b"something else")
    # Of a source from an older project it is not known what its file was like.
    reader = sources.reader(replace(flac, size=0, modified_ns=0))
    assert reader.wait(FRAMES, 60)
    assert reader.error is not None
    assert flac.path.name in reader.error.message
    assert not reader.read(0, 100).any()


def test_a_source_in_the_project_is_found_by_its_relative_path(
    tmp_path: Path, cache: Path
) -> None:
    project = tmp_path / "Name.earmark"
    (project / "audio").mkdir(parents=True)
    path = write(project / "audio" / "take.wav", "wav-16", tones(48_000, 1, 1000))
    source = replace(import_file(path), path=Path("audio/take.wav"))
    sources = Sources(cache, project)
    assert sources.path(source) == path
    assert sources.reader(source).read(0, 1000).any()
    sources.close()


def test_moved_files_are_found_by_their_content(
    tmp_path: Path, sources: Sources
) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    (new / "deeper").mkdir(parents=True)
    known = []
    for number in range(3):
        sound = tones(48_000, 1, 1000 + number)
        known.append(import_file(write(old / f"{number}.wav", "wav-16", sound)))
    known[0].path.rename(new / "deeper" / "0.wav")
    known[1].path.rename(new / "another name.wav")
    known[2].path.unlink()
    write(new / "2.wav", "wav-16", tones(48_000, 1, 500))
    assert sources.missing(known) == known
    assert sources.find_missing(known, [new]) == {
        known[0].id: new / "deeper" / "0.wav",
        known[1].id: new / "another name.wav",
    }


def test_open_readers_are_kept_up_to_a_limit(tmp_path: Path, cache: Path) -> None:
    sources = Sources(cache, limit=2)
    known = [
        import_file(write(tmp_path / f"{n}", "wav-16", tones(48_000, 1, 100 + n)))
        for n in range(3)
    ]
    first = sources.reader(known[0])
    assert sources.reader(known[0]) is first
    for source in known[1:]:
        sources.reader(source)
    assert sources.reader(known[0]) is not first
    assert first.read(0, 100).any()  # whoever still has it can go on
    sources.close()


def test_the_cache_is_trimmed_by_what_was_used_longest_ago(tmp_path: Path) -> None:
    for folder, name, age_s in (
        ("decoded", "a", 30),
        ("found/model", "b", 20),
        ("peaks", "c", 1),
    ):
        (tmp_path / folder).mkdir(parents=True)
        path = tmp_path / folder / f"{name}.npy"
        path.write_bytes(bytes(1000))
        now = path.stat().st_mtime
        os.utime(path, (now - age_s, now - age_s))
    assert trim_cache(tmp_path, 5000) == 0
    assert trim_cache(tmp_path, 1500) == 2000
    assert [path.name for path in tmp_path.rglob("*.npy")] == ["c.npy"]
