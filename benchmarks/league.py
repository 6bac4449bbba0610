"""Variants of the pipeline on many data sets: classifier, heatmaps, masks and models in one table.

    python -m benchmarks.league ../cracks ../leaves --weights ../mobilenet_v2.safetensors --views
    python -m benchmarks.league scenes --until make_pseudo_masks --variant "one: heatmaps.scales=[1.0]"
    python -m benchmarks.league ../cells ../tissue --use "tissue: --no-background --weights none" --seeds 3

Each run is a copy of the project under .work/league/SET, in which `dvc repro` runs. All copies share one DVC
cache: a stage that two variants have in common runs once, and the same command goes on after an interruption.
The first variant, `shipped`, is params.yaml as `camseg use` sets it up.

--views adds views of each folder with several classes: all classes as one (`any`), and each class against the
rest. A csv folder with masks needs classes.txt for it. For some names of folders, benchmarks/league_sets.py
says which views count.

Scores of heatmaps and pseudo-masks are those of scored training images, all others those of `val`. A run that
fails does not stop the others. Writes .work/league/league.csv, a line for each score, and league.md.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.league_sets import LeagueSet, check_names, folder_set, own_options, view_sets
from benchmarks.projects import QUICK, ROOT, SCENES, prepare, stage_seconds, with_absolute_paths
from benchmarks.scores import LAST, STAGES, Scores, class_scores, run
from benchmarks.tables import Outcome, markdown
from benchmarks.variants import Values, Variant, assignment, with_shipped
from pipeline.base.files import write_csv, write_text
from pipeline.commands.fitted_values import QUALITY, SEGMENTATION_PASSES
from pipeline.commands.params_file import with_values
from pipeline.params import load_params

WORK = ROOT / ".work" / "league"
COLUMNS = ("set", "variant", "seed", "masks", "class", "score", "value")  # of league.csv


@dataclass(frozen=True)
class LeagueRun:
    """What one run gave: nothing where it failed."""

    name: str  # of the set
    variant: str
    seed: int
    scores: Scores
    classes: dict[tuple[str, str], Scores]  # by masks and class
    minutes: Scores  # by stage


def main() -> None:
    """Run all sets and variants, print a table, write it as CSV and Markdown; 1 if a run failed."""
    given = parse()
    variants, shared = with_shipped(given.variant), dict(map(assignment, given.set))
    for variant in variants:
        with_values(load_params(ROOT / "params.yaml"), {**shared, **variant.values})  # ends at a wrong key
    sets, failed = all_sets(given), []
    runs: list[LeagueRun] = []
    for seed in range(given.seeds):
        for one in sets:
            for variant in variants:
                print(f"== {one.name}, {variant.name}, seed {seed}", flush=True)
                try:
                    runs.append(league_run(one, variant, {**shared, "seed": seed}, given.until))
                except SystemExit as error:  # of `call`
                    print(error, flush=True)
                    failed.append(str(error))
                    runs.append(LeagueRun(one.name, variant.name, seed, {}, {}, {}))
                write(runs, failed)
    print(f"\n{WORK / 'league.md'}\n\n{headline(runs)}")
    if failed:
        raise SystemExit("\n".join(failed))


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        "benchmarks.league", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folders", nargs="+", metavar="FOLDER", help="as for camseg check, or scenes")
    parser.add_argument("--views", action="store_true", help="also sets of fewer classes of each folder")
    parser.add_argument("--weights", default="pretrained", metavar="W", help="of all folders, see camseg use")
    parser.add_argument(
        "--quality", default=QUALITY, choices=list(SEGMENTATION_PASSES), help="as for camseg use"
    )
    options = "options of camseg use for the folder of this name; may be repeated"
    parser.add_argument("--use", action="append", default=[], metavar="'NAME: --option ...'", help=options)
    parser.add_argument(
        "--variant", action="append", default=[], metavar="'NAME: key=value ...'", help="may be repeated"
    )
    parser.add_argument("--set", nargs="+", default=[], metavar="key=value", help="for all variants")
    parser.add_argument("--seeds", type=int, default=1, metavar="N", help="seeds 0 to N - 1 (default: 1)")
    until = "the last stage to run; later scores stay open (default: all stages)"
    parser.add_argument("--until", choices=STAGES, default=LAST, help=until)
    return parser.parse_args()


def all_sets(given: argparse.Namespace) -> list[LeagueSet]:
    """The set of each folder, followed by its views."""
    options = with_absolute_paths(["--weights", given.weights, "--quality", given.quality])
    of_folders = own_options(given.use, given.folders)
    wholes = [folder_set(text, options, of_folders) for text in given.folders]
    check_names(wholes)
    sets = [one for whole in wholes for one in (whole, *(views_of(whole) if given.views else []))]
    check_names(sets)
    return sets


def views_of(whole: LeagueSet) -> list[LeagueSet]:
    """The views of a folder; `camseg use` says which classes it has."""
    if whole.data == SCENES:
        return []
    project = prepare(WORK / "sets" / whole.name / "classes", WORK / "cache", whole.data, whole.options, {})
    return view_sets(whole, load_params(project / "params.yaml").data)


def league_run(one: LeagueSet, variant: Variant, values: Values, until: str) -> LeagueRun:
    """Run one variant on one set, with `values` for all variants."""
    seed = int(str(values["seed"]))
    folder = WORK / "sets" / one.name / f"{variant.name}-{seed}"
    values = {**QUICK, **one.values, **values, **variant.values}
    project = prepare(folder, WORK / "cache", one.data, one.options, values)
    scores = run(project, until)
    classes = {(masks, label): found for masks, label, found in class_scores(project, until)}
    minutes: Scores = {f"minutes, {stage}": s / 60 for stage, s in stage_seconds(project).items()}
    return LeagueRun(one.name, variant.name, seed, scores, classes, minutes)


def write(runs: Sequence[LeagueRun], failed: Sequence[str]) -> None:
    """What is known so far."""
    write_csv(
        WORK / "league.csv", COLUMNS, [dict(zip(COLUMNS, row, strict=True)) for r in runs for row in rows(r)]
    )
    classes = [
        Outcome(f"{row_name(r)}, {masks}, {label}", r.seed, s)
        for r in runs
        for (masks, label), s in r.classes.items()
    ]
    minutes = [Outcome(row_name(run), run.seed, run.minutes) for run in runs]
    failures = [f"* {line}\n" for line in failed]
    text = [
        headline(runs),
        "\n",
        markdown(classes, "class"),
        "\n",
        markdown(minutes, "set, variant"),
        *failures,
    ]
    write_text(WORK / "league.md", "".join(text))


def headline(runs: Sequence[LeagueRun]) -> str:
    """A row for each set and variant."""
    return markdown([Outcome(row_name(run), run.seed, run.scores) for run in runs], "set, variant")


def row_name(run: LeagueRun) -> str:
    """The set and the variant of a run, as the first cell of a row."""
    return f"{run.name}, {run.variant}"


def rows(run: LeagueRun) -> Iterator[tuple[object, ...]]:
    """The lines of league.csv: whole scores and minutes have neither masks nor class."""
    groups = {("", ""): {**run.scores, **run.minutes}} | run.classes
    for (masks, label), scores in groups.items():
        for score, value in scores.items():
            yield run.name, run.variant, run.seed, masks, label, score, value


if __name__ == "__main__":
    main()
