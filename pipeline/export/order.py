"""The order in which masks are worth correcting."""

from collections import Counter, defaultdict, deque
from collections.abc import Iterable

from pipeline.export.items import ExportItem

BACKGROUND = -1  # beside class indices


def correction_order(items: Iterable[ExportItem]) -> tuple[ExportItem, ...]:
    """The items with the most doubtful masks first, the classes in turn; then settled items, by name.

    It is the turn of the class that came up least so far; of several such classes, of the one with the most
    doubtful mask. An image counts for each of its labels, and one without labels for the background.
    """
    doubtful_first = sorted(items, key=_by_confidence)
    settled = sorted((item for item in doubtful_first if _is_settled(item)), key=lambda item: item.name)
    turns = Counter(label for item in settled for label in _turns_of(item))
    queues: dict[int, deque[ExportItem]] = defaultdict(deque)
    for item in (item for item in doubtful_first if not _is_settled(item)):
        for label in _turns_of(item):
            queues[label].append(item)
    ordered: dict[str, ExportItem] = {}
    while queues:
        label = min(queues, key=lambda label: (turns[label], _by_confidence(queues[label][0])))
        item = queues[label].popleft()
        if item.name not in ordered:
            ordered[item.name] = item
            turns.update(_turns_of(item))
        if not queues[label]:
            del queues[label]
    return (*ordered.values(), *settled)


def _is_settled(item: ExportItem) -> bool:
    """Whether there is nothing to correct: the mask was corrected, or is pure background by its labels."""
    return item.corrected or (not item.labels and item.confidence == 1)


def _by_confidence(item: ExportItem) -> tuple[float, str]:
    return item.confidence, item.name


def _turns_of(item: ExportItem) -> tuple[int, ...]:
    return item.labels or (BACKGROUND,)
