"""Takes: the clips that were generated, and how well they say their texts."""

from __future__ import annotations

from earmark.core.errors import EarmarkError
from earmark.core.tasks import Take
from earmark.ui.session import Session

TAKE_CHECK = "take-check"


def take_of(session: Session, clip: int) -> Take | None:
    """The take that a clip was made for, if it was generated."""
    return next((t for t in session.project.takes() if t.clip == clip), None)


def text_of(session: Session, take: Take) -> str:
    """The text that a take was made from; empty if it was not made from one."""
    job = session.project.job(take.job)
    maker = session.plugins.tasks.get(job.task)
    return str(job.params.get(maker.text_param, "")) if maker else ""


def can_check(session: Session) -> bool:
    """Whether the shown clip is a take and something can check it."""
    if session.clip is None or TAKE_CHECK not in session.plugins.tasks:
        return False
    return take_of(session, session.clip.id) is not None


def check_take(session: Session, clip: int) -> int:
    """Queue the task that compares a take with the text it was made from.

    What it finds is kept as the `check` of the take; see `Project.accept_results`.

    Returns
    -------
    int
        The job.

    Raises
    ------
    EarmarkError
        If the clip is no take, its text is not known, or no model can check it.
    """
    take = take_of(session, clip)
    if take is None:
        raise EarmarkError("This clip was not generated, so there is nothing to check.")
    text, checker = text_of(session, take), session.plugins.task(TAKE_CHECK)
    if not text:
        raise EarmarkError(
            "The text of this take is not known.",
            f"Give it yourself in the panel “{checker.title}”.",
        )
    wanted = session.store.settings.task_models.get(TAKE_CHECK)
    models = [each.ref for each in session.library.installed(checker)]
    model = next(
        (m for m in models if m.id == wanted), session.library.default(checker)
    )
    session.show_clip(clip)
    (made,) = session.run_task(checker, {"text": text}, model, "clip")
    session.message.emit("Checking the take…", 6000)
    return made
