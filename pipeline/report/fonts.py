"""Fonts for names in any script."""

from collections.abc import Iterable

import matplotlib
from matplotlib.font_manager import FontProperties, findfont, fontManager, get_font

PLACEHOLDERS = "Last Resort"  # fonts that draw a box for every character
NORMAL = 400  # weight


def families_for(texts: Iterable[str]) -> list[str]:
    """Matplotlib's own font family, and installed families for the characters that it lacks.

    Each next family is the one with most of the missing characters. A character that no font has stays a box.
    """
    families = list(matplotlib.rcParams["font.family"])
    default = findfont(FontProperties(family=families))
    missing = {ord(character) for text in texts for character in text} - _characters(default)
    upright = [f for f in fontManager.ttflist if (f.style, f.weight) == ("normal", NORMAL)]
    installed = {f.name: f.fname for f in upright if not f.name.startswith(PLACEHOLDERS)}
    while missing:
        gained = {name: missing & _characters(file) for name, file in sorted(installed.items())}
        best = max(gained, key=lambda name: len(gained[name]))
        if not gained[best]:
            break
        families.append(best)
        missing -= gained[best]
    return families


def _characters(font: str) -> set[int]:
    return set(get_font(font).get_charmap())
