"""Did a classifier learn the true features? What was measured on single images, put together by class."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.evaluation.localisation import REGIONS
from pipeline.evaluation.means import mean_present, score_or_none

FEWEST = 8  # images that a class, or a pair of classes, needs before anything is said about it
CONTEXT = 0.25  # share of a class's evidence that its surroundings may give
ON_OTHER = 0.25  # share of the heat that may lie on another class of the image
LEAK = 0.25  # how much another class may raise the mean score of an absent one
SAME = 0.5  # rank correlation of heatmaps up to which weights count as having mattered

NAN = float("nan")

Logits = NDArray[np.floating[Any]]  # (N, C)
ShownClasses = NDArray[np.bool_]  # (N, C)


@dataclass(frozen=True)
class ImageDiagnosis:
    """What was measured for one class that one image shows; NaN or None where it was not."""

    name: str  # of the sample
    label: int  # class index
    logit: float
    painted_logit: float = NAN  # with all objects painted over
    hit: bool | None = None  # of the pointing game
    shares: tuple[float, ...] = (NAN,) * len(REGIONS)  # of the heat, by region
    insertion: float = NAN  # area under the curve, [0, 1]
    deletion: float = NAN
    drop_hot: float = NAN  # of the score, when the hottest part is erased
    drop_random: float = NAN  # ... a random part of that shape
    random_head: float = NAN  # rank correlation with the heatmap of a network with another last layer
    random_all: float = NAN  # ... with other weights everywhere

    @property
    def score(self) -> float:
        """Probability of the class."""
        return _sigmoid(self.logit)

    @property
    def painted_score(self) -> float:
        """Probability of the class with all objects painted over."""
        return _sigmoid(self.painted_logit)


def most_doubtful(diagnoses: Sequence[ImageDiagnosis], count: int) -> list[ImageDiagnosis]:
    """Those most like the class with all objects painted over; without masks, where the heat counts least."""

    def key(diagnosis: ImageDiagnosis) -> tuple[float, float, str]:
        painted, gain = diagnosis.painted_logit, diagnosis.drop_hot - diagnosis.drop_random
        return (
            np.inf if np.isnan(painted) else -painted,
            np.inf if np.isnan(gain) else gain,
            diagnosis.name,
        )

    return sorted(diagnoses, key=key)[:count]


def diagnose(
    classes: Sequence[str],
    labels: ShownClasses,
    logits: Logits,
    backgrounds: Logits,
    diagnoses: Sequence[ImageDiagnosis],
) -> dict[str, Any]:
    """The diagnosis as it is written: per class and overall, and the sentences of what is suspicious.

    Args:
        classes: names.
        labels: (N, C), what each image shows.
        logits: (N, C), what the classifier says of it.
        backgrounds: (N, C), what it says with all objects painted over; NaN without a ground-truth mask.
        diagnoses: one for each class that an image shows.
    """
    scores = 1 / (1 + np.exp(-logits))
    per_class = {}
    for index, name in enumerate(classes):
        own = [diagnosis for diagnosis in diagnoses if diagnosis.label == index]
        per_class[name] = _class_scores(own, backgrounds[~labels[:, index], index])
        per_class[name]["leaks"] = _leaks(index, classes, labels, scores)
    overall = _means(diagnoses) | {"random_head": _mean(diagnoses, "random_head")}
    overall["random_all"] = _mean(diagnoses, "random_all")
    flags = [sentence for name, found in per_class.items() for sentence in _flags(name, found)]
    return {
        "classes": per_class,
        "overall": overall,
        "flags": flags + _overall_flags(overall),
        "images": len(labels),
    }


def context_share(absent: Logits, shown: Logits, painted: Logits) -> float:
    """The part of a class's evidence that lies in its surroundings; NaN without evidence.

    `(mean painted - mean absent) / (mean shown - mean absent)`: 0 where the surroundings of the class say as
    much as other surroundings, 1 where the objects do not matter. May lie outside of [0, 1].

    Args:
        absent: logits of the class in images without it, all objects painted over, (A,): so that neither
            the other objects, which speak against the class, nor the paint count as its surroundings.
        shown: in images with it, (P,).
        painted: in these, all objects painted over, (P,).

    Source: the idea of testing backgrounds alone is that of Xiao et al. 2020, arXiv:2006.09994; logits are
    additive in the features of a GAP + FC head, so differences of their means are shares of evidence.
    """
    if not len(absent) or not len(shown):
        return NAN
    evidence = shown.mean() - absent.mean()
    return float((painted.mean() - absent.mean()) / evidence) if evidence > 0 else NAN


def _class_scores(own: Sequence[ImageDiagnosis], absent: Logits) -> dict[str, Any]:
    """All means of a class; `absent` are its logits on backgrounds of images without it."""
    absent = absent[~np.isnan(absent)]
    known = [diagnosis for diagnosis in own if not np.isnan(diagnosis.painted_logit)]
    shown = np.array([diagnosis.logit for diagnosis in known])
    painted = np.array([diagnosis.painted_logit for diagnosis in known])
    share = context_share(absent, shown, painted)
    return (
        _means(own)
        | {"context": score_or_none(share), "images": len(own), "with_mask": len(known)}
        | {"detailed": sum(not np.isnan(diagnosis.drop_hot) for diagnosis in own)}
    )


def _means(diagnoses: Sequence[ImageDiagnosis]) -> dict[str, Any]:
    hits = np.array([NAN if diagnosis.hit is None else diagnosis.hit for diagnosis in diagnoses], np.float64)
    shares = np.array([diagnosis.shares for diagnosis in diagnoses], np.float64).reshape(-1, len(REGIONS))
    names = ("insertion", "deletion", "drop_hot", "drop_random")
    return {
        "pointing_game": score_or_none(mean_present(hits)),
        "heat": {
            name: score_or_none(mean_present(column)) for name, column in zip(REGIONS, shares.T, strict=True)
        },
    } | {name: _mean(diagnoses, name) for name in names}


def _mean(diagnoses: Sequence[ImageDiagnosis], field: str) -> float | None:
    return score_or_none(mean_present(np.array([getattr(f, field) for f in diagnoses], np.float64)))


def _leaks(index: int, classes: Sequence[str], labels: ShownClasses, scores: Logits) -> dict[str, float]:
    """How much each other class raises the mean score of this one where it is absent.

    Mean over images that show the other class, less the mean over those that show neither; pairs with too
    few images are left out.
    """
    found = {}
    absent = ~labels[:, index]
    for other, name in enumerate(classes):
        beside, neither = absent & labels[:, other], absent & ~labels[:, other]
        if other != index and min(beside.sum(), neither.sum()) >= FEWEST:
            found[name] = round(float(scores[beside, index].mean() - scores[neither, index].mean()), 6)
    return found


def _flags(name: str, found: Mapping[str, Any]) -> list[str]:
    """Plain sentences about what is suspicious in one class."""
    flags = []
    if found["with_mask"] >= FEWEST and (found["context"] or 0) > CONTEXT:
        outside = 1 - (found["heat"]["object"] or 0)
        flags.append(
            f"`{name}`: {_percent(found['context'])} of its evidence stays with all objects painted over, "
            f"and {_percent(outside)} of its heat lies beside its own: the classifier reads the surroundings."
        )
    if found["with_mask"] >= FEWEST and (found["heat"]["other classes"] or 0) > ON_OTHER:
        share = _percent(found["heat"]["other classes"])
        flags.append(f"`{name}`: {share} of its heat lies on objects of other classes.")
    for other, leak in found["leaks"].items():
        if leak > LEAK:
            flags.append(
                f"`{name}`: images of `{other}` without it raise its score by {leak:.2f} on average."
            )
    if (
        found["detailed"] >= FEWEST
        and found["drop_hot"] is not None
        and found["drop_hot"] <= found["drop_random"]
    ):
        flags.append(
            f"`{name}`: erasing the hottest part costs no more score ({found['drop_hot']:.2f}) than erasing "
            f"a random part ({found['drop_random']:.2f}): the heat does not show what the score rests on."
        )
    return flags


def _overall_flags(overall: Mapping[str, Any]) -> list[str]:
    same = overall["random_all"]
    if same is None or same <= SAME:
        return []
    return [
        f"Heatmaps of a network with random weights look much the same (rank correlation {same:.2f}): they "
        "show the image, not what was learnt."
    ]


def _sigmoid(logit: float) -> float:
    return float(1 / (1 + np.exp(-logit)))


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
