"""Do the tests notice when a joint breaks? Mutants of the modules that join the rooms, drawn by chance.

    pip install cosmic-ray
    python -m benchmarks.mutations

cosmic-ray names all mutants of the modules in `JOINTS`. The bench draws some of them with a seed, puts each
into a copy of the project and runs the tests that hold the joints. A mutant is killed when a test turns red.
The table and the list of all drawn mutants go to `benchmarks/mutations.csv`; a survivor is killed by a new
test, or its row says why it changes nothing.
"""

import argparse
import csv
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from tqdm import tqdm

from pipeline.base.files import write_csv

ROOT = Path(__file__).parent.parent
LIST = ROOT / "benchmarks" / "mutations.csv"
COPIED = ("pipeline", "tests", "benchmarks", "camseg", "docs", "dvc.yaml", "params.yaml", "pyproject.toml")
SECONDS = 1800  # that the tests of one mutant may take; a mutant that takes longer does not count as killed
# Room -> what joins it to others.
JOINTS = {
    "stages": ("*.py",),
    "workflows": ("*.py",),
    "engine": ("training_loop.py", "mapping.py"),
    "classifier": ("classifier_training.py",),
    "heatmaps": ("dataset.py", "multi_scale.py"),
    "masks": ("pseudo_masks.py", "otsu_threshold.py"),
    "segmentation": ("segmentation_training.py", "prediction.py", "objective.py", "mean_teacher.py"),
}


@dataclass(frozen=True)
class Mutant:
    """One change of one module, as cosmic-ray numbers them."""

    module: str  # path from the root
    operator: str
    occurrence: int  # of the operator in the module
    line: int


@dataclass(frozen=True)
class Outcome:
    """A mutant, what it changes, and whether a test noticed."""

    mutant: Mutant
    change: str  # the changed line
    outcome: str  # killed | survived | timed out


def main() -> None:
    """Draw the mutants, try each, and print the share that is killed."""
    arguments = parse()
    mutants = list(all_mutants())
    drawn = random.Random(arguments.seed).sample(mutants, arguments.count)
    print(f"{len(mutants)} mutants, {len(drawn)} drawn with seed {arguments.seed}")
    with ThreadPoolExecutor(arguments.jobs) as pool:
        unchanged = pool.submit(run_unchanged)
        outcomes = list(tqdm(pool.map(try_mutant, drawn), total=len(drawn), unit="mutant"))
    if unchanged.result() != "survived":  # else every mutant would count as killed
        raise SystemExit(f"error: expected green tests without a mutant, got: {unchanged.result()}")
    write_list(outcomes)
    for outcome in outcomes:
        if outcome.outcome != "killed":
            print(f"{outcome.outcome}: {outcome.mutant.module}:{outcome.mutant.line}: {outcome.change}")
    killed = sum(outcome.outcome == "killed" for outcome in outcomes)
    print(f"killed: {killed} of {len(outcomes)} ({killed / len(outcomes):.2f}); written: {LIST}")


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        "benchmarks.mutations", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=50, help="mutants to draw (default: 50)")
    parser.add_argument("--seed", type=int, default=0, help="of the draw (default: 0)")
    parser.add_argument("--jobs", type=int, default=2, help="mutants tried side by side (default: 2)")
    return parser.parse_args()


def modules() -> Iterator[Path]:
    """The modules of `JOINTS`, from the root."""
    for room, patterns in JOINTS.items():
        for pattern in patterns:
            yield from sorted(path.relative_to(ROOT) for path in (ROOT / "pipeline" / room).glob(pattern))


def all_mutants() -> Iterator[Mutant]:
    """Every mutant that cosmic-ray makes of the modules, in a fixed order."""
    from cosmic_ray.ast import ast_nodes, get_ast_from_path  # here, since only this bench needs it
    from cosmic_ray.plugins import get_operator, operator_names

    operators = {name: get_operator(name) for name in sorted(operator_names())}
    for module in modules():
        tree = get_ast_from_path(ROOT / module)
        for name, operator in operators.items():
            if operator.arguments():
                continue
            places = [place for node in ast_nodes(tree) for place in operator().mutation_positions(node)]
            for occurrence, (start, _) in enumerate(places):
                yield Mutant(module.as_posix(), name, occurrence, start[0])


def run_unchanged() -> str:
    """What becomes of the project without a mutant: it has to survive."""
    with copied_project() as project:
        return run_tests(project, *JOINTS)


def try_mutant(mutant: Mutant) -> Outcome:
    """Run the tests on a copy of the project with the mutant in it."""
    from cosmic_ray.mutating import mutate_code
    from cosmic_ray.plugins import get_operator

    before = (ROOT / mutant.module).read_text(encoding="utf-8")
    after = mutate_code(before, get_operator(mutant.operator)(), mutant.occurrence)
    with copied_project() as project:
        (project / mutant.module).write_text(after, encoding="utf-8")
        return Outcome(mutant, changed_line(before, after), run_tests(project, Path(mutant.module).parts[1]))


@contextmanager
def copied_project() -> Iterator[Path]:
    """A copy of what the tests need."""
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "project"
        project.mkdir()
        for name in COPIED:
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            copy(ROOT / name, project / name)
        yield project


def run_tests(project: Path, *rooms: str) -> str:
    """The outcome of the golden tests and of those of the rooms; those that kill most come first."""
    folders = [f"tests/{name}" for name in dict.fromkeys(("golden", *rooms, "stages", "workflows"))]
    present = [name for name in folders if (project / name).is_dir()]
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-x",
        "-m",
        "not slow",
        "-p",
        "no:cacheprovider",
        *present,
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    try:
        tests = subprocess.run(
            command, cwd=project, env=environment, capture_output=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return "timed out"
    return "killed" if tests.returncode else "survived"


def changed_line(before: str, after: str) -> str:
    """The first line that differs, as it was and as it is."""
    pairs = zip(before.splitlines(), after.splitlines(), strict=False)
    old, new = next((pair for pair in pairs if pair[0] != pair[1]), ("", ""))
    return f"{old.strip()} -> {new.strip()}"


def write_list(outcomes: list[Outcome]) -> None:
    """Write all drawn mutants; notes on survivors that an earlier list has are kept."""
    notes = {}
    if LIST.exists():
        with LIST.open(newline="", encoding="utf-8") as file:
            notes = {(row["module"], row["change"]): row["note"] for row in csv.DictReader(file)}
    rows = [
        {
            **asdict(outcome.mutant),
            "change": outcome.change,
            "outcome": outcome.outcome,
            "note": notes.get((outcome.mutant.module, outcome.change), ""),
        }
        for outcome in outcomes
    ]
    write_csv(LIST, list(rows[0]), rows)


if __name__ == "__main__":
    main()
