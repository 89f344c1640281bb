"""Reading sources: uncompressed ones are mapped, others decoded once into a cache."""

from __future__ import annotations

import os
import threading
import uuid
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import reduce
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from earmark.audio.cache import (
    MappedFrames,
    cached_layout,
    map_cached,
    remove_stale,
    write_all,
    write_header,
)
from earmark.audio.pcm import Encoding, pcm_layout
from earmark.core.clips import Source
from earmark.core.errors import EarmarkError
from earmark.core.listeners import Listeners
from earmark.core.sources import Step, hash_file, stamp, unwatched

Readers = Callable[[str], "SourceReader"]
"""Gives the reader of a source by its id; may be called on any thread."""


class SourceReader:
    """The samples of one source; any number of threads may read at once.

    Parameters
    ----------
    source : Source
    path : Path
        Where its file is.
    cache : Path
        The cache folder.
    content : callable
        Gives the hash of a file; asked if it says another time than when it was
        imported.

    Attributes
    ----------
    rate, channels, frames : int
        As the source says.
    error : EarmarkError or None
        Why decoding stopped, if it did.

    Raises
    ------
    EarmarkError
        If the file cannot be read or is not what it was when it was imported.
    """

    def __init__(
        self,
        source: Source,
        path: Path,
        cache: Path,
        *,
        content: Callable[[Path], str] = hash_file,
    ) -> None:
        self.rate = source.rate
        self.channels = source.channels
        self.frames = source.frames
        self.error: EarmarkError | None = None
        self._path = path
        self._mapping: MappedFrames | None = None
        self._ready = 0
        self._done = False
        self._closing = threading.Event()
        self._changed = threading.Condition()
        self._listeners: Listeners[[]] = Listeners()
        self._thread: threading.Thread | None = None
        self._part: tuple[Path, str] | None = None
        if not _as_imported(source, path) and (
            stamp(path)[0] != source.size or content(path) != source.id
        ):
            raise self._changed_file()
        try:
            layout = pcm_layout(path)
            if layout is not None:
                self._check(layout.rate, layout.channels)
                self._finish(MappedFrames(path, layout))
                return
            path.stat()
        except OSError as error:
            raise EarmarkError(
                f"“{path}” cannot be read: {error.strerror or error}.",
                "If it was moved, show Earmark where it is now.",
            ) from error
        cached = cache / "decoded" / f"{source.id}.npy"
        mapping = map_cached(cached, self.channels)
        if mapping is not None:
            self._finish(mapping)
            return
        self._thread = threading.Thread(
            target=self._decode, args=(cached,), name=f"decode {path.name}", daemon=True
        )
        self._thread.start()

    @property
    def path(self) -> Path:
        """Where its file is."""
        return self._path

    @property
    def ready(self) -> int:
        """Frames from the beginning that can be read; beyond it is silence as yet."""
        return self._ready

    @property
    def done(self) -> bool:
        """Whether all that can be read is ready."""
        return self._done

    @property
    def raw(self) -> NDArray[Any] | None:
        """The mapped samples as they are stored, once they are all there.

        Returns
        -------
        ndarray or None
            Shape (frames, channels) of any PCM type, or (frames, channels, 3) uint8
            for 24 bits; `encoding` says what they mean.
        """
        return self._mapping.array if self._mapping and self._done else None

    @property
    def encoding(self) -> Encoding | None:
        """What `raw` holds."""
        return self._mapping.encoding if self._mapping and self._done else None

    @property
    def note(self) -> str:
        """What is missing, as a sentence; empty if nothing is."""
        short = self.frames - self._ready
        if not self._done or short <= 0:
            return ""
        return f"The last {short / self.rate:.1f} s cannot be read."

    def read(
        self, start: int, frames: int, channel: int | None = None
    ) -> NDArray[np.float32]:
        """Samples from anywhere; silence outside the source and beyond `ready`.

        Parameters
        ----------
        start, frames : int
        channel : int, optional
            0-based; only that one is read.

        Returns
        -------
        ndarray, float32, shape (frames, channels), or (frames, 1) for one channel

        Raises
        ------
        EarmarkError
            If the file has shrunk since.
        """
        part = slice(None) if channel is None else slice(channel, channel + 1)
        first, last = max(start, 0), min(start + frames, self._ready)
        width = self.channels if channel is None else 1
        if first >= last:
            return np.zeros((frames, width), np.float32)
        mapping = self._mapped(last)
        samples = mapping.encoding.floats(mapping.array[first:last, part])
        if last - first == frames:
            return samples
        padded = np.zeros((frames, width), np.float32)
        padded[first - start : last - start] = samples
        return padded

    def unreadable(self, start: int, frames: int) -> NDArray[np.bool_] | None:
        """Which samples are no numbers, or infinite; `read` gives silence there.

        Returns
        -------
        ndarray, bool, shape (frames, channels), or None
            None if there are none.
        """
        first, last = max(start, 0), min(start + frames, self._ready)
        if first >= last or not self._mapped(last).encoding.is_float:
            return None
        found = ~np.isfinite(self._mapped(last).array[first:last])
        if not found.any():
            return None
        return np.pad(found, ((first - start, start + frames - last), (0, 0)))

    def stored(self, start: int, frames: int) -> tuple[NDArray[Any], Encoding]:
        """Samples as they are stored, for those who read all of them once.

        The range must be ready; nothing is copied.
        """
        mapping = self._mapped(start + frames)
        return mapping.array[start : start + frames], mapping.encoding

    def windows(
        self, starts: NDArray[np.int64], frames: int, channel: int | None
    ) -> NDArray[np.float32]:
        """Runs of equal length from many places at once.

        Parameters
        ----------
        starts : ndarray, int64, shape (n,)
            Ascending.
        frames : int
        channel : int or None
            None mixes all channels.

        Returns
        -------
        ndarray, float32, shape (n, frames)
        """
        if starts[0] < 0 or starts[-1] + frames > self._ready:
            runs = [self.read(int(at), frames, channel).mean(axis=1) for at in starts]
            return np.array(runs, np.float32)
        first, last = int(starts[0]), int(starts[-1]) + frames
        mapping = self._mapped(last)
        if last - first < len(starts) * frames:
            # They overlap: each sample is converted only once, in the order of memory.
            raw = mapping.array[first:last]
            if channel is not None:
                run = mapping.encoding.floats(raw[:, channel])
            else:
                run = _mean(iter(mapping.encoding.floats(raw).T), self.channels)
            every = sliding_window_view(run, frames)
            step = max(int(starts[1] - starts[0]), 1)
            if np.array_equal(starts, np.arange(first, int(starts[-1]) + 1, step)):
                return every[::step]
            return every[starts - first]
        # The window comes last, behind the three bytes of 24-bit samples.
        views = np.moveaxis(sliding_window_view(mapping.array, frames, 0), -1, 2)
        return self._mixed(mapping.encoding, views.swapaxes(0, 1), channel, starts)

    def _mixed(
        self,
        encoding: Encoding,
        raw: NDArray[Any],
        channel: int | None,
        which: NDArray[np.int64] | slice = slice(None),
    ) -> NDArray[np.float32]:
        """A channel, or the mix of all, of samples by channel and place."""
        if channel is not None:
            return encoding.floats(raw[channel][which])
        floats = (encoding.floats(raw[each][which]) for each in range(self.channels))
        return _mean(floats, self.channels)

    def wait(self, frame: int, timeout_s: float | None = None) -> bool:
        """Wait until frames up to `frame` are ready, or nothing more will be.

        Returns
        -------
        bool
            False if the time ran out.
        """
        with self._changed:
            return self._changed.wait_for(
                lambda: self._ready >= frame or self._done, timeout_s
            )

    def on_progress(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call back whenever more is ready, on the decoding thread.

        Returns
        -------
        callable
            Ends it.
        """
        return self._listeners.add(listener)

    def close(self) -> None:
        """Stop decoding and let go of the file. Closing twice is allowed."""
        self._closing.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()
        with self._changed:
            self._ready = 0
            self._mapping = None
            self._done = True
            self._changed.notify_all()

    def _check(self, rate: int, channels: int) -> None:
        if (rate, channels) != (self.rate, self.channels):
            raise self._changed_file()

    def _changed_file(self) -> EarmarkError:
        return EarmarkError(
            f"“{self._path.name}” is not the file it was when it was imported.",
            "Put the original file back, or import this one as a new clip.",
        )

    def _mapped(self, frames: int) -> MappedFrames:
        """A mapping that holds so many frames."""
        mapping = self._mapping
        if mapping is None or mapping.frames < frames:
            with self._changed:
                mapping = self._mapping
                if mapping is None or mapping.frames < frames:
                    if self._part is None:
                        raise EarmarkError(
                            f"“{self._path.name}” is closed.", "Open it again."
                        )
                    part, dtype = self._part
                    layout = cached_layout(dtype, self.channels, self._ready)
                    self._mapping = mapping = MappedFrames(part, layout)
        mapping.check()
        return mapping

    def _finish(self, mapping: MappedFrames) -> None:
        self._mapping = mapping
        self._ready = min(mapping.frames, self.frames)
        self._done = True

    def _progress(self) -> None:
        with self._changed:
            self._changed.notify_all()
        self._listeners.tell()

    def _decode(self, cached: Path) -> None:
        part = cached.with_name(f"{cached.stem}.{uuid.uuid4().hex}.part")
        try:
            cached.parent.mkdir(parents=True, exist_ok=True)
            if self._fill(part):
                self._keep(part, cached)
        except EarmarkError as error:
            self.error = error
        except OSError as error:
            self.error = EarmarkError(
                f"“{self._path.name}” could not be decoded: {error}.",
                "Is there room on the disk that holds the cache?",
            )
        finally:
            self._done = True
            self._progress()
            part.unlink(missing_ok=True)

    def _fill(self, part: Path) -> bool:
        """Decode all; False if the reader was closed meanwhile."""
        # libsndfile need not be loaded to show what is already decoded.
        from earmark.audio.decode import open_decoder

        with open_decoder(self._path) as decoder, part.open("wb", buffering=0) as file:
            self._check(decoder.rate, decoder.channels)
            self._part = part, decoder.dtype
            write_header(file, decoder.dtype, 0, self.channels)
            written = 0
            for block in decoder.blocks():
                if self._closing.is_set():
                    return False
                if not len(block):
                    continue
                write_all(file, np.ascontiguousarray(block, decoder.dtype))
                written += len(block)
                self._ready = min(written, self.frames)
                self._progress()
            if not written:
                raise EarmarkError(
                    f"“{self._path.name}” holds no sound that can be decoded.",
                    "Convert it to WAV or FLAC with the program it came from.",
                )
            file.seek(0)
            write_header(file, decoder.dtype, written, self.channels)
            os.fsync(file.fileno())
        return True

    def _keep(self, part: Path, cached: Path) -> None:
        """Let what was decoded take its place in the cache."""
        with self._changed:
            # Windows does not rename what is mapped.
            self._mapping = self._part = None
            try:
                part.replace(cached)
            except PermissionError:
                if not cached.exists():
                    raise
                # Windows: another Earmark has the same open, decoded by itself.
            mapping = map_cached(cached, self.channels)
            if mapping is None:
                raise EarmarkError(
                    f"“{cached}” vanished while it was written.", "Try again."
                )
            self._finish(mapping)


def _mean(channels: Iterator[NDArray[np.float32]], count: int) -> NDArray[np.float32]:
    """The mix of so many channels."""
    mix = reduce(np.add, channels)
    if count > 1:
        mix *= np.float32(1.0 / count)
    return mix


def _as_imported(source: Source, path: Path) -> bool:
    """Whether a file has the length and the time that it had when it was imported."""
    if not source.size or not path.exists():
        return True  # nothing is known of it, or its absence is told elsewhere
    return stamp(path) == (source.size, source.modified_ns)


def open_source(source: Source, cache: Path, base: Path | None = None) -> SourceReader:
    """Open a source for reading.

    Parameters
    ----------
    source : Source
    cache : Path
        The cache folder; decoded audio goes to its `decoded` folder.
    base : Path, optional
        The project's folder, which a relative path is relative to.

    Raises
    ------
    EarmarkError
        If the file is gone, cannot be read or is not what it was.
    """
    return SourceReader(source, _absolute(source, base), cache)


def _absolute(source: Source, base: Path | None) -> Path:
    return source.path if base is None else base / source.path


class Sources:
    """The readers of a project's sources, kept open; may be used on any thread.

    Parameters
    ----------
    cache : Path
    folder : Path, optional
        The project's folder.
    limit : int
        How many are kept open.
    """

    def __init__(
        self, cache: Path, folder: Path | None = None, *, limit: int = 64
    ) -> None:
        self.cache = cache
        self.folder = folder
        self._limit = limit
        self._open: OrderedDict[str, SourceReader] = OrderedDict()
        self._contents: dict[tuple[Path, int, int], str] = {}
        self._lock = threading.Lock()
        remove_stale(cache / "decoded")

    def reader(self, source: Source) -> SourceReader:
        """The open reader of a source.

        Raises
        ------
        EarmarkError
            If it cannot be opened.
        """
        with self._lock:
            reader = self._open.get(source.id)
            if reader is None:
                path = self.path(source)
                reader = SourceReader(source, path, self.cache, content=self.content)
                self._open[source.id] = reader
            self._open.move_to_end(source.id)
            finished = [key for key, one in self._open.items() if one.done]
            for key in finished[: max(len(self._open) - self._limit, 0)]:
                # Whoever still reads it keeps it alive.
                del self._open[key]
            return reader

    def readers(self, sources: Iterable[Source]) -> Readers:
        """A look-up by id for `render`, of sources that were listed beforehand."""
        known = {source.id: source for source in sources}

        def reader(source_id: str) -> SourceReader:
            return self.reader(known[source_id])

        return reader

    def path(self, source: Source) -> Path:
        """Where a source is, or should be."""
        return _absolute(source, self.folder)

    def content(self, path: Path) -> str:
        """The hash of a file, which is read once as long as it stays as it is.

        Raises
        ------
        EarmarkError
            If it cannot be read.
        """
        key = path, *stamp(path)
        if key not in self._contents:
            self._contents[key] = hash_file(path)
        return self._contents[key]

    def doubtful(self, sources: Iterable[Source]) -> list[Source]:
        """Those that will be read as a whole when they are opened.

        They say another time than when they were imported, and it was not found out yet
        by `content` whether they are the same.
        """
        return [
            source
            for source in sources
            if not _as_imported(source, path := self.path(source))
            and (now := stamp(path))[0] == source.size
            and (path, *now) not in self._contents
        ]

    def missing(self, sources: Iterable[Source]) -> list[Source]:
        """Those whose file is not there."""
        return [source for source in sources if not self.path(source).is_file()]

    def find_missing(
        self,
        sources: Iterable[Source],
        folders: Sequence[Path],
        step: Step = unwatched,
    ) -> dict[str, Path]:
        """Where files that are not there have gone, by their content.

        Parameters
        ----------
        sources : iterable of Source
        folders : sequence of Path
            Searched with all that is below them. Files of the same name are tried
            first, then those with the same ending.
        step : callable, optional
            Is told of each block of bytes that was read; may raise to end the search.

        Returns
        -------
        dict of str to Path
            By id of the source; those that were not found are not in it.
        """
        wanted = {source.id: source for source in self.missing(sources)}
        names = {source.path.name for source in wanted.values()}
        endings = {source.path.suffix.lower() for source in wanted.values()}
        candidates = []
        for path in chain.from_iterable(folder.rglob("*") for folder in folders):
            step(0)
            if path.suffix.lower() in endings and path.is_file():
                candidates.append(path)
        candidates.sort(key=lambda path: path.name not in names)
        found: dict[str, Path] = {}
        for path in candidates:
            if len(found) == len(wanted):
                break
            try:
                digest = hash_file(path, step)
            except EarmarkError:
                continue  # not readable, so not usable as a source either
            if digest in wanted:
                found.setdefault(digest, path)
        return found

    def forget(self, source_id: str) -> None:
        """Open a source anew when it is next read: its file was found elsewhere."""
        with self._lock:
            reader = self._open.pop(source_id, None)
        if reader is not None:
            reader.close()

    def close(self) -> None:
        """Close all readers."""
        with self._lock:
            readers = list(self._open.values())
            self._open.clear()
        for reader in readers:
            reader.close()
