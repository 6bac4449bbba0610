"""`camseg diagnose`: did the classifier learn the true features?"""

import argparse
from typing import Any

from pipeline.commands.parser import add_command
from pipeline.commands.tables import table
from pipeline.errors import UserError

EXAMPLES = """
Measures what the probabilities of the classifier rest on, class by class, and names suspicious classes.
Reads models/classifier, the val images of data/prepared and their ground-truth masks, if there are any.
Writes reports/diagnosis/, as the stage `diagnose` of the pipeline does.

example:
  camseg diagnose
"""

COLUMNS = (
    "context",
    "pointing game",
    "heat on object",
    "other classes",
    "frame",
    "insertion",
    "deletion",
    "loss hottest",
    "random",
)


def add_parser(commands: Any) -> None:
    add_command(
        commands, "diagnose", run, "find out whether the classifier learned the true features", EXAMPLES
    )


def run(_arguments: argparse.Namespace) -> int:
    """Diagnose the classifier, and print a table with a line for each class."""
    from pipeline import paths
    from pipeline.base.files import read_json
    from pipeline.data.manifest import read_manifest
    from pipeline.params import load_params
    from pipeline.report.diagnosis_files import write_diagnosis
    from pipeline.report.diagnosis_table import class_rows
    from pipeline.report.summary import three
    from pipeline.workflows.diagnosis import diagnose_classifier  # here, since it loads torch

    params, manifest = load_params(), read_manifest(paths.PREPARED)
    if not (paths.CLASSIFIER / "config.json").is_file():
        raise UserError(f"{paths.CLASSIFIER}: there is no classifier yet. Run `camseg run` first")
    write_diagnosis(diagnose_classifier(manifest, params), manifest)
    diagnosis = read_json(paths.DIAGNOSIS / "diagnosis.json")
    rows = [[name, *map(three, scores)] for name, scores in class_rows(diagnosis, manifest.classes)]
    print(table(["class", *COLUMNS], rows))
    return 0
