"""Which supervision leads a run: the first weak one of the params, or a surer self-training round before it.

What leads is judged by the verdict, shown first, and taken by `export`, `review` and `predict` where nobody
names another. The choice reads the confidences of masks and no ground truth.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline import paths
from pipeline.base.files import read_csv
from pipeline.params import FULL, ROUND, Params, default_supervision, model_before
from pipeline.workflows.confidence import IMAGES

ERRORS = 2  # standard errors of the mean that a fall has to exceed: other images would fall too


@dataclass(frozen=True)
class Lead:
    """The supervisions of a run in their order, the leading one first."""

    supervision: tuple[str, ...]
    why: str  # an earlier round leads; empty where the first one of the params does


def find_lead(params: Params) -> Lead:
    """The leading supervision, by the masks that are made so far.

    Where the confidence of the masks falls from one self-training round to the next, the earlier one leads.
    The heatmaps judge all rounds alike. The masks of the heatmaps themselves take no part: they would be
    judged by what they are made of.
    """
    given = tuple(params.segmentation.supervision)
    leading, why = default_supervision(given), ""
    while (earlier := round_before(leading)) in given and (fall := confidence_fall(earlier, leading)):
        why, leading = f"{fall}, so `{earlier}` leads.", earlier
    others = (name for name in given if name != leading)
    return Lead((leading, *others) if why else given, why)


def round_before(supervision: str) -> str | None:
    """The self-training round before this one; None of the first one and of all others."""
    before = model_before(supervision) if supervision != FULL and ROUND in supervision else ""
    return before if ROUND in before else None


def confidence_fall(earlier: str, later: str) -> str:
    """How far the mean confidence falls from one round to the next, in words; empty where it does not."""
    first, second = read_uncorrected(earlier), read_uncorrected(later)
    names = [name for name in first if name in second]
    before, after = (np.array([rows[name] for name in names]) for rows in (first, second))
    if not falls(before, after):
        return ""
    return (
        f"The confidence of the masks falls from `{earlier}` ({before.mean():.3f}) to `{later}` "
        f"({after.mean():.3f}), mean over {len(names)} training images"
    )


def falls(before: NDArray[np.float64], after: NDArray[np.float64]) -> bool:
    """Whether values of the same images fall by more than `ERRORS` standard errors of the mean difference."""
    if len(before) < 2:
        return False
    change = after - before
    return bool(-change.mean() > ERRORS * change.std(ddof=1) / np.sqrt(len(change)))


def read_uncorrected(masks: str) -> dict[str, float]:
    """The confidence of each mask that no person made, by the name of its image; empty before it is made."""
    file = paths.REPORTS / "pseudo_masks" / masks / IMAGES
    rows = read_csv(file) if file.is_file() else []
    return {
        row["name"]: float(row["confidence"])
        for row in rows
        if row.get("confidence") and row.get("corrected") != "1"
    }
