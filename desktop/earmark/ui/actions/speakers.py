"""The commands about who speaks, in the Labels menu."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from earmark.core.plugins import Command
from earmark.core.speakers import name_transcript
from earmark.ui.editing import Editing
from earmark.ui.session import Session


def commands(session: Session, editing: Editing, window: QWidget) -> list[Command]:
    """Keep a voice, rename a speaker, say who said what."""

    def has_range() -> bool:
        return editing.has_range

    def has_labels() -> bool:
        return editing.has_labels

    def can_edit() -> bool:
        return editing.can_edit

    def keep() -> None:
        from earmark.ui.dialogs.voice import keep_voice

        keep_voice(session, window)

    def rename() -> None:
        from earmark.ui.dialogs.voice import rename_speaker

        rename_speaker(session, window)

    def who_said_what() -> None:
        assert session.clip is not None
        said = name_transcript(
            session.project, session.clip.id, preferred=session.active_track
        )
        session.message.emit(said, 8000)

    menu = "Labels/Speakers"
    return [
        Command("labels.keep_voice", "Keep as a voice…", keep, menu, (), has_range,
                icon="ph.user-plus"),
        Command("labels.rename_speaker", "Rename speaker…", rename, menu, (),
                has_labels),
        Command("labels.who_said_what", "Who said what", who_said_what, menu, (),
                can_edit, section=1),
    ]  # fmt: skip
