"""The tables of benches: a row for each name, the mean over its seeds."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Outcome:
    """One run: its scores, None where there is none, and its minutes."""

    variant: str
    seed: int
    scores: Mapping[str, float | None]


def markdown(outcomes: Sequence[Outcome], title: str = "variant") -> str:
    """One row per variant: the mean over its seeds, and the spread where there are several."""
    names = list(dict.fromkeys(name for outcome in outcomes for name in outcome.scores))
    lines = ["| " + " | ".join([title, "seeds", *names]) + " |", "|---" * (len(names) + 2) + "|"]
    for variant in dict.fromkeys(outcome.variant for outcome in outcomes):
        own = [outcome.scores for outcome in outcomes if outcome.variant == variant]
        cells = [cell([scores.get(name) for scores in own], name) for name in names]
        lines.append("| " + " | ".join([variant, str(len(own)), *cells]) + " |")
    return "\n".join(lines) + "\n"


def cell(values: Sequence[float | None], name: str) -> str:
    """Mean and standard deviation; a dash where a value is missing."""
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return "–"  # noqa: RUF001
    digits = 1 if name.startswith("minutes") else 3
    mean = f"{statistics.mean(known):.{digits}f}"
    return mean if len(known) < 2 else f"{mean} ± {statistics.stdev(known):.{digits}f}"
