"""`camseg plan`: the working size that fits the time, and the plan in words."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline import paths
from pipeline.__main__ import main
from pipeline.base.files import write_json
from pipeline.commands import plan
from pipeline.commands.params_file import SHIPPED
from pipeline.data.manifest import Manifest, Sample
from pipeline.heatmaps.evidence import Evidence, write_evidence
from pipeline.params import load_params

ImageFolder = Callable[..., Path]
SMALL = Evidence(0.05, 0.04, 0.06, 0.01, 0.9)
LARGE = Evidence(0.05, 0.04, 0.06, 0.5, 0.9)


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty project with the shipped params as the current folder."""
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    shutil.copy(SHIPPED, "params.yaml")
    monkeypatch.setenv("CAMSEG_WORKERS", "1")


def images(side: int, count: int = 30) -> Manifest:
    samples = [
        Sample(f"s{n}", f"s{n}.png", "", side, side // 2, (0,), "train", True, True) for n in range(count)
    ]
    return Manifest("", ("cat",), tuple(samples))


@pytest.mark.parametrize("side", [50, 320, 512, 1000])
def test_much_time_brings_the_size_of_the_images_and_no_more(side: int) -> None:
    values = plan.values_within(images(side), load_params(), 1e9)
    assert values["data.long_side"] == max(64, round(side / 32) * 32)


@pytest.mark.parametrize("tiles", [1, 2, 4])
def test_tiles_together_are_no_larger_than_the_images(tiles: int) -> None:
    params = load_params()
    params = params.model_copy(update={"data": params.data.model_copy(update={"tiles": tiles})})
    manifest = images(1024)
    with pytest.MonkeyPatch.context() as patch:  # no question of time, nor of what else tiles need
        patch.setattr(plan, "with_values", lambda params, _: params)
        patch.setattr(plan, "seconds_here", lambda *_: {"all": 1.0})
        assert plan.values_within(manifest, params, 2.0)["data.long_side"] == 1024 // tiles


@pytest.mark.parametrize("hours", [0.2, 0.5, 1])
def test_the_largest_size_in_time_is_taken(hours: float) -> None:
    manifest, params, seconds = images(2000), load_params(), 3600 * hours

    def needed(side: int) -> float:
        values = {"data.long_side": side, "data.max_side": 4000}
        return sum(plan.seconds_here(manifest, plan.with_values(params, values)).values())

    side = plan.values_within(manifest, params, seconds)["data.long_side"]
    assert isinstance(side, int)
    assert needed(side) <= seconds < needed(side + plan.STEP)


@pytest.mark.parametrize("cores", [1, 2, 8])
def test_more_cores_take_less_time(cores: int, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest, params = images(200), load_params()
    monkeypatch.setattr(plan, "cpu_count", lambda: 2)
    two = plan.seconds_here(manifest, params)
    monkeypatch.setattr(plan, "cpu_count", lambda: cores)
    here = plan.seconds_here(manifest, params)
    assert here == pytest.approx({step: 2 / cores * seconds for step, seconds in two.items()})


def test_too_little_time_changes_nothing(
    image_folder: ImageFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["use", str(image_folder()), "--encoder", "resnet18"]) == 0
    before = Path("params.yaml").read_bytes()
    capsys.readouterr()
    assert main(["plan", "--minutes", "0.01"]) == 2
    assert "--minutes 0.01: expected time for a working size of 64 pixels" in capsys.readouterr().err
    assert Path("params.yaml").read_bytes() == before


def test_minutes_are_written_where_a_person_sees_them(
    image_folder: ImageFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["use", str(image_folder()), "--encoder", "resnet18"]) == 0
    side = load_params().data.long_side
    capsys.readouterr()
    assert main(["plan", "--minutes", "1e6"]) == 0
    changed = load_params().data.long_side
    out = capsys.readouterr().out
    assert changed >= side
    assert (f"data.long_side: {side} -> {changed}" in out) == (changed != side)
    assert f"{changed} pixels at the long side" in out


@pytest.mark.parametrize(
    ("evidence", "words"),
    [
        (None, "training images are without them"),
        (SMALL, "small: 5.0 % (4.0 to 6.0)"),
        (LARGE, "large, by"),
    ],
    ids=["none", "small", "large"],
)
def test_what_was_found_out_is_said(
    image_folder: ImageFolder, capsys: pytest.CaptureFixture[str], evidence: Evidence | None, words: str
) -> None:
    assert main(["use", str(image_folder()), "--encoder", "resnet18"]) == 0
    if evidence:
        write_evidence([paths.HEATMAPS / load_params().heatmaps.methods[0]], evidence)
    capsys.readouterr()
    assert main(["plan"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert words in next(line for line in lines if line.startswith("objects"))
    assert len({len(re.match(r" *\S+ +", line)[0]) for line in lines}) == 1  # type: ignore[index]  # two columns


def test_what_a_person_says_of_the_objects_comes_before_what_was_found_out(
    image_folder: ImageFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["use", str(image_folder()), "--encoder", "resnet18", "--objects", "large"]) == 0
    assert "size of objects: large, as" in capsys.readouterr().out
    write_evidence([paths.HEATMAPS / load_params().heatmaps.methods[0]], SMALL)  # of a run before
    assert main(["plan"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "large, as" in next(line for line in lines if line.startswith("objects"))


@pytest.mark.parametrize(
    ("threshold", "taken"),
    [(0.317, "auto; the last run took 0.32 and pixels"), (None, "auto; the last run took pixels")],
)
def test_after_a_run_the_plan_says_what_auto_took(
    image_folder: ImageFolder, capsys: pytest.CaptureFixture[str], threshold: float | None, taken: str
) -> None:
    assert main(["use", str(image_folder()), "--encoder", "resnet18"]) == 0
    folder = paths.REPORTS / "pseudo_masks" / load_params().heatmaps.methods[0]
    write_json(folder / "metrics.json", {"threshold": threshold, "refine": "pixels"})
    capsys.readouterr()
    assert main(["plan"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert next(line for line in lines if line.startswith("masks")).endswith(taken)


def test_scenes_are_rendered_before_they_are_planned(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan"]) == 2
    assert "Run `camseg run prepare`" in capsys.readouterr().err
