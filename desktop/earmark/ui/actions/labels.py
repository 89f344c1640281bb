"""The commands of the Labels menu, and those of reviewing predictions."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from earmark.core.plugins import Command
from earmark.ui.editing import Editing
from earmark.ui.editor import Editor
from earmark.ui.session import Session


def commands(
    session: Session,
    editing: Editing,
    editor: Editor,
    *,
    find: Callable[[], None],
    vocabulary: Callable[[], None],
    rename_track: Callable[[], None],
) -> list[Command]:
    """Make, choose, class, review and find labels."""

    def can_edit() -> bool:
        return editing.can_edit

    def has_labels() -> bool:
        return editing.has_labels

    def has_one() -> bool:
        return editing.has_labels and len(session.selected_labels) == 1

    def has_several() -> bool:
        return editing.has_labels and len(session.selected_labels) > 1

    def has_tracks() -> bool:
        return session.clip is not None and session.active_track is not None

    def label_selection() -> None:
        editor.edit_label(editing.label_selection())

    def label_playhead() -> None:
        editing.label_playhead()

    def edit_text() -> None:
        editor.edit_label(min(session.selected_labels))

    def can_undo() -> bool:
        return editing.has_labels and session.project.can_undo

    def undo() -> None:
        change = session.project.undo()
        if change is not None:
            editing.select_changed(change)

    def replay() -> None:
        labels = session.project.labels_by_id(session.selected_labels).values()
        session.player.play(
            min(la.start for la in labels), max(la.stop for la in labels)
        )

    def add_track() -> None:
        assert session.clip is not None
        with session.project.edit("Add label track") as edit:
            track = edit.add_track(session.clip.id, "Labels")
        session.set_active_track(track)

    def remove_track() -> None:
        assert session.active_track is not None
        with session.project.edit("Remove label track") as edit:
            edit.remove_track(session.active_track)

    def has_track() -> bool:
        return editing.can_edit and session.active_track is not None

    def can_move_track(step: int) -> bool:
        return has_track() and editing.can_move_track(step)

    def can_class(key: str) -> bool:
        return editing.can_edit and editing.word(key) is not None

    menu, review = "Labels", "Labels/Review"
    classes = [
        Command(
            f"labels.class_{key}",
            f"Class {key}",
            partial(editing.set_word, key),
            "Labels/Class",
            (key,),
            partial(can_class, key),
        )
        for key in "123456789"
    ]
    return [
        Command("labels.at_selection", "Label selection", label_selection, menu,
                ("Ctrl+B",), can_edit, icon="ph.tag"),
        Command("labels.at_playhead", "Label at playhead", label_playhead, menu,
                ("M", "Ctrl+M"), can_edit),
        Command("labels.next", "Next label", partial(editing.step_label, 1), menu,
                ("Alt+Right",), has_tracks, section=1),
        Command("labels.previous", "Previous label", partial(editing.step_label, -1),
                menu, ("Alt+Left",), has_tracks, section=1),
        Command("labels.merge", "Merge labels", editing.merge_labels, menu, (),
                has_several, section=2),
        Command("labels.split", "Split label at playhead", editing.split_label, menu,
                (), has_one, section=2),
        Command("labels.delete", "Delete labels", editing.delete_labels, menu, (),
                has_labels, section=2),
        Command("labels.accept", "Accept",
                partial(editing.set_status, "accepted", "Accept"), review, ("A",),
                has_labels, icon="ph.check"),
        Command("labels.reject", "Reject",
                partial(editing.set_status, "rejected", "Reject"), review, ("D",),
                has_labels, icon="ph.x"),
        Command("labels.edit", "Edit text", edit_text, review, ("E",), has_labels,
                icon="ph.pencil-simple"),
        Command("labels.replay", "Replay", replay, review, ("R",), has_labels),
        Command("labels.undo", "Undo last decision", undo, review, ("Backspace",),
                can_undo),
        *classes,
        Command("labels.vocabulary", "Vocabulary…", vocabulary, menu, ("Ctrl+Shift+V",),
                lambda: not session.project.read_only, section=3),
        Command("labels.find", "Find label…", find, menu, ("Ctrl+F",), section=3),
        Command("labels.add_track", "Add label track", add_track, menu, (), can_edit,
                section=4),
        Command("labels.rename_track", "Rename label track…", rename_track, menu, (),
                has_track, section=4),
        Command("labels.track_up", "Move label track up",
                partial(editing.move_track, -1), menu, (), partial(can_move_track, -1),
                section=4),
        Command("labels.track_down", "Move label track down",
                partial(editing.move_track, 1), menu, (), partial(can_move_track, 1),
                section=4),
        Command("labels.remove_track", "Remove label track", remove_track, menu, (),
                has_track, section=4),
    ]  # fmt: skip
