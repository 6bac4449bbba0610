"""Digests of the code that each stage imports, and of its weights: the other stages depend on theirs."""

from pipeline import paths
from pipeline.base.code_digests import OWN, write_code_digests
from pipeline.params import load_params
from pipeline.stages.running import run_stage


def main() -> None:
    """Write `reports/code/STAGE.txt` for each stage."""
    write_code_digests(paths.CODE, load_params().weights_files())


if __name__ == "__main__":
    run_stage(OWN, main)
