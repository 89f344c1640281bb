"""The commands about clips as a whole, in the Edit menu."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from earmark.core.clips import ReviewStatus
from earmark.core.plugins import Command
from earmark.ui.session import Session
from earmark.ui.wording import count

_STATUSES: dict[ReviewStatus, str] = {
    "new": "new",
    "in_progress": "in progress",
    "done": "done",
}
MARKS = tuple(f"clips.mark_{status}" for status in _STATUSES)


def commands(session: Session, *, rename: Callable[[int], None]) -> list[Command]:
    """Rename, mark and remove the clips that are selected, or the one that is shown.

    Parameters
    ----------
    session : Session
    rename : callable
        Lets a person write another name for a clip.
    """

    def chosen() -> tuple[int, ...]:
        shown = () if session.clip is None else (session.clip.id,)
        return session.selected_clips or shown

    def can_edit() -> bool:
        return bool(chosen()) and not session.project.read_only

    def can_rename() -> bool:
        return can_edit() and len(chosen()) == 1

    def rename_chosen() -> None:
        rename(chosen()[0])

    def mark(status: ReviewStatus) -> None:
        with session.project.edit("Mark clips") as edit:
            for clip in chosen():
                edit.update_clip(clip, status=status)

    def remove() -> None:
        clips = chosen()
        with session.project.edit("Remove clips") as edit:
            for clip in clips:
                edit.remove_clip(clip)
        session.message.emit(
            f"{count(len(clips), 'clip')} removed; undo brings back", 6000
        )

    menu = "Edit/Clips"
    marks = [
        Command(
            f"clips.mark_{status}",
            f"Mark clips as {word}",
            partial(mark, status),
            menu,
            enabled=can_edit,
            section=1,
        )
        for status, word in _STATUSES.items()
    ]
    return [
        Command("clips.rename", "Rename clip", rename_chosen, menu, (), can_rename),
        *marks,
        Command("clips.remove", "Remove clips from the project", remove, menu, (),
                can_edit, icon="ph.trash", section=2),
    ]  # fmt: skip
