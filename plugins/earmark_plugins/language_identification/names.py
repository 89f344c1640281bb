"""Languages by their ISO 639 codes and their English names."""

from __future__ import annotations

import langcodes
from langcodes.data_dicts import LANGUAGE_ALPHA3
from langcodes.tag_parser import LanguageTagError

from earmark.api import EarmarkError

_LONGEST_CODE = 3
_SHORT = {long: short for short, long in LANGUAGE_ALPHA3.items() if len(short) == 2}
# Its macrolanguage in ISO 639-3, which the library does not know.
_SHORT["zlm"] = "ms"


def code_of(language: str) -> str:
    """The ISO 639-1 code of a language, or its ISO 639-3 code if it has no shorter one.

    A variety has the short code of what it is a variety of: Mandarin ("cmn") is Chinese
    ("zh").

    Parameters
    ----------
    language : str
        A name ("Bengali", "Sorani-Kurdish") or a code of two or three letters.

    Raises
    ------
    EarmarkError
        If there is no such language.
    """
    word = language.strip().replace("_", " ")
    try:
        tag = word.lower() if len(word) <= _LONGEST_CODE else str(langcodes.find(word))
        if not langcodes.Language.get(tag).is_valid():
            raise LookupError(word)
        code = langcodes.standardize_tag(tag, macro=True).partition("-")[0]
    except (LookupError, LanguageTagError) as error:
        raise EarmarkError(
            f"There is no language “{language}”.",
            "Give its English name or its ISO 639 code, such as “Welsh” or “cy”.",
        ) from error
    if len(code) == 2:
        return code
    # Unicode's registry calls Tagalog ("tl") Filipino, which has no short code.
    return tag if len(tag) == 2 else _SHORT.get(tag, tag)


def name_of(code: str) -> str:
    """The English name of a language; the code itself if nobody gave it one."""
    name = langcodes.Language.get(code).display_name("en")
    return code if name.startswith("Unknown language") else name
