"""A val split for data that names none."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence


def choose_val(
    labels: Mapping[str, Sequence[str]], share: float, seed: int, train: Iterable[Sequence[str]] = ()
) -> frozenset[str]:
    """Names of about `share` of the samples, with about `share` of each class, chosen by the seed.

    From the rarest class to the most common, then the background images, each takes its share of the samples
    that no rarer class has decided on. The order of `labels` does not matter. A class never loses its
    last train sample, those in `train` (labels of samples that stay there) included; the result is empty only
    if that leaves nothing to choose.

    Source: the order is that of Sechidis et al. 2011, On the Stratification of Multi-Label Data, section 4.
    Deviation: a class is decided on as a whole, and not re-ranked after every sample.
    """
    groups = {name: _groups(labels[name]) for name in labels}
    total = Counter(group for members in groups.values() for group in members)
    left = total + Counter(group for members in train for group in _groups(members))  # what train keeps
    undecided = sorted(labels, key=lambda name: hashlib.sha256(f"{seed}:{name}".encode()).digest())
    order, chosen, taken = list(undecided), set[str](), Counter[str]()
    for group in sorted(total, key=lambda group: (group == "", total[group], group)):
        members = [name for name in undecided if group in groups[name]]
        undecided = [name for name in undecided if group not in groups[name]]
        for name in members:
            if taken[group] < round(share * total[group]) and _spare(groups[name], left):
                chosen.add(name)
                taken.update(groups[name])
                left.subtract(groups[name])
    if not chosen:
        chosen.update([name for name in order if _spare(groups[name], left)][:1])
    return frozenset(chosen)


def _groups(labels: Sequence[str]) -> tuple[str, ...]:
    """The classes of a sample; background images are a group of their own, ""."""
    return tuple(labels) or ("",)


def _spare(groups: Sequence[str], left: Mapping[str, int]) -> bool:
    return all(left[group] > 1 for group in groups)
