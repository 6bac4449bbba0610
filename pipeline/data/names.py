"""Names with a meaning of their own: no label, pixels that do not count, nothing of interest."""

import re
import unicodedata
from collections.abc import Sequence

NO_LABEL = (
    "background"  # what the others of these names mean; the target in `data.rename` that takes labels away
)
BACKGROUND_WORDS = frozenset({"background", "bg"})
# What programs write into an empty cell.
EMPTY_WORDS = frozenset({"", "nan", "none", "null", "nil", "n/a", "na", "<na>", "[]", "{}", "()", "empty"})
IGNORE_WORDS = frozenset(
    {"ignore", "ignored", "void", "unlabelled", "unlabeled", "border", "boundary", "dontcare", "don't care"}
)
NOTHING_WORDS = frozenset(
    {
        *("0", "no", "false", "negative", "absent", "nothing", "nofinding", "notumor", "notumour"),
        *("good", "ok", "okay", "normal", "healthy", "clean", "intact", "undamaged", "defect free"),
        *("gut", "gesund", "intakt", "unauffällig", "fehlerfrei", "bon", "bonne", "sain", "saine", "normale"),
        *("intacte", "bueno", "buena", "sano", "sana", "buono", "buona", "integro", "íntegro", "bom", "boa"),
        *("saudável", "goed", "gezond", "normaal", "nada", "niente", "nulla", "rien", "nichts"),
        *("норма", "здоровый", "正常", "良好", "良品", "合格"),
    }
)
# `no finding`, `non-crack`, `kein Befund`, `aucun`
DENIED = re.compile(
    r"(?:no|not|non|without) \S.*"
    r"|(?:keine?|ohne|sans|aucune?|pas de|senza|nessun[ao]?|sin|ning[uú]n[ao]?|sem|nenhuma?|geen|zonder"
    r"|нет|без)(?: \S.*)?"
)


def means_background(name: str) -> bool:
    """Whether a name says that there is no label: a word for the background, or an empty cell."""
    return _key(name) in BACKGROUND_WORDS | EMPTY_WORDS


def means_ignore(name: str) -> bool:
    """Whether a name is that of pixels that belong to no class; in masks they are 255."""
    return _key(name) in IGNORE_WORDS


def may_be_class(name: str) -> bool:
    """Whether a name has no meaning of its own."""
    return not means_background(name) and not means_ignore(name)


def may_mean_nothing(name: str) -> bool:
    """Whether a class may stand for images without anything of interest: `good`, `no finding`, `0`.

    It stays a class, because only a person knows.
    """
    key = _key(name)
    return key in NOTHING_WORDS or DENIED.fullmatch(key) is not None


def is_garbled(name: str) -> bool:
    """Whether a name looks like text that was read in another encoding than it was written in.

    It holds what no keyboard writes; or it is UTF-8 that was read as Latin-1 (`crÃ¢ne`); or, as two bytes of
    Chinese read, it has letters with accents and no plain one (`è`), or letters of two scripts of two bytes.
    """
    if any("\x7f" <= letter <= "\x9f" or letter == "\ufffd" for letter in name):
        return True
    if any(_reread(name, encoding) != name for encoding in ("latin-1", "cp1252")):
        return True
    letters = [letter for letter in name if letter.isalpha()]
    scripts = {unicodedata.name(letter, "").split(" ")[0] for letter in letters}
    of_two_bytes = bool(letters) and all("\x80" <= letter < "\u0800" for letter in letters)
    return of_two_bytes and ("LATIN" in scripts or len(scripts) > 1)


def _reread(name: str, encoding: str) -> str:
    """The text that the bytes of `name` are as UTF-8; `name`, if they are none."""
    try:
        return name.encode(encoding).decode()
    except ValueError:
        return name


def after_background(names: Sequence[str]) -> list[str]:
    """Names in the order of the ids of masks, from id 1: a background in front of them has the id 0."""
    return list(names[1:] if names and means_background(names[0]) else names)


def _key(name: str) -> str:
    """The name without case; `_`, `-` and space are alike, and none stands around it."""
    return re.sub(r"[\s_-]+", " ", name.casefold()).strip()
