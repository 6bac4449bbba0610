"""Names with a meaning of their own: no label, pixels that do not count, nothing of interest."""

import re
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
    }
)
DENIED = re.compile(r"(?:no|not|non|without) \S.*")  # `no finding`, `non-crack`


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


def after_background(names: Sequence[str]) -> list[str]:
    """Names in the order of the ids of masks, from id 1: a background in front of them has the id 0."""
    return list(names[1:] if names and means_background(names[0]) else names)


def _key(name: str) -> str:
    """The name without case; `_`, `-` and space are alike, and none stands around it."""
    return re.sub(r"[\s_-]+", " ", name.casefold()).strip()
