"""What the benches of plans and thresholds look at: training images of a project, some or all classes."""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.league_sets import ANY, OBJECT, VIEWS
from pipeline import paths
from pipeline.base.spaced import spaced
from pipeline.data.images import Mask
from pipeline.data.manifest import Manifest, Sample, read_manifest
from pipeline.data.mask_store import load_mask
from pipeline.heatmaps.evidence import Evidence, read_evidence, write_evidence
from pipeline.heatmaps.store import HeatmapStore, write_index, write_shard
from pipeline.params import Params


@dataclass(frozen=True)
class View:
    """Training images of a project with some of its classes, and their heat in a folder of its own."""

    name: str
    manifest: Manifest
    groups: tuple[tuple[int, ...], ...]  # the project's ids of each class
    heat: Path
    evidence: Evidence | None

    def ground_truth(self, sample: Sample) -> Mask:
        """The true mask of a scored sample, with the ids of the view."""
        ids = np.zeros(256, np.uint8)
        ids[255] = 255
        for number, group in enumerate(self.groups):
            ids[[i + 1 for i in group]] = number + 1
        return np.asarray(ids[load_mask(paths.GROUND_TRUTH, sample)])


def view_parser(name: str, description: str, images: int) -> argparse.ArgumentParser:
    """The command line of a bench of views; `images` are its default."""
    parser = argparse.ArgumentParser(
        name, description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("projects", nargs="+", type=Path, metavar="PROJECT")
    of_each = "training images of each set (default: %(default)s)"
    parser.add_argument("--images", type=int, default=images, metavar="N", help=of_each)
    parser.add_argument("--views", action="store_true", help="also fewer classes of each project")
    parser.add_argument("--labelled", action="store_true", help="leave images without labels out")
    return parser


def views(params: Params, given: argparse.Namespace, folder: Path) -> Iterator[View]:
    """The classes of the project, and its views; their heat goes to `folder`."""
    whole, method = read_manifest(paths.PREPARED), params.heatmaps.methods[0]
    source = paths.HEATMAPS / method
    folder_of_images = Path.cwd() if params.data.source == "scenes" else Path(params.data.path)
    name, classes = folder_of_images.name, whole.classes
    usable = [s for s in whole.split("train") if (s.score if s.labels else not given.labelled)]
    chosen = spaced(usable, given.images)
    each = VIEWS.get(name, (ANY, *classes)) if given.views and len(classes) > 1 else ()
    wanted = {name: {c: (i,) for i, c in enumerate(classes)}}
    every = {OBJECT: tuple(range(len(classes)))}
    wanted |= {f"{name}.{view}": every if view == ANY else {view: (classes.index(view),)} for view in each}
    for view, groups in wanted.items():
        yield make_view(view, whole, chosen, groups, source, folder / view / "heat")


def make_view(
    name: str,
    whole: Manifest,
    chosen: Sequence[Sample],
    groups: dict[str, tuple[int, ...]],
    source: Path,
    target: Path,
) -> View:
    """Write the heat of a view, the largest of the classes that become one."""
    store, samples, heat = HeatmapStore(source), [], {}
    for sample in chosen:
        stored = dict(zip(sample.labels, store.read(sample), strict=False))
        merged = [[stored[i] for i in group if i in stored] for group in groups.values()]
        labels = tuple(i for i, maps in enumerate(merged) if maps)
        if labels:
            heat[sample.name] = np.stack([np.max(merged[i], axis=0) for i in labels])
        samples.append(replace(sample, labels=labels))
    target.mkdir(parents=True)
    write_shard(target, 0, heat)
    write_index(target, [list(heat)])
    evidence = read_evidence(source)
    if evidence is not None:
        write_evidence([target], evidence)
    manifest = replace(whole, classes=tuple(groups), samples=tuple(samples))
    return View(name, manifest, tuple(groups.values()), target, evidence)


def blocks(view: View) -> list[Sequence[Sample]]:
    """Few images for each worker at a time."""
    samples = view.manifest.samples
    return [samples[start : start + 16] for start in range(0, len(samples), 16)]
