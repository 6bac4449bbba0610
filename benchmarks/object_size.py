"""How large objects are by the cells of a classifier, with images without labels and with the others alone.

    python -m benchmarks.object_size PROJECT [PROJECT ...]

Each PROJECT is a run with its classifier. The second line of a set leaves the images without labels out: then
images of other classes are those without a class.
"""

import argparse
from contextlib import chdir
from pathlib import Path

from pipeline import paths
from pipeline.base.process import prepare_process
from pipeline.data.manifest import read_manifest
from pipeline.heatmaps.cell_evidence import measure_evidence
from pipeline.heatmaps.evidence import Evidence
from pipeline.params import load_params
from pipeline.workflows.training_heatmaps import heatmap_classifier

COLUMNS = ("area", "area_low", "area_high", "elevation", "recognised", "small")


def main() -> None:
    """Print two lines for each project."""
    prepare_process()
    parser = argparse.ArgumentParser("benchmarks.object_size", description=__doc__.partition("\n")[0])
    parser.add_argument("projects", nargs="+", type=Path, metavar="PROJECT")
    print(f"{'training images':40}" + "".join(f"{name:>12}" for name in COLUMNS), flush=True)
    for project in parser.parse_args().projects:
        with chdir(project):
            measure(project.name)


def measure(name: str) -> None:
    """Print what all training images of a project say, and those with labels."""
    params, manifest = load_params(), read_manifest(paths.PREPARED)
    train, net = manifest.split("train"), heatmap_classifier()
    labelled = [sample for sample in train if sample.labels]
    for kind, samples in ("all", train), ("with labels", labelled):
        found = measure_evidence(net, manifest, samples, params.heatmaps, params.working_side())
        print(line(f"{name}, {kind}: {len(samples)}", found), flush=True)


def line(title: str, found: Evidence) -> str:
    """A line of the table."""
    *numbers, small = (getattr(found, name) for name in COLUMNS)
    return f"{title:40}" + "".join(f"{number:12.3f}" for number in numbers) + f"{small!s:>12}"


if __name__ == "__main__":
    main()
