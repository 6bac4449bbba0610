"""The diagnosis of a classifier: did it learn the true features? Puts measures of single images together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.data.arrays import ShownClasses
from pipeline.evaluation.localisation import REGIONS
from pipeline.evaluation.means import mean_present, score_or_none

FEWEST = 8  # images that a class, or a pair of classes, needs before anything is said about it
CONTEXT = 0.25  # share of a class's evidence that its surroundings may give
ON_OTHER = 0.25  # share of the heatmap that may lie on another class of the image
LEAK = 0.25  # how much another class may raise the mean probability of an absent one
SAME = 0.5  # rank correlation of heatmaps up to which weights count as having mattered

NAN = float("nan")

Logits = NDArray[np.floating[Any]]  # (N, C)


@dataclass(frozen=True)
class ImageDiagnosis:
    """What was measured for one class that one image shows; NaN or None where it was not."""

    name: str  # of the sample
    label: int  # class index
    logit: float
    painted_logit: float = NAN  # with all objects painted over
    hit: bool | None = None  # of the pointing game
    shares: tuple[float, ...] = (NAN,) * len(REGIONS)  # of the heatmap, by region
    insertion: float = NAN  # area under the curve, [0, 1]
    deletion: float = NAN
    drop_hot: float = NAN  # of the probability, when the hottest part is erased
    drop_random: float = NAN  # ... a random part of the same shape
    random_head: float = NAN  # rank correlation with the heatmap of a network with another last layer
    random_all: float = NAN  # ... with other weights everywhere

    @property
    def probability(self) -> float:
        """Probability of the class."""
        return float(_sigmoid(self.logit))

    @property
    def painted_probability(self) -> float:
        """Probability of the class with all objects painted over."""
        return float(_sigmoid(self.painted_logit))


def most_doubtful(diagnoses: Sequence[ImageDiagnosis], count: int) -> list[ImageDiagnosis]:
    """The `count` images that still show the class most when all objects are painted over.

    Without masks: the images where the heatmap counts least.
    """

    def key(diagnosis: ImageDiagnosis) -> tuple[float, float, str]:
        order = -diagnosis.painted_logit, diagnosis.drop_hot - diagnosis.drop_random
        painted, gain = (np.inf if np.isnan(value) else value for value in order)
        return painted, gain, diagnosis.name

    return sorted(diagnoses, key=key)[:count]


def diagnose(
    classes: Sequence[str],
    labels: ShownClasses,
    logits: Logits,
    backgrounds: Logits,
    diagnoses: Sequence[ImageDiagnosis],
) -> dict[str, Any]:
    """The diagnosis as it is written: per class and overall, and a sentence for each suspicion.

    Args:
        labels: (N, C), the classes that each image shows.
        logits: (N, C), of the classifier.
        backgrounds: (N, C), logits with all objects painted over; NaN without ground truth or background.
        diagnoses: one for each class that an image shows.
    """
    per_class = {}
    probabilities = _sigmoid(logits)
    for index, name in enumerate(classes):
        of_class = [diagnosis for diagnosis in diagnoses if diagnosis.label == index]
        per_class[name] = _class_measures(of_class, backgrounds[~labels[:, index], index])
        per_class[name]["leaks"] = _leaks(index, classes, labels, probabilities)
    overall = _means(diagnoses) | {name: _mean(diagnoses, name) for name in ("random_head", "random_all")}
    flags = [sentence for name, measures in per_class.items() for sentence in _flags(name, measures)]
    return {
        "classes": per_class,
        "overall": overall,
        "flags": flags + _overall_flags(overall),
        "images": len(labels),
    }


def context_share(absent: Logits, shown: Logits, painted: Logits) -> float:
    """The context: the share of a class's evidence that lies in its surroundings; NaN without evidence.

    `(mean painted - mean absent) / (mean shown - mean absent)`: 0 where the surroundings of the class say as
    much as other surroundings, 1 where the objects do not matter. May lie outside of [0, 1].

    Args:
        absent: logits (A,) of the class in images without it, all objects painted over: so neither the other
            objects, which speak against the class, nor the paint count as its surroundings.
        shown: logits (P,) in images with it.
        painted: logits (P,) in the same images, all objects painted over.

    Source: the idea of testing backgrounds alone is that of Xiao et al. 2020, arXiv:2006.09994; logits are
    additive in the features of a GAP + FC head, so differences of their means are shares of evidence.
    """
    if not len(absent) or not len(shown):
        return NAN
    evidence = shown.mean() - absent.mean()
    return float((painted.mean() - absent.mean()) / evidence) if evidence > 0 else NAN


def _class_measures(diagnoses: Sequence[ImageDiagnosis], absent: Logits) -> dict[str, Any]:
    """All means of a class; `absent` are its logits on backgrounds of images without it."""
    with_mask = [diagnosis for diagnosis in diagnoses if not np.isnan(diagnosis.painted_logit)]
    shown = np.array([diagnosis.logit for diagnosis in with_mask])
    painted = np.array([diagnosis.painted_logit for diagnosis in with_mask])
    return _means(diagnoses) | {
        "context": score_or_none(context_share(absent[~np.isnan(absent)], shown, painted)),
        "images": len(diagnoses),
        "with_mask": len(with_mask),
        "detailed": sum(not np.isnan(diagnosis.drop_hot) for diagnosis in diagnoses),
    }


def _means(diagnoses: Sequence[ImageDiagnosis]) -> dict[str, Any]:
    hits = np.array([NAN if diagnosis.hit is None else diagnosis.hit for diagnosis in diagnoses], np.float64)
    shares = np.array([diagnosis.shares for diagnosis in diagnoses], np.float64).reshape(-1, len(REGIONS))
    means = [score_or_none(mean_present(column)) for column in shares.T]
    return {
        "pointing_game": score_or_none(mean_present(hits)),
        "heat": dict(zip(REGIONS, means, strict=True)),
    } | {name: _mean(diagnoses, name) for name in ("insertion", "deletion", "drop_hot", "drop_random")}


def _mean(diagnoses: Sequence[ImageDiagnosis], field: str) -> float | None:
    return score_or_none(mean_present(np.array([getattr(d, field) for d in diagnoses], np.float64)))


def _leaks(
    index: int, classes: Sequence[str], labels: ShownClasses, probabilities: Logits
) -> dict[str, float]:
    """How much each other class raises the mean probability of this class where it is absent.

    Mean over images that show the other class, less the mean over images that show neither; pairs with too
    few images are left out.
    """
    leaks = {}
    absent, values = ~labels[:, index], probabilities[:, index]
    for other, name in enumerate(classes):
        beside, neither = absent & labels[:, other], absent & ~labels[:, other]
        if other != index and min(beside.sum(), neither.sum()) >= FEWEST:
            leaks[name] = round(float(values[beside].mean() - values[neither].mean()), 6)
    return leaks


def _flags(name: str, measures: Mapping[str, Any]) -> list[str]:
    """A sentence for each suspicion about one class."""
    flags = []
    context, hot, random = (measures[key] for key in ("context", "drop_hot", "drop_random"))
    on_object, on_other = (measures["heat"][region] or 0 for region in ("object", "other classes"))
    enough_masks = measures["with_mask"] >= FEWEST
    if enough_masks and (context or 0) > CONTEXT:
        flags.append(
            f"`{name}`: {_percent(context)} of its evidence stays with all objects painted over, and "
            f"{_percent(1 - on_object)} of its heat lies beside its own objects: the classifier reads the "
            "surroundings."
        )
    if enough_masks and on_other > ON_OTHER:
        flags.append(f"`{name}`: {_percent(on_other)} of its heat lies on objects of other classes.")
    flags += [
        f"`{name}`: images of `{other}` without it raise its probability by {leak:.2f} on average."
        for other, leak in measures["leaks"].items()
        if leak > LEAK
    ]
    if measures["detailed"] >= FEWEST and hot is not None and hot <= random:
        flags.append(
            f"`{name}`: erasing the hottest part lowers its probability no more ({hot:.2f}) than erasing a "
            f"random part ({random:.2f}): the heat does not show what the probability rests on."
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


def _sigmoid(logits: Any) -> Any:
    with np.errstate(over="ignore"):  # 1 / infinity is 0
        return 1 / (1 + np.exp(-logits))


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
