"""Means over what exists, and scores for reports: NaN and None stand for what does not exist."""

import numpy as np
from numpy.typing import NDArray


def mean_present(values: NDArray[np.float64]) -> float:
    """Mean of the entries that are not NaN; NaN without any (and without numpy's warning)."""
    present = values[~np.isnan(values)]
    return float(present.mean()) if present.size else float("nan")


def score_or_none(value: float) -> float | None:
    """A score rounded to 6 digits for a report; None for NaN."""
    return None if np.isnan(value) else round(float(value), 6)
