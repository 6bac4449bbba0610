"""Fonts for names in any script."""

from collections.abc import Iterable

import matplotlib
from matplotlib.font_manager import FontProperties, findfont, fontManager, get_font

PLACEHOLDERS = "Last Resort"  # fonts that draw a box for every character there is
NORMAL = 400  # weight


def families_for(texts: Iterable[str]) -> list[str]:
    """Matplotlib's own font family, and installed ones for the characters that it lacks.

    Each next one is the one that has most of what is still missing. What no font has stays a box.
    """
    families = list(matplotlib.rcParams["font.family"])
    own = _characters(findfont(FontProperties(family=families)))
    missing = {ord(character) for text in texts for character in text} - own
    upright = [f for f in fontManager.ttflist if (f.style, f.weight) == ("normal", NORMAL)]
    installed = {f.name: f.fname for f in upright if not f.name.startswith(PLACEHOLDERS)}
    while missing:
        found = {name: missing & _characters(file) for name, file in sorted(installed.items())}
        best = max(found, key=lambda name: len(found[name]))
        if not found[best]:
            break
        families.append(best)
        missing -= found[best]
    return families


def _characters(font: str) -> set[int]:
    return set(get_font(font).get_charmap())
