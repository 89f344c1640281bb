"""Playing and recording, on a device that does what it is told."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from audio.fake_sound import LATENCY_S, FakeSound
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from earmark.audio.devices import Levels
from earmark.audio.files import probe
from earmark.audio.playback import Feed
from earmark.audio.transport import Transport, TransportError
from earmark.audio.unfinished import free_path, part_of, recover, unfinished
from earmark.core.errors import EarmarkError

RATE = 48_000
STEP = 2.0**-20


def ramp(start: int, frames: int) -> NDArray[np.float32]:
    """Samples that say which frame they are; the right channel is the negative."""
    left = (np.arange(start, start + frames) + 1) * STEP
    return np.stack([left, -left], axis=1).astype(np.float32)


def frames_of(samples: NDArray[np.float32]) -> list[int]:
    """Which frames of the ramp were heard."""
    return (np.rint(samples[:, 0] / STEP) - 1).astype(int).tolist()


@pytest.fixture
def sound() -> FakeSound:
    """The sound system."""
    return FakeSound()


@pytest.fixture
def transport(sound: FakeSound) -> Iterator[Transport]:
    """A transport on it."""
    made = Transport(backend=sound)
    yield made
    made.close()
    assert all(stream.closed for stream in sound.streams)


def test_a_range_is_played_to_its_end(sound: FakeSound, transport: Transport) -> None:
    finished = threading.Event()
    transport.on_finished(finished.set)
    transport.play(ramp, RATE, 2, 1000, 51_000)
    assert transport.playing
    heard = sound.streams[0].heard(100_000)
    assert frames_of(heard)[:50_000] == list(range(1000, 51_000))
    np.testing.assert_array_equal(heard[:, 1], -heard[:, 0])
    assert not heard[50_000:].any()
    assert finished.wait(60)
    assert not transport.playing
    assert transport.position == 51_000


def test_the_position_is_what_is_heard_and_not_what_was_given(
    sound: FakeSound, transport: Transport
) -> None:
    transport.play(ramp, RATE, 2, 5000, 500_000)
    stream = sound.streams[0]
    assert transport.position == 5000
    stream.heard(RATE // 10)
    given = RATE // 10
    heard_s = given / RATE - LATENCY_S
    assert transport.position == pytest.approx(5000 + heard_s * RATE, abs=2)
    stream.time += 0.01
    assert transport.position == pytest.approx(5000 + (heard_s + 0.01) * RATE, abs=2)
    stream.time += 60.0  # the device stopped asking; no more than was given is heard
    assert transport.position == 5000 + given


def test_a_loop_has_no_seam(sound: FakeSound, transport: Transport) -> None:
    transport.play(ramp, RATE, 2, 100, 1300, loop=True)
    heard = frames_of(sound.streams[0].heard(6000))
    assert heard == list(range(100, 1300)) * 5
    transport.set_loop(False)
    rest = sound.streams[0].heard(10**6)
    assert frames_of(rest[rest[:, 0] != 0])[-1] == 1299
    assert not transport.recording


def test_a_loop_shorter_than_a_block_is_played(
    sound: FakeSound, transport: Transport
) -> None:
    transport.play(ramp, RATE, 2, 0, 10_000, loop=(7, 12))
    heard = frames_of(sound.streams[0].heard(2000))
    assert heard == [*range(12), *([7, 8, 9, 10, 11] * 500)][:2000]


def test_the_loop_can_be_changed_while_playing(
    sound: FakeSound, transport: Transport
) -> None:
    transport.play(ramp, RATE, 2, 0, 100_000, loop=(1000, 20_000))
    stream = sound.streams[0]
    before = frames_of(stream.heard(5760))
    transport.set_loop((4000, 9000))
    after = frames_of(stream.heard(20_000))
    assert before == list(range(5760))
    assert after == [*range(5760, 9000), *(list(range(4000, 9000)) * 5)][:20_000]
    transport.set_loop((1000, 2000))  # behind it: to its beginning
    frames = frames_of(stream.heard(6000))
    jump = next(i for i in range(1, 6000) if frames[i] != frames[i - 1] + 1)
    assert jump <= 2 * stream.blocksize
    assert frames[jump:] == (list(range(1000, 2000)) * 6)[: 6000 - jump]


def test_seeking_goes_on_elsewhere_within_two_blocks(
    sound: FakeSound, transport: Transport
) -> None:
    transport.play(ramp, RATE, 2, 0, 100_000)
    stream = sound.streams[0]
    stream.heard(9600)
    transport.seek(50_000)
    frames = frames_of(stream.heard(9600))
    jump = frames.index(50_000)
    assert jump <= 2 * stream.blocksize
    assert frames[jump:] == list(range(50_000, 50_000 + 9600 - jump))
    assert 50_000 <= transport.position < 60_000


def test_seeking_after_the_last_sample_was_given_is_no_error(
    sound: FakeSound, transport: Transport
) -> None:
    finished = threading.Event()
    transport.on_finished(finished.set)
    errors: list[TransportError] = []
    transport.on_error(errors.append)
    transport.play(ramp, RATE, 2, 0, 960)
    stream = sound.streams[0]
    while stream.active:
        stream.pull()
    transport.seek(0)
    assert finished.wait(60)
    assert not errors


def test_pausing_holds_the_place(sound: FakeSound, transport: Transport) -> None:
    transport.play(ramp, RATE, 2, 0, 100_000)
    stream = sound.streams[0]
    stream.heard(4800)
    transport.pause()
    assert (transport.playing, transport.paused) == (False, True)
    assert transport.levels() == Levels.silent(2)
    for _ in range(20):
        assert not stream.pull().any()
    assert transport.position == 4800
    transport.resume()
    assert (transport.playing, transport.paused) == (True, False)
    assert frames_of(stream.heard(4800)) == list(range(4800, 9600))


def test_stopping_is_no_end_and_keeps_the_place(
    sound: FakeSound, transport: Transport
) -> None:
    finished = threading.Event()
    transport.on_finished(finished.set)
    transport.play(ramp, RATE, 2, 0, 100_000)
    sound.streams[0].heard(9600)
    transport.stop()
    assert not transport.playing
    assert transport.position == pytest.approx(9600 - LATENCY_S * RATE, abs=2)
    assert not finished.is_set()
    transport.play(ramp, RATE, 2, 0, 100_000)
    assert len(sound.streams) == 2
    assert sound.streams[0].closed


def test_the_volume_is_heard_and_the_meter_shows_what_is_before_it(
    sound: FakeSound, transport: Transport
) -> None:
    def tone(start: int, frames: int) -> NDArray[np.float32]:
        wave = np.sin(2 * np.pi * np.arange(start, start + frames) / 48)
        return np.stack([0.5 * wave, 0.05 * wave], axis=1).astype(np.float32)

    assert transport.levels() == Levels()
    transport.volume = 0.5
    transport.play(tone, RATE, 2, 0, 100_000)
    stream = sound.streams[0]
    heard = stream.heard(9600)
    assert float(heard[:, 0].max()) == pytest.approx(0.25)
    levels = transport.levels()
    assert levels.peak_db == pytest.approx((-6.02, -26.02), abs=0.01)
    assert levels.rms_db == pytest.approx((-9.03, -29.03), abs=0.01)
    transport.volume = 0.0
    assert not stream.pull().any()


@pytest.mark.parametrize(("channels", "outputs", "opened"), [(1, 2, 2), (2, 1, 1)])
def test_channels_that_do_not_fit_the_device(
    channels: int, outputs: int, opened: int
) -> None:
    sound = FakeSound(outputs)
    transport = Transport(backend=sound)

    def same(start: int, frames: int) -> NDArray[np.float32]:
        return np.tile(ramp(start, frames)[:, :1], (1, channels))

    transport.play(same, RATE, channels, 0, 10_000)
    heard = sound.streams[0].heard(5000)
    assert heard.shape == (5000, opened)
    for channel in range(opened):
        assert frames_of(heard[:, channel:]) == list(range(5000))
    transport.close()


def test_a_rate_the_device_refuses_is_converted() -> None:
    sound = FakeSound(rates=(44_100,))
    transport = Transport(backend=sound)
    finished = threading.Event()
    transport.on_finished(finished.set)

    def tone(start: int, frames: int) -> NDArray[np.float32]:
        wave = 0.5 * np.sin(
            2 * np.pi * 1000.0 * np.arange(start, start + frames) / RATE
        )
        return wave[:, None].astype(np.float32)

    transport.play(tone, RATE, 1, 0, RATE)
    stream = sound.streams[0]
    assert stream.samplerate == 44_100
    heard = stream.heard(22_050)
    assert transport.position == pytest.approx(RATE * (0.5 - LATENCY_S), abs=1000)
    heard = np.concatenate([heard, stream.heard(100_000)])
    assert finished.wait(60)
    assert transport.position == pytest.approx(RATE, abs=2)
    expected = 0.5 * np.sin(2 * np.pi * 1000.0 * np.arange(44_100) / 44_100)
    steady = np.s_[500:43_500]
    np.testing.assert_allclose(heard[steady, 0], expected[steady], atol=1e-3)
    transport.close()


def test_a_device_that_vanishes_is_reported_once(
    sound: FakeSound, transport: Transport
) -> None:
    errors: list[TransportError] = []
    told = threading.Event()
    transport.on_error(lambda error: (errors.append(error), told.set()))
    finished = threading.Event()
    transport.on_finished(finished.set)
    transport.play(ramp, RATE, 2, 0, 100_000)
    sound.streams[0].heard(9600)
    sound.streams[0].vanish()
    assert told.wait(60)
    assert not transport.playing
    assert "“Speakers” stopped working" in errors[0].message
    assert errors[0].remedy
    assert not finished.is_set()
    transport.play(ramp, RATE, 2, 0, 100_000)
    assert transport.playing


def test_a_source_that_fails_while_playing_is_reported(
    sound: FakeSound, transport: Transport
) -> None:
    told = threading.Event()
    errors: list[TransportError] = []
    transport.on_error(lambda error: (errors.append(error), told.set()))

    def failing(start: int, frames: int) -> NDArray[np.float32]:
        if start + frames > 30_000:
            raise EarmarkError("“a.wav” has become shorter.", "Put it back.")
        return ramp(start, frames)

    transport.play(failing, RATE, 2, 0, 100_000)
    sound.streams[0].heard(20_000)
    assert told.wait(60)
    assert str(errors[0]) == "“a.wav” has become shorter. Put it back."
    with pytest.raises(EarmarkError, match="shorter"):
        transport.play(failing, RATE, 2, 50_000, 100_000)
    assert not transport.playing


def test_without_a_device_playing_is_a_clear_error_and_nothing_else() -> None:
    transport = Transport(backend=FakeSound(outputs=0))
    with pytest.raises(TransportError, match="no device for sound output") as caught:
        transport.play(ramp, RATE, 2, 0, 1000)
    assert caught.value.remedy
    assert not transport.playing
    assert transport.position == 0
    transport.pause()
    transport.seek(5)
    transport.set_loop((1, 2))
    transport.close()


def test_a_chosen_device_is_used_or_named(sound: FakeSound) -> None:
    transport = Transport("Headphones", backend=sound)
    with pytest.raises(TransportError, match="“Headphones” is not there"):
        transport.play(ramp, RATE, 2, 0, 1000)
    transport.output_device = "Speakers"
    transport.play(ramp, RATE, 2, 0, 1000)
    transport.close()
    sound.refuses = True
    with pytest.raises(TransportError, match="“Speakers” cannot be used"):
        transport.play(ramp, RATE, 2, 0, 1000)
    names = [(device.name, device.default_output) for device in transport.devices()]
    assert names == [("Microphone", False), ("Speakers", True)]


def test_a_device_plugged_in_later_is_found_when_nothing_is_played(
    sound: FakeSound, transport: Transport
) -> None:
    def names() -> list[str]:
        return [device.name for device in transport.devices(rescan=True)]

    sound.plug_in("Headphones")
    transport.play(ramp, RATE, 2, 0, 100_000)
    assert names() == ["Microphone", "Speakers"]
    transport.stop()
    assert names() == ["Microphone", "Speakers", "Headphones"]


def test_portaudio_may_be_missing() -> None:
    code = """
import builtins
import_module = builtins.__import__

def without_portaudio(name, *rest):
    if name == "sounddevice":
        raise OSError("PortAudio library not found")
    return import_module(name, *rest)

builtins.__import__ = without_portaudio
from earmark.audio.transport import Transport, TransportError
transport = Transport()
for use in (transport.prepare, transport.devices):
    try:
        use()
    except TransportError as error:
        print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    lines = done.stdout.splitlines()
    assert len(lines) == 2
    assert "PortAudio library is missing" in lines[0]
    assert "libportaudio2" in lines[0]


def test_a_recording_appears_when_it_is_finished(
    sound: FakeSound, transport: Transport, tmp_path: Path
) -> None:
    path = tmp_path / "take.wav"
    transport.record(path, RATE, 2)
    assert transport.recording
    assert not path.exists()
    with pytest.raises(TransportError, match="running already"):
        transport.record(tmp_path / "other.wav", RATE, 2)
    said = ramp(0, 4800)
    for at in range(0, 4800, 480):
        sound.streams[0].give(said[at : at + 480])
    info = transport.stop_recording()
    assert (info.path, info.frames, info.channels) == (path, 4800, 2)
    assert [found.name for found in tmp_path.iterdir()] == ["take.wav"]
    read, rate = soundfile.read(path, dtype="float32")
    assert rate == RATE
    np.testing.assert_allclose(read, said, atol=2.0**-22)
    assert not transport.recording


def test_a_recording_without_a_rate_takes_that_of_the_device(
    sound: FakeSound, transport: Transport, tmp_path: Path
) -> None:
    transport.record(tmp_path / "take.wav", None, 1)
    sound.streams[0].give(ramp(0, 480)[:, :1])
    assert transport.stop_recording().rate == 48_000


def test_what_was_recorded_before_the_disk_was_full_is_kept(
    sound: FakeSound,
    transport: Transport,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    transport.record(tmp_path / "take.wav", RATE, 1)
    sound.streams[0].give(ramp(0, 480)[:, :1])
    write = soundfile.SoundFile.write

    def full(file: soundfile.SoundFile, block: object) -> None:
        if file.tell() >= 480:
            raise soundfile.LibsndfileError(2)
        write(file, block)

    monkeypatch.setattr(soundfile.SoundFile, "write", full)
    for _ in range(3):
        sound.streams[0].give(ramp(0, 480)[:, :1])
    info = transport.stop_recording()
    assert info.frames == 480
    assert "The recording stopped" in info.note
    assert "has room" in info.note


def test_a_device_that_is_unplugged_ends_a_recording_without_losing_it(
    sound: FakeSound, transport: Transport, tmp_path: Path
) -> None:
    transport.record(tmp_path / "take.wav", RATE, 1)
    sound.streams[0].give(ramp(0, 480)[:, :1])

    sound.streams[0].unplugged = True
    assert transport.stop_recording().frames == 480


def test_what_a_crash_left_of_a_recording_is_found_and_read(tmp_path: Path) -> None:
    path = free_path(tmp_path, "Recording")
    with soundfile.SoundFile(part_of(path), "w", RATE, 1, "PCM_24", format="WAV") as f:
        f.write(np.zeros(480))
        left = part_of(path).read_bytes()
    part_of(path).write_bytes(left + bytes(3 * 480))
    assert free_path(tmp_path, "Recording").name == "Recording 2.wav"
    (part,) = unfinished(tmp_path)
    found = recover(part)
    assert found.name == "Recording (recovered).wav"
    assert probe(found).frames >= 480
    assert unfinished(tmp_path) == []


def test_a_recording_that_heard_nothing_or_is_dropped_leaves_nothing(
    sound: FakeSound, transport: Transport, tmp_path: Path
) -> None:
    transport.record(tmp_path / "take.wav", RATE, 1)
    with pytest.raises(TransportError, match="was not recorded"):
        transport.stop_recording()
    transport.record(tmp_path / "take.wav", RATE, 1)
    sound.streams[1].give(ramp(0, 480)[:, :1])
    transport.close()
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(TransportError, match="cannot be recorded to"):
        transport.record(tmp_path / "gone" / "take.wav", RATE, 1)
    sound.refuses = True
    with pytest.raises(TransportError, match="“Microphone” cannot be used"):
        transport.record(tmp_path / "take.wav", RATE, 1)
    assert list(tmp_path.iterdir()) == []


@given(
    stop=st.integers(1, 500),
    loop=st.none() | st.tuples(st.integers(0, 400), st.integers(1, 100)),
    takes=st.lists(st.integers(0, 300), max_size=10),
)
def test_a_feed_says_which_frame_is_heard(
    stop: int, loop: tuple[int, int] | None, takes: list[int]
) -> None:
    region = None if loop is None else (loop[0], loop[0] + loop[1])
    feed = Feed(ramp, 0, stop, region)
    given = [frame for count in takes for frame in frames_of(feed.take(count))]
    if region is None:
        assert given == list(range(stop))[: sum(takes)]
    else:
        assert len(given) == sum(takes)
        expected, at = [], 0
        for _ in given:
            expected.append(at)
            at = region[0] if at + 1 == region[1] else at + 1
        assert given == expected
    assert [feed.frame(played) for played in range(len(given))] == given
    kept = len(given) // 2
    feed.forget(kept)
    assert [feed.frame(played) for played in range(kept, len(given))] == given[kept:]
