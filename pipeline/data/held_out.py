"""Training images that no training learns from: their scores show how each training goes."""

from collections.abc import Mapping, Set
from pathlib import Path

from pipeline import paths
from pipeline.data.manifest import Manifest, Sample
from pipeline.data.val_split import choose_val

HELD_OUT_MAP, HELD_OUT_MIOU = "held_out_map", "held_out_miou"  # columns of curve.csv


def choose_held_out(manifest: Manifest, groups: Mapping[str, str], share: float, seed: int) -> list[str]:
    """Names of about `share` of the training images, with about `share` of each class; see `choose_val`.

    Args:
        groups: by name; images of one group stay together.
        share: 0 holds none out.
    """
    if share == 0:
        return []
    train = manifest.split("train")
    labels = {sample.name: [manifest.classes[label] for label in sample.labels] for sample in train}
    chosen = choose_val(labels, share, seed, groups=groups)
    return [sample.name for sample in train if sample.name in chosen]


def read_held_out(prepared: Path) -> frozenset[str]:
    """The names that `prepare` wrote; none without its file."""
    file = prepared / paths.HELD_OUT
    return frozenset(file.read_text(encoding="utf-8").splitlines() if file.exists() else [])


def part_held_out(manifest: Manifest, names: Set[str]) -> tuple[list[Sample], list[Sample]]:
    """The training images that are learnt from, and those that are held out."""
    train = manifest.split("train")
    return [s for s in train if s.name not in names], [s for s in train if s.name in names]
