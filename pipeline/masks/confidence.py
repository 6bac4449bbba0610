"""How clearly the heatmaps decide about a pseudo-mask: for what a person should look at first."""

from pipeline.masks.threshold import Heat, competition


def confidence(heat: Heat, threshold: float) -> float:
    """Mean over the pixels of the lead that the winner has over the runner-up, in [0, 1].

    The scores are those that compete for a pixel, `competition(heat, threshold)`: they sum to 1, so the lead
    is 1 where only one of them is above 0, and 0 where the best two are equal. An image without labels has
    one score, the background's, and the confidence 1. The dense CRF is left out: its marginals are so close
    to 0 and 1 that they doubt next to nothing.

    Args:
        heat: float32 (P, H, W) in [0, 1]; P may be 0.
        threshold: the background score, in (0, 1).

    Raises:
        ValueError: the threshold is not in (0, 1).
    """
    scores = competition(heat, threshold)
    if len(scores) == 1:
        return 1.0
    scores.partition(-2, axis=0)  # the two largest come last
    return float((scores[-1] - scores[-2]).mean(dtype=float))
