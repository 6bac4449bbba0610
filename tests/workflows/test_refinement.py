"""`pseudo_masks.refine: auto` follows what the cells say about the size of objects."""

from pathlib import Path

import pytest

from pipeline.heatmaps.evidence import Evidence, write_evidence
from pipeline.params import load_params
from pipeline.workflows.refinement import with_refinement

SMALL = Evidence(0.05, 0.04, 0.06, 0.01, 0.9, 40)
LARGE = Evidence(0.05, 0.04, 0.06, 0.5, 0.9, 40)


@pytest.mark.parametrize(
    ("evidence", "refine"),
    [(SMALL, "colours"), (LARGE, "crf"), (None, "crf")],
    ids=["small", "large", "none"],
)
def test_auto_takes_colours_for_small_objects(evidence: Evidence | None, refine: str, tmp_path: Path) -> None:
    if evidence:
        write_evidence([tmp_path], evidence)
    params = load_params().pseudo_masks.model_copy(update={"refine": "auto"})
    assert with_refinement(params, tmp_path) == params.model_copy(update={"refine": refine})


@pytest.mark.parametrize("refine", ["crf", "colours", "none"])
def test_what_is_said_stays(refine: str, tmp_path: Path) -> None:
    write_evidence([tmp_path], SMALL)
    params = load_params().pseudo_masks.model_copy(update={"refine": refine})
    assert with_refinement(params, tmp_path) == params
