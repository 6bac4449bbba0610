"""Chooses a val split for data without one."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

Unit = tuple[str, str]  # a group and nothing, or nothing and a sample


def choose_val(
    labels: Mapping[str, Sequence[str]],
    share: float,
    seed: int,
    train: Iterable[Sequence[str]] = (),
    groups: Mapping[str, str] | None = None,
) -> frozenset[str]:
    """Names of about `share` of the samples, with about `share` of each class, chosen by the seed.

    From the rarest class to the most common, then the background images, each takes its share of the samples
    that no rarer class has decided on. The order of `labels` does not matter. Each class keeps a sample in
    train, where the samples with the labels `train` stay. The result is empty if no sample can be spared.

    Args:
        groups: by name; samples of one group stay together, and a class takes a group where that brings it
            nearer to its share.

    Source: the order is that of Sechidis et al. 2011, On the Stratification of Multi-Label Data, section 4.
    Deviation: a class is decided on as a whole, and not re-ranked after every sample.
    """
    units: dict[Unit, list[str]] = {}
    for name in labels:
        group = (groups or {}).get(name, "")
        units.setdefault((group, "" if group else name), []).append(name)
    # Background images are a class of their own, "".
    classes = {unit: _count([labels[name] for name in names]) for unit, names in units.items()}
    total = _count(labels.values())
    remaining = total + _count(train)  # in train
    order = sorted(units, key=lambda unit: hashlib.sha256(f"{seed}:{''.join(unit)}".encode()).digest())
    showing: dict[str, list[Unit]] = defaultdict(list)
    for unit in order:
        for name in classes[unit]:
            showing[name].append(unit)
    decided, chosen, counts = set[Unit](), set[Unit](), Counter[str]()
    for name in sorted(total, key=lambda name: (name == "", total[name], name)):
        members = [unit for unit in showing[name] if unit not in decided]
        decided.update(members)
        for unit in members:
            nearer = counts[name] + classes[unit][name] / 2 < round(share * total[name])
            if nearer and _can_spare(classes[unit], remaining):
                chosen.add(unit)
                counts.update(classes[unit])
                remaining.subtract(classes[unit])
    if not chosen:
        chosen.update([unit for unit in order if _can_spare(classes[unit], remaining)][:1])
    return frozenset(name for unit in chosen for name in units[unit])


def _count(samples: Iterable[Sequence[str]]) -> Counter[str]:
    return Counter(name for names in samples for name in tuple(names) or ("",))


def _can_spare(classes: Mapping[str, int], remaining: Mapping[str, int]) -> bool:
    return all(remaining[name] > count for name, count in classes.items())
