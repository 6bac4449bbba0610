"""Decisions of people on masks and labels: reads them, and does what they say to the files of the project."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pipeline import paths
from pipeline.base.files import read_json, write_bytes, write_csv
from pipeline.base.lock import held_lock
from pipeline.base.problems import printable
from pipeline.base.work_folder import WORK, digest
from pipeline.data.corrections.store import (
    keep_replaced,
    remove_corrections,
    store_corrections,
    stored_classes,
)
from pipeline.data.decisions import (
    KINDS,
    NO_TRAINING,
    Decision,
    DecisionKind,
    label_text,
    read_decisions,
    write_decisions,
)
from pipeline.data.images import IGNORE, Mask, resize_mask
from pipeline.data.manifest import Manifest, Sample
from pipeline.errors import UserError
from pipeline.report.review_images import ReviewSource, view_size
from pipeline.workflows.reviewed_masks import (
    ReviewedMask,
    checked_correction,
    corrected_mask,
    correction_file,
    pseudo_mask_of,
)

REPLACED = paths.REVIEW / "replaced"  # a store of the corrections that decisions took the place of
WRONG_LABELS = paths.REVIEW / "wrong_labels.csv"
TRUSTED = ("accepted", "painted")
OF_TRAINING = (*TRUSTED, "rejected")
ADVICE = "Reload the page, or build it again (camseg review), and decide anew"


@dataclass(frozen=True)
class NewDecision:
    """What the page says of one image."""

    name: str
    decision: DecisionKind | None  # None: the earlier one is taken back
    shown: str  # SHA-256 of the file of the mask that the person saw
    painted: Mask | None  # (h, w) as large as on the page


def parse_decision(raw: Any, samples: Mapping[str, Sample], classes: int) -> NewDecision:
    """A decision from JSON, checked against the data set.

    Raises:
        UserError: it is none, or does not fit the image.
    """
    if not isinstance(raw, dict) or set(raw) != {"name", "decision", "shown", "painted"}:
        raise UserError("expected a decision with name, decision, shown and painted, got something else")
    name, kind, shown = raw["name"], raw["decision"], raw["shown"]
    if not isinstance(name, str) or name not in samples:
        raise UserError(f"expected an image of the data set, got {printable(str(name)[:200])!r}. {ADVICE}")
    if kind is not None and kind not in KINDS:
        raise UserError(f"{printable(name)}: expected one of {', '.join(KINDS)}, got {str(kind)[:50]!r}")
    if not isinstance(shown, str) or (kind == "painted") != (raw["painted"] is not None):
        raise UserError(f"{printable(name)}: expected a painted mask for `painted` alone, and a digest")
    sample = samples[name]
    if kind in OF_TRAINING and sample.split != "train":
        raise UserError(f"{printable(name)}: expected a training image, got one of {sample.split}: it scores")
    painted = None if raw["painted"] is None else parse_runs(raw["painted"], sample, classes)
    return NewDecision(name, kind, shown, painted)


def parse_runs(runs: Any, sample: Sample, classes: int) -> Mask:
    """A mask (h, w) of the size on the page from [id, pixels, id, pixels, ...], row after row."""
    size = view_size(sample)
    numbers = isinstance(runs, list) and len(runs) % 2 == 0 and all(type(value) is int for value in runs)
    ids, lengths = (runs[::2], runs[1::2]) if numbers else ([], [])
    known = all(0 <= i <= classes or i == IGNORE for i in ids)
    if not known or any(n < 1 for n in lengths) or sum(lengths) != size[0] * size[1]:
        expected = f"ids 0..{classes} or {IGNORE} at {size[0]} x {size[1]} pixels"
        raise UserError(f"{printable(sample.name)}: expected a painted mask with {expected}, got another one")
    return np.repeat(np.array(ids, np.uint8), lengths).reshape(size)


class DecisionFile(NamedTuple):
    """What the page gave to download."""

    masks: str  # the folder of masks that the page showed
    decisions: list[Any]  # not yet checked


def read_decision_file(file: Path) -> DecisionFile:
    """The decisions in a file that the page gave to download.

    Raises:
        UserError: it is another file.
    """
    raw = read_json(file)
    match raw:
        case {"camseg": "decisions 1", "masks": str(masks), "decisions": list(decisions)}:
            return DecisionFile(masks, decisions)
    raise UserError(f"{file}: expected decisions that the review page saved, got something else")


@dataclass
class Decider:
    """Does what decisions say: trusted masks to `data/corrections`, all else to `data/review`."""

    manifest: Manifest
    source: ReviewSource
    samples: dict[str, Sample] = field(init=False)

    def __post_init__(self) -> None:
        self.samples = {sample.name: sample for sample in self.manifest.samples}

    def decide(self, raw: Any) -> Sample:
        """Do what one decision says, whole or not at all; returns its image.

        Raises:
            UserError: it is no decision, or its mask is not the one that the person saw.
        """
        new = parse_decision(raw, self.samples, len(self.manifest.classes))
        sample = self.samples[new.name]
        with deciding():
            order = stored_classes(paths.CORRECTIONS, self.manifest.classes)
            seen = self._seen(sample, new.shown) if new.decision in OF_TRAINING else None
            png = self._trusted_png(sample, new, seen, order) if seen and new.decision in TRUSTED else None
            decisions = read_decisions(paths.DECISIONS)
            take_back(sample, decisions.pop(new.name, None), new.decision)
            written = carry_out(sample, new, png, order)
            if new.decision is not None:
                labels = label_text(sample, self.manifest.classes)
                decisions[new.name] = Decision(new.name, new.decision, labels, written)
            write_decisions(paths.DECISIONS, decisions)
            write_wrong_labels(self.samples, decisions)
        return sample

    def _trusted_png(
        self, sample: Sample, new: NewDecision, seen: ReviewedMask, order: Sequence[str]
    ) -> bytes:
        """The mask that the person accepted or painted, as `data/corrections` keeps it."""
        mask = seen.ids if new.painted is None else paint_over(seen.ids, new.painted)
        mask = resize_mask(mask, sample.original_size)
        return checked_correction(sample, mask, self.source.manifest, order, self.source.max_megapixels)

    def _seen(self, sample: Sample, shown: str) -> ReviewedMask:
        """The mask that the person saw: it is there now, or was before an earlier decision of this page."""
        for folder in (paths.CORRECTIONS, REPLACED):
            mask = corrected_mask(sample, self.source.manifest, self.source.max_megapixels, folder)
            if mask and mask.sha256 == shown:
                return mask
        mask = pseudo_mask_of(paths.MASKS / self.source.masks, sample)
        if mask is None or mask.sha256 != shown:
            raise UserError(
                f"{printable(sample.name)}: its mask has changed since the page showed it. {ADVICE}"
            )
        return mask


@contextmanager
def deciding() -> Iterator[None]:
    """One decision at a time, whichever thread or command takes it: each writes the list of all anew."""
    with held_lock(WORK / "decision", f"{paths.DECISIONS}: another command takes a decision"):
        yield


def carry_out(sample: Sample, new: NewDecision, png: bytes | None, order: Sequence[str]) -> str:
    """Write the trusted mask, or take one away; the SHA-256 of what was written, empty if nothing was."""
    if new.decision in NO_TRAINING:
        set_aside(sample, order)
    if png is None or (correction_file(sample).is_file() and correction_file(sample).read_bytes() == png):
        return ""
    set_aside(sample, order)
    store_corrections(paths.CORRECTIONS, {sample.name: png}, order)
    return digest(png)


def paint_over(mask: Mask, painted: Mask) -> Mask:
    """`mask` (H, W) where the page, which shows it smaller, has other ids after painting (h, w)."""
    changed = painted != resize_mask(mask, painted.shape)
    large = resize_mask(changed.astype(np.uint8), mask.shape).astype(bool)
    return np.where(large, resize_mask(painted, mask.shape), mask)


def set_aside(sample: Sample, order: Sequence[str]) -> None:
    """Move the corrected mask of a sample out of `data/corrections`, if it has one: it is kept."""
    if correction_file(sample).is_file():
        store_corrections(REPLACED, {sample.name: correction_file(sample).read_bytes()}, order)
        remove_corrections(paths.CORRECTIONS, [sample.name])


def take_back(sample: Sample, decision: Decision | None, then: DecisionKind | None) -> None:
    """Bring `data/corrections` back to before `decision`, unless somebody has changed it since.

    A painted mask is kept, unless the decision that follows it, `then`, is to paint further.
    """
    file = correction_file(sample)
    if decision is None:
        return
    if file.is_file() and decision.correction == digest(file.read_bytes()):
        if decision.decision == "painted" and then != "painted":
            keep_replaced(REPLACED, sample.name, file.read_bytes())
        remove_corrections(paths.CORRECTIONS, [sample.name])
    if not file.is_file() and correction_file(sample, REPLACED).is_file():
        write_bytes(file, correction_file(sample, REPLACED).read_bytes())
        remove_corrections(REPLACED, [sample.name])


def write_wrong_labels(samples: Mapping[str, Sample], decisions: Mapping[str, Decision]) -> None:
    """Write the list of wrong labels for the owner of the labels."""
    wrong = [d for d in decisions.values() if d.decision == "wrong-label" and d.name in samples]
    rows = [
        {"name": d.name, "image": samples[d.name].image, "split": samples[d.name].split, "labels": d.labels}
        for d in sorted(wrong, key=lambda d: d.name)
    ]
    write_csv(WRONG_LABELS, ("name", "image", "split", "labels"), rows)
