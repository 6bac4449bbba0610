"""Which self-training round leads, by hand-made confidences."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from pipeline.base.files import write_csv
from pipeline.params import Params, load_params
from pipeline.workflows.added_ground_truth import scored_folders
from pipeline.workflows.leading_round import Lead, falls, find_lead
from pipeline.workflows.saved_model import default_model
from tests.end_to_end.project import change_params

SHIPPED = Path(__file__).parents[2] / "params.yaml"
GIVEN = ("cam-round3", "cam-round2", "cam-round1", "cam", "full")
SURE = (0.8, 0.7, 0.9, 0.6, 0.75)


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text(SHIPPED.read_text())


def params(supervision: Sequence[str] = GIVEN) -> Params:
    rounds = sorted(name for name in supervision if "round" in name)
    models = dict(zip(rounds, ["cam", *rounds], strict=False))
    change_params(Path(), {"segmentation.supervision": list(supervision), "self_training.rounds": models})
    return load_params()


def write(confidences: Mapping[str, Sequence[float]], corrected: int = 0, miou: float = 0.5) -> None:
    """`images.csv` of each of the masks; the last `corrected` images have a mask by a person."""
    for masks, values in confidences.items():
        rows = [
            {
                "name": f"image-{i}",
                "confidence": value,
                "corrected": int(i >= len(values) - corrected),
                "miou_after": miou,
            }
            for i, value in enumerate(values)
        ]
        write_csv(Path("reports/pseudo_masks") / masks / "images.csv", tuple(rows[0]), rows)


def changed(by: float) -> tuple[float, ...]:
    """`SURE` with another mean, and changes that differ a little from image to image."""
    return tuple(value + by + 0.001 * (i % 2) for i, value in enumerate(SURE))


def test_the_first_supervision_leads_where_nothing_is_made() -> None:
    assert find_lead(params()) == Lead(GIVEN, "")


@pytest.mark.parametrize(
    ("second", "third", "leading"),
    [
        (0.05, 0.10, "cam-round3"),  # each round is surer
        (0.05, 0.02, "cam-round2"),  # the last one falls
        (-0.05, -0.10, "cam-round1"),  # both fall
        (-0.05, -0.02, "cam-round3"),  # from the second to the third it rises
    ],
)
def test_the_round_before_a_fall_leads(second: float, third: float, leading: str) -> None:
    write({"cam-round1": SURE, "cam-round2": changed(second), "cam-round3": changed(third)})
    lead = find_lead(params())
    assert lead.supervision[0] == leading
    assert sorted(lead.supervision) == sorted(GIVEN)
    assert [name for name in lead.supervision[1:] if name != leading] == [n for n in GIVEN if n != leading]
    assert bool(lead.why) == (leading != "cam-round3")
    assert default_model(load_params()) == Path("models/segmentation") / leading
    assert scored_folders(load_params()) == {
        "train": Path("data/masks") / leading,
        "val": Path("data/predictions") / leading,
    }


def test_the_reason_has_both_means() -> None:
    write({"cam-round1": (0.5, 0.75), "cam-round2": (0.25, 0.5)})
    assert find_lead(params(GIVEN[1:])).why == (
        "The confidence of the masks falls from `cam-round1` (0.625) to `cam-round2` (0.375), mean over "
        "2 training images, so `cam-round1` leads."
    )


def test_masks_of_the_heatmaps_take_no_part() -> None:
    write({"cam": changed(0.2), "cam-round1": SURE})
    assert find_lead(params(("cam-round1", "cam"))) == Lead(("cam-round1", "cam"), "")


def test_masks_by_people_take_no_part() -> None:
    write({"cam-round1": (*SURE, 1.0), "cam-round2": (*changed(0.05), 0.0)}, corrected=1)
    assert not find_lead(params(GIVEN[1:])).why


def test_no_ground_truth_takes_part() -> None:
    masks = {"cam-round1": SURE, "cam-round2": changed(-0.05)}
    write(masks, miou=0.1)
    before = find_lead(params(GIVEN[1:]))
    write({"cam-round1": SURE}, miou=0.0)
    write({"cam-round2": masks["cam-round2"]}, miou=1.0)
    assert find_lead(load_params()) == before
    assert before.supervision[0] == "cam-round1"


@pytest.mark.parametrize("supervision", [("cam", "cam-round1", "cam-round2"), ("full",), ("cam", "full")])
def test_a_lead_that_is_no_later_round_stays(supervision: tuple[str, ...]) -> None:
    write({"cam-round1": SURE, "cam-round2": changed(-0.05)})
    assert find_lead(params(supervision)) == Lead(supervision, "")


def test_a_fall_is_larger_than_two_standard_errors_of_the_difference() -> None:
    change = np.array([-0.2, 0.1, -0.3, -0.1])
    error = np.sqrt(((change + 0.125) ** 2).sum() / 3 / 4)  # 0.0854: the mean is -0.125
    assert error == pytest.approx(0.0854, abs=1e-4)
    before = np.full(4, 0.5)
    assert not falls(before, before + change)  # 0.125 < 0.1708
    assert falls(before, before + change - 0.05)  # 0.175
    assert not falls(before, before - change)
    assert not falls(before[:1], before[:1] - 1)
    assert not falls(before, before)
