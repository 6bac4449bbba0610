"""The verdict on a run without ground truth, and the vetoes that make it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

Level = Literal["fair", "doubtful", "useless"]  # from the best to the worst
LEVELS: tuple[Level, ...] = get_args(Level)
MOST_NAMES = 10  # images that a veto names


@dataclass(frozen=True)
class Veto:
    """What speaks against a run."""

    level: Level  # of the verdict, at best
    sentence: str  # with the figures; names are in backticks
    images: tuple[str, ...] = ()  # names of up to `MOST_NAMES` images that show it


def verdict(vetoes: Iterable[Veto]) -> Level:
    """The worst level of the vetoes; `fair` without any."""
    return max((veto.level for veto in vetoes), key=LEVELS.index, default="fair")


def percent(share: float) -> str:
    """A share in [0, 1] for a sentence."""
    return f"{100 * share:.0f} %"
