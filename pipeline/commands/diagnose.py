"""`camseg diagnose`: did the classifier learn the true features?"""

import argparse
from typing import Any

from pipeline.commands.prepared import read_prepared
from pipeline.commands.tables import table
from pipeline.errors import UserError

EXAMPLES = """
Does what the stage `diagnose` of the pipeline does, with what lies in this project: models/classifier, the
val images of data/prepared and, where there are some, their ground-truth masks. Writes reports/diagnosis/.

example:
  camseg diagnose
"""


def add_parser(commands: Any) -> None:
    """Add the subcommand to the parser."""
    parser = commands.add_parser(
        "diagnose",
        help="find out whether the classifier learned the true features",
        description="Measure what the scores of the trained classifier rest on, and name suspicious classes.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)


def run(_arguments: argparse.Namespace) -> int:
    """Diagnose, and print the table and the suspicions."""
    from pipeline import paths
    from pipeline.base.files import read_json  # here, since these load torch
    from pipeline.params import load_params
    from pipeline.report.diagnosis_files import write_diagnosis
    from pipeline.report.diagnosis_section import COLUMNS, class_rows
    from pipeline.report.summary import three
    from pipeline.workflows.diagnosis import diagnose_classifier

    params, manifest = load_params(), read_prepared()
    if not (paths.CLASSIFIER / "config.json").is_file():
        raise UserError(f"{paths.CLASSIFIER}: there is no classifier yet. Run `make repro` first")
    write_diagnosis(diagnose_classifier(manifest, params), manifest)
    found = read_json(paths.DIAGNOSIS / "diagnosis.json")
    rows = [[name, *map(three, scores)] for name, scores in class_rows(found, manifest.classes)]
    print(table(["class", *COLUMNS], rows))
    return 0
