"""What `pseudo_masks.refine` goes by: the cells say how large objects are; `segments` may need a folder."""

from pathlib import Path

import pytest

from pipeline.data.manifest import Sample
from pipeline.errors import UserError
from pipeline.heatmaps.evidence import Evidence, write_evidence
from pipeline.params import PseudoMaskParams, load_params
from pipeline.workflows.refinement import checked_segments, has_small_objects, segment_folder

SMALL = Evidence(0.05, 0.04, 0.06, 0.01, 0.9)
LARGE = Evidence(0.05, 0.04, 0.06, 0.5, 0.9)


@pytest.mark.parametrize(("evidence", "small"), [(SMALL, True), (LARGE, False), (None, False)])
def test_the_evidence_says_whether_objects_are_small(
    evidence: Evidence | None, small: bool, tmp_path: Path
) -> None:
    if evidence:
        write_evidence([tmp_path], evidence)
    assert has_small_objects(tmp_path) == small


def with_folder(folder: Path, refine: str = "segments") -> PseudoMaskParams:
    params = load_params().pseudo_masks
    segments = params.segments.model_copy(update={"folder": str(folder)})
    return params.model_copy(update={"refine": refine, "segments": segments})


def test_images_with_labels_need_a_segment_map(tmp_path: Path) -> None:
    samples = [
        Sample(name, f"{name}.png", "", 2, 3, labels, "train", False, False)
        for name, labels in {"a": (0,), "b": (), "c": (0, 1), "d": (1,)}.items()
    ]
    (tmp_path / "a.png").touch()
    with pytest.raises(UserError, match=r"got none for 2: c, d\."):
        checked_segments(with_folder(tmp_path), samples)
    (tmp_path / "c.npy").touch()
    (tmp_path / "d.png").touch()
    assert checked_segments(with_folder(tmp_path), samples) == tmp_path


@pytest.mark.parametrize("refine", ["crf", "colours", "none"])
def test_other_refiners_need_no_segment_maps(refine: str, tmp_path: Path) -> None:
    assert segment_folder(with_folder(tmp_path, refine)) is None
