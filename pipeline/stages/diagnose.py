"""Diagnose the classifier on `val` images: did it learn the true features?"""

from pipeline import paths
from pipeline.data.manifest import read_manifest
from pipeline.params import load_params
from pipeline.report.diagnosis_files import write_diagnosis
from pipeline.stages.running import run_stage
from pipeline.workflows.diagnosis import diagnose_classifier

NAME = "diagnose"


def main() -> None:
    """Read `models/classifier` and the `val` images, write `reports/diagnosis`."""
    params = load_params()
    manifest = read_manifest(paths.PREPARED)
    write_diagnosis(diagnose_classifier(manifest, params), manifest)


if __name__ == "__main__":
    run_stage(NAME, main, shared=True)
