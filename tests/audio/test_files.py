"""Importing, probing and writing sound files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from audio.samples import KINDS, LOSSY_KINDS, tones, wave_header, write, write_video
from numpy.typing import NDArray

from earmark.audio.files import hash_file, import_file, probe, write_audio
from earmark.audio.sources import Sources
from earmark.core.errors import EarmarkError

FRAMES = 12_000


def names(folder: Path) -> list[str]:
    """All that is in a folder."""
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_is_opened_by_its_content_whatever_it_is_called(
    tmp_path: Path, sources: Sources, kind: str
) -> None:
    sound = tones(48_000, 2, FRAMES)
    path = write(tmp_path / "sound.xyz", kind, sound)
    info = probe(path)
    source = import_file(path)
    assert (info.rate, info.channels) == (48_000, 2)
    assert info.missing_frames == 0
    assert info.note == ""
    assert source.id == hash_file(path)
    assert source.frames == info.frames
    # Lossy codecs work in packets, and may begin or end with a part of one.
    slack = 4608 if kind in LOSSY_KINDS else 0
    assert abs(source.frames - FRAMES) <= slack
    reader = sources.reader(source)
    assert reader.wait(source.frames, 60)
    assert reader.error is None
    read = reader.read(0, source.frames)
    if kind in LOSSY_KINDS:
        assert 0.1 < float(np.sqrt(np.mean(read**2))) < 0.4
    else:
        step = 2.0**-7 if kind.endswith("8") else 2.0**-15
        np.testing.assert_allclose(read, sound, atol=step)


@pytest.mark.parametrize("container", ["mp4", "matroska", "avi"])
def test_the_sound_track_of_a_video_is_opened(
    tmp_path: Path, sources: Sources, container: str
) -> None:
    path = write_video(tmp_path / "film", container, tones(48_000, 2, FRAMES))
    source = import_file(path)
    assert (source.rate, source.channels) == (48_000, 2)
    assert abs(source.frames - FRAMES) <= 4608
    reader = sources.reader(source)
    assert reader.wait(source.frames, 60)
    assert float(np.abs(reader.read(0, source.frames)).max()) > 0.2


@pytest.mark.parametrize("rate", [8_000, 22_050, 96_000, 384_000])
@pytest.mark.parametrize("channels", [1, 3, 32])
def test_all_rates_and_channel_counts_are_opened(
    tmp_path: Path, sources: Sources, rate: int, channels: int
) -> None:
    sound = tones(rate, channels, 1000)
    path = write(tmp_path / "sound.wav", "wav-24", sound, rate)
    source = import_file(path)
    assert (source.rate, source.channels, source.frames) == (rate, channels, 1000)
    read = sources.reader(source).read(0, 1000)
    np.testing.assert_allclose(read, sound, atol=2.0**-23)


@pytest.mark.parametrize("kind", ["wav-16", "aiff-24", "flac-16", "mkv", "caf"])
def test_a_file_cut_off_is_opened_as_far_as_it_goes_and_says_what_is_missing(
    tmp_path: Path, sources: Sources, kind: str
) -> None:
    sound = tones(48_000, 1, 96_000)
    path = write(tmp_path / "sound.wav", kind, sound)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 6 // 10])
    info = probe(path)
    assert 0 < info.frames < 96_000
    # A container that counts in milliseconds may be off by some.
    assert abs(info.frames + info.missing_frames - 96_000) <= 200
    assert path.name in info.note
    source = import_file(path)
    reader = sources.reader(source)
    assert reader.wait(source.frames, 60)
    there = min(reader.ready, info.frames)
    assert info.frames - there <= 4608
    np.testing.assert_allclose(reader.read(0, there), sound[:there], atol=2.0**-15)


@pytest.mark.parametrize("tagged", [False, True])
def test_an_mp3_that_counts_its_frames_says_what_was_cut_off(
    tmp_path: Path, tagged: bool
) -> None:
    path = write(tmp_path / "sound.mp3", "mp3", tones(48_000, 1, 96_000))
    frames = path.read_bytes()
    whole = probe(path).frames
    tag = b"ID3\x04\0\0" + bytes([0, 0, 2, 10]) + bytes(2 * 128 + 10)
    path.write_bytes((tag if tagged else b"") + frames[: len(frames) * 6 // 10])

    info = probe(path)

    assert 50_000 < info.frames < 65_000
    assert abs(info.frames + info.missing_frames - whole) <= 4608
    assert "cut short" in info.note


def test_an_mp3_that_does_not_count_its_frames_is_not_called_cut(
    tmp_path: Path,
) -> None:
    path = write(tmp_path / "sound.mp3", "mp3", tones(48_000, 1, 96_000))
    frames = path.read_bytes()
    second = frames.index(frames[:2], 64)
    path.write_bytes(frames[second:])
    info = probe(path)
    assert info.missing_frames == 0
    assert info.frames > 90_000


def test_a_cut_off_mp4_says_that_its_index_is_missing(tmp_path: Path) -> None:
    path = write(tmp_path / "sound.m4a", "m4a", tones(48_000, 1, 96_000))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(EarmarkError, match=r"“sound\.m4a” was cut off: the index"):
        probe(path)


def test_what_only_looks_like_mp3_here_and_there_is_no_sound(tmp_path: Path) -> None:
    # Frames of MPEG layer I without sound in them, mono and stereo in turn.
    mono, stereo = (bytes([0xFF, 0xFF, 0x18, mode]) + bytes(44) for mode in (0xC0, 0))
    path = tmp_path / "program.mp3"
    path.write_bytes((mono * 3 + stereo * 2) * 200)
    with pytest.raises(EarmarkError, match="no sound"):
        probe(path)
    path.write_bytes(mono * 1000)
    assert probe(path).channels == 1


@pytest.mark.parametrize("stated", [0, 0xFFFFFFFF, 0x7FFFF000])
def test_a_recording_that_was_never_finished_is_read_to_its_end(
    tmp_path: Path, stated: int
) -> None:
    path = tmp_path / "crashed.wav"
    path.write_bytes(wave_header(data_size=stated, riff_size=0) + bytes(2000))
    info = probe(path)
    assert (info.frames, info.missing_frames) == (1000, 0)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"RIFF", "no sound"),
        (b"This is a text, not a sound." * 50, "no sound"),
        (b"#EXTM3U\nhttp://127.0.0.1:9/a.ts\n", "no sound"),
        (bytes(5000), "no sound"),
        (wave_header(), "no sound"),
        (wave_header(data_size=200)[:40], "no samples"),
        (wave_header(data_size=200)[:30], "no samples"),
        (wave_header(channels=0, data_size=200) + bytes(200), "0 channels"),
        (wave_header(channels=33, data_size=660) + bytes(660), "33 channels"),
        (wave_header(rate=0, data_size=200) + bytes(200), "rate of 0 Hz"),
        (wave_header(rate=2**31, data_size=200) + bytes(200), "rate of 2147483648 Hz"),
        (wave_header(align=3, data_size=200) + bytes(200), "frames of 3 bytes"),
    ],
)
def test_what_is_no_sound_gives_one_clear_error(
    tmp_path: Path, content: bytes, says: str
) -> None:
    path = tmp_path / "broken.wav"
    path.write_bytes(content)
    with pytest.raises(EarmarkError, match=says) as caught:
        probe(path)
    assert path.name in caught.value.message
    assert caught.value.remedy
    with pytest.raises(EarmarkError, match=says):
        import_file(path)


def test_a_folder_and_a_file_that_is_not_there_give_a_clear_error(
    tmp_path: Path,
) -> None:
    with pytest.raises(EarmarkError, match="is a folder"):
        probe(tmp_path)
    with pytest.raises(EarmarkError, match="cannot be read: No such file"):
        probe(tmp_path / "gone.wav")


@pytest.mark.parametrize("ending", [".wav", ".flac", ".ogg", ".opus", ".mp3", ".aiff"])
def test_what_is_written_is_what_was_given(
    tmp_path: Path, sources: Sources, ending: str
) -> None:
    sound = tones(48_000, 2, FRAMES)
    info = write_audio(tmp_path / f"out{ending}", sound, 48_000, 2)
    assert (info.frames, info.rate, info.channels) == (FRAMES, 48_000, 2)
    assert (info.clipped, info.note) == (0, "")
    assert names(tmp_path) == [f"out{ending}"]
    source = import_file(info.path)
    reader = sources.reader(source)
    assert reader.wait(source.frames, 60)
    read = reader.read(0, FRAMES)
    if ending in (".wav", ".flac", ".aiff"):
        np.testing.assert_allclose(read, sound, atol=2.0**-16)
    else:
        assert float(np.abs(read - sound)[2000:-2000].max()) < 0.05


@pytest.mark.parametrize(
    ("subtype", "error"), [("PCM_16", 2**-16), ("PCM_24", 2**-24), ("FLOAT", 0)]
)
def test_writing_rounds_to_the_nearest_sample(
    tmp_path: Path, subtype: str, error: float
) -> None:
    sound = np.random.default_rng(0).uniform(-0.99, 0.99, (5000, 1)).astype(np.float32)
    path = tmp_path / "out.wav"
    write_audio(path, sound, 8000, 1, subtype=subtype)
    read, _ = soundfile.read(path, dtype="float64", always_2d=True)
    assert float(np.abs(read - sound).max()) <= error


def test_a_16_bit_file_survives_being_written_again(tmp_path: Path) -> None:
    every = np.arange(-32768, 32768, dtype=np.int16)
    soundfile.write(tmp_path / "a.wav", every, 8000)
    read, _ = soundfile.read(tmp_path / "a.wav", dtype="float32")
    info = write_audio(tmp_path / "b.wav", read, 8000, 1)
    assert info.clipped == 0
    again, _ = soundfile.read(tmp_path / "b.wav", dtype="int16")
    np.testing.assert_array_equal(again, every)


def test_samples_beyond_full_scale_are_limited_and_counted(tmp_path: Path) -> None:
    sound = np.array([0.5, 1.5, -2.0, 1.0, -1.0], np.float32)
    info = write_audio(tmp_path / "out.wav", sound, 8000, 1)
    assert info.clipped == 2
    assert "2 samples" in info.note
    read, _ = soundfile.read(tmp_path / "out.wav", dtype="int16")
    assert read.tolist() == [16384, 32767, -32768, 32767, -32768]
    assert write_audio(tmp_path / "f.wav", sound, 8000, 1, subtype="FLOAT").note == ""


def failing(error: BaseException) -> Iterator[NDArray[np.float32]]:
    """One block, and then an error."""
    yield np.zeros((100, 1), np.float32)
    raise error


@pytest.mark.parametrize(
    ("name", "samples", "says"),
    [
        ("out.wav", np.zeros((0, 1), np.float32), "no sound to write"),
        ("out.wav", np.array([0.0, np.nan]), "not numbers"),
        ("out.flac", np.array([0.0, np.inf]), "not numbers"),
        ("out.mp3", failing(EarmarkError("the source is gone")), "source is gone"),
        ("out.xyz", np.zeros(10), "ending"),
        ("gone/out.wav", np.zeros(10), "cannot be written"),
    ],
)
def test_a_failed_write_leaves_nothing_behind_and_the_old_file_alone(
    tmp_path: Path,
    name: str,
    samples: NDArray[np.float32] | Iterator[NDArray[np.float32]],
    says: str,
) -> None:
    old = tmp_path / "out.wav"
    old.write_bytes(b"as it was")
    with pytest.raises(EarmarkError, match=says):
        write_audio(tmp_path / name, samples, 8000, 1)
    assert names(tmp_path) == ["out.wav"]
    assert old.read_bytes() == b"as it was"


def test_a_name_as_long_as_the_system_takes_is_written(tmp_path: Path) -> None:
    path = tmp_path / ("録" * 83 + ".wav")
    assert write_audio(path, tones(8000, 1, 100), 8000, 1).frames == 100
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_a_rate_the_format_does_not_take_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(EarmarkError, match=r"out\.opus"):
        write_audio(tmp_path / "out.opus", np.zeros(1000), 44_100, 1)
    with pytest.raises(EarmarkError, match="cannot be written as VORBIS"):
        write_audio(tmp_path / "out.wav", np.zeros(1000), 44_100, 1, subtype="VORBIS")
    assert names(tmp_path) == []


def test_vorbis_is_refused_at_rates_that_end_the_process(tmp_path: Path) -> None:
    sound = tones(384_000, 2, 1000)
    with pytest.raises(EarmarkError, match="takes up to 200000 Hz"):
        write_audio(tmp_path / "out.ogg", sound, 384_000, 2)
    assert write_audio(tmp_path / "out.ogg", sound, 192_000, 2).frames == 1000


def test_a_long_vorbis_file_is_written_in_pieces(tmp_path: Path) -> None:
    sound = np.zeros((3_000_000, 1), np.float32)
    assert write_audio(tmp_path / "out.ogg", sound, 48_000, 1).frames == 3_000_000
