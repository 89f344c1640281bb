"""What a model is by its class, and the task that it belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from earmark.core.errors import EarmarkError
from earmark.core.tasks import Task
from earmark.models.catalog import fits

_KINDS = (
    (
        "a speech-recognition model",
        "Speech recognition",
        (
            "*ForCTC",
            "*ForTDT",
            "*ForSpeechSeq2Seq",
            "*ForSpeechToText",
            "Whisper*ForConditionalGeneration",
            "Moonshine*ForConditionalGeneration",
        ),
    ),
    (
        "a text-to-speech model",
        "Text to speech",
        ("VitsModel", "*ForTextToSpeech", "Bark*", "FastSpeech2*"),
    ),
    (
        "a speaker-verification model",
        "Speaker identification",
        ("*ForXVector", "GE2ESpeakerEncoder"),
    ),
    (
        "a speaker-turn model",
        "Speaker identification",
        ("*ForAudioFrameClassification",),
    ),
    ("a model that compares sounds with words", "Zero-shot", ("Clap*",)),
    ("a music tagger", "Audio events", ("MusiCNN",)),
    (
        "an audio classifier",
        "Audio events",
        ("ASTForAudioClassification", "BEATs*"),
    ),
    ("a language classifier", "Language identification", ("Whisper*Classification",)),
    (
        "an audio classifier",
        "",
        ("*ForAudioClassification", "*ForSequenceClassification"),
    ),
    ("a music model", "", ("Musicgen*",)),
    ("a vocoder, one part of a text-to-speech model", "", ("*HifiGan",)),
    ("a neural codec", "", ("EncodecModel", "DacModel", "MimiModel", "XcodecModel")),
    (
        "an encoder of sentences",
        "Speech intent",
        ("BertModel", "DistilBertModel", "MPNetModel", "RobertaModel", "XLMRoberta*"),
    ),
    ("a language model", "", ("*ForCausalLM", "*ForMaskedLM", "*LMHeadModel")),
    ("an encoder without a task of its own", "Embeddings", ("*Model",)),
)
"""What a model is, the task it is used under, and the architectures that tell."""

_MOST_PLACES = 3


def kind(architectures: Sequence[str]) -> tuple[str, str]:
    """What a model is, in words, and the title of the task it is used under.

    Returns
    -------
    what : str
        "a speaker-verification model".
    where : str
        Empty if the class alone does not tell.
    """
    for what, where, patterns in _KINDS:
        for architecture in architectures:
            if any(fnmatchcase(architecture, pattern) for pattern in patterns):
                return what, where
    return "another kind of model", ""


def check_class(
    task: Task,
    name: str,
    format: str,
    architectures: tuple[str, ...],
    *,
    remote_code: bool = False,
    tasks: Sequence[Task] = (),
) -> None:
    """Check that a task can load a model, by its class alone.

    Parameters
    ----------
    task : Task
    name : str
        What to call the model in an error.
    format : str
    architectures : tuple of str
        As its configuration names them.
    remote_code : bool
        The model brings code of its own.
    tasks : sequence of Task
        All that there are, to say which of them it fits.

    Raises
    ------
    EarmarkError
        If it cannot; says what the model is and where it belongs.
    """
    what, _ = kind(architectures)
    classes = ", ".join(architectures)
    if format not in task.formats:
        loads = " and ".join(task.formats)
        place = places(format, architectures, tasks)
        raise EarmarkError(
            f"{name} is {what} in {format} format; {task.title} cannot load it.",
            (f"It loads {loads}." if loads else f"{task.title} needs no model.")
            + (f" Use this one under {place}." if place and tasks else ""),
        )
    if fits(task, format, architectures):
        return
    if not architectures:
        raise EarmarkError(
            f"{name}: its config.json does not say what kind of model it is.",
            'Add its class under "architectures" there, as its makers name it.',
        )
    if remote_code:
        raise EarmarkError(
            f"{name} needs code of its own ({classes}), and Earmark never runs "
            "code that comes with a model.",
            "Choose another model.",
        )
    place = places(format, architectures, tasks)
    remedy = f"Use it under {place}." if place not in ("", task.title) else ""
    if tasks and not place:
        remedy = "No task of Earmark uses such models."
    raise EarmarkError(
        f"{name} is {what} ({classes}); {task.title} cannot use it.", remedy
    )


def check_useful(
    name: str, format: str, architectures: tuple[str, ...], tasks: Sequence[Task]
) -> None:
    """Check that any task can load a model, by its class alone.

    Raises
    ------
    EarmarkError
        If none can; says what it is.
    """
    if not any(fits(task, format, architectures) for task in tasks):
        what, _ = kind(architectures)
        classes = ", ".join(architectures)
        raise EarmarkError(
            f"{name} is {what} ({classes}); no task of Earmark can use it.",
            "Choose another model.",
        )


def places(
    format: str, architectures: tuple[str, ...], tasks: Sequence[Task] = ()
) -> str:
    """The titles of the tasks that a model fits, as in a sentence.

    Parameters
    ----------
    format : str
    architectures : tuple of str
    tasks : sequence of Task
        All that there are; without them the class alone has to tell.

    Returns
    -------
    str
        "Speaker identification", "Audio events or Embeddings"; empty if there is none.
    """
    _, usual = kind(architectures)
    titles = [
        task.title
        for task in tasks
        if fits(task, format, architectures) and not task.hidden
    ]
    if not tasks or usual in titles:
        return usual
    *most, last = titles[:_MOST_PLACES] or [""]
    return f"{', '.join(most)} or {last}" if most else last
