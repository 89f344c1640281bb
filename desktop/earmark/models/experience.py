"""What models have taken on this machine, to say beforehand what to expect.

Learned from jobs that have ended, kept in one small JSON file. A damaged file is
forgotten: it is learned anew.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from earmark.core.durable import replaced
from earmark.core.errors import EarmarkError
from earmark.core.tasks import ModelRef, Usage

FILE = "experience.json"

_MOST_WEIGHT = 8
"""The newest job counts at least this part of what was learned."""

_MOST_ENTRIES = 500

_VERSION = 1


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a job is expected to take.

    Attributes
    ----------
    run_s : float
        Without loading.
    load_s : float
        If the model is not loaded yet.
    memory_mb : float
        Of the engine with the model.
    jobs : int
        From how many jobs it was learned.
    """

    run_s: float
    load_s: float
    memory_mb: float
    jobs: int


@dataclass(frozen=True, slots=True)
class _Learned:
    """Running means; `factor` is seconds of work for a second of audio."""

    factor: float
    load_s: float
    memory_mb: float
    jobs: int


class Experience:
    """What was learned on this machine.

    Parameters
    ----------
    folder : Path
        `Folders.data`; need not exist.

    Notes
    -----
    Safe to use from several processes: each write replaces the file as a whole.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / FILE

    def record(self, task: str, model: ModelRef | None, usage: Usage) -> None:
        """Learn from a job that has ended.

        One without audio teaches nothing.

        Parameters
        ----------
        task : str
            Its id.
        model : ModelRef or None
        usage : Usage

        Raises
        ------
        EarmarkError
            If the file cannot be written.
        """
        if not usage.audio_s or usage.run_s <= 0:
            return
        now = _Learned(
            factor=usage.run_s / usage.audio_s,
            load_s=usage.load_s,
            memory_mb=usage.memory_mb,
            jobs=1,
        )
        learned = self._read()
        key = _key(task, model, usage.device)
        before = learned.pop(key, None)
        # The newest come last, so that the oldest are forgotten first.
        learned[key] = now if before is None else _mean(before, now)
        _write(self._file, dict(list(learned.items())[-_MOST_ENTRIES:]))

    def expect(
        self, task: str, model: ModelRef | None, device: str, audio_s: float
    ) -> Expectation | None:
        """What a job would take, or None if no such job has ended here.

        Parameters
        ----------
        task : str
            Its id.
        model : ModelRef or None
        device : str
            As in `Usage.device`; "auto" and "" take the one that was used last.
        audio_s : float
            Seconds of audio to read or write.
        """
        learned = self._read()
        prefix = _key(task, model, "")
        known = learned.get(prefix + device)
        if known is None and device in ("", "auto"):
            others = [each for key, each in learned.items() if key.startswith(prefix)]
            known = others[-1] if others else None
        if known is None:
            return None
        return Expectation(
            run_s=known.factor * audio_s,
            load_s=known.load_s,
            memory_mb=known.memory_mb,
            jobs=known.jobs,
        )

    def _read(self) -> dict[str, _Learned]:
        """What was learned; an unreadable file counts as none."""
        try:
            stored: Any = json.loads(self._file.read_text(encoding="utf-8"))
            if stored["version"] != _VERSION:
                return {}
            return {
                str(key): _Learned(
                    factor=float(row["factor"]),
                    load_s=float(row["load_s"]),
                    memory_mb=float(row["memory_mb"]),
                    jobs=int(row["jobs"]),
                )
                for key, row in stored["learned"].items()
            }
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            return {}


def _key(task: str, model: ModelRef | None, device: str) -> str:
    """The device is last, so that a key without one begins all of a model's."""
    known = model and model.identified()
    id, revision = (known.id, known.revision) if known is not None else ("", "")
    return f"{task}\n{id}\n{revision}\n{device}"


def _mean(before: _Learned, now: _Learned) -> _Learned:
    """A running mean in which what is long ago fades."""
    part = 1 / min(before.jobs + 1, _MOST_WEIGHT)

    def mixed(old: float, new: float) -> float:
        return old + part * (new - old)

    return replace(
        before,
        factor=mixed(before.factor, now.factor),
        # A model that was loaded already took no time to load.
        load_s=mixed(before.load_s, now.load_s) if now.load_s else before.load_s,
        memory_mb=mixed(before.memory_mb, now.memory_mb),
        jobs=before.jobs + 1,
    )


def _write(file: Path, learned: dict[str, _Learned]) -> None:
    rows = {key: asdict(each) for key, each in learned.items()}
    text = json.dumps({"version": _VERSION, "learned": rows}, indent=1)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with replaced(file) as beside:
            beside.write_text(text, encoding="utf-8")
    except OSError as error:
        raise EarmarkError(
            f"What jobs take cannot be noted in {file}: {error.strerror or error}.",
            "Check that the folder is writable and the disk is not full.",
        ) from error
