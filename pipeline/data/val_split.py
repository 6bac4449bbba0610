"""Chooses a val split for data without one."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence


def choose_val(
    labels: Mapping[str, Sequence[str]], share: float, seed: int, train: Iterable[Sequence[str]] = ()
) -> frozenset[str]:
    """Names of about `share` of the samples, with about `share` of each class, chosen by the seed.

    From the rarest class to the most common, then the background images, each takes its share of the samples
    that no rarer class has decided on. The order of `labels` does not matter. Each class keeps a sample in
    train, where the samples with the labels `train` stay. The result is empty if no sample can be spared.

    Source: the order is that of Sechidis et al. 2011, On the Stratification of Multi-Label Data, section 4.
    Deviation: a class is decided on as a whole, and not re-ranked after every sample.
    """
    # Background images are a group of their own, "".
    groups = {name: tuple(classes) or ("",) for name, classes in labels.items()}
    total = Counter(group for members in groups.values() for group in members)
    remaining = total + Counter(group for classes in train for group in tuple(classes) or ("",))  # in train
    undecided = sorted(labels, key=lambda name: hashlib.sha256(f"{seed}:{name}".encode()).digest())
    order, chosen, counts = list(undecided), set[str](), Counter[str]()
    for group in sorted(total, key=lambda group: (group == "", total[group], group)):
        members = [name for name in undecided if group in groups[name]]
        undecided = [name for name in undecided if group not in groups[name]]
        for name in members:
            if counts[group] < round(share * total[group]) and _can_spare(groups[name], remaining):
                chosen.add(name)
                counts.update(groups[name])
                remaining.subtract(groups[name])
    if not chosen:
        chosen.update([name for name in order if _can_spare(groups[name], remaining)][:1])
    return frozenset(chosen)


def _can_spare(groups: Sequence[str], remaining: Mapping[str, int]) -> bool:
    return all(remaining[group] > 1 for group in groups)
