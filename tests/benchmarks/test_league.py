"""The league: which runs it makes, what it writes of them, and what it does where a run fails."""

import csv
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from benchmarks import league
from pipeline.base.files import write_text
from tests.end_to_end.project import TINY
from tests.image_folder import CLASSES, make_image_folder

PARAMS = (Path(__file__).parents[2] / "params.yaml").read_text()
Bench = Callable[..., list[Path]]


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """Runs the league with runs that only note their params; those of the folders in `failing` fail."""

    def start(*options: str, failing: Sequence[str] = ()) -> list[Path]:
        projects: list[Path] = []

        def prepare(project: Path, cache: Path, data: str, given: object, values: dict[str, object]) -> Path:
            projects.append(project)
            write_text(project / "params.yaml", PARAMS.replace("classes: null", "classes: [disc, square]"))
            return project

        def run(project: Path, until: str) -> dict[str, float | None]:
            if project.parent.name in failing:
                raise SystemExit(f"dvc repro: failed, see {project.parent.name}")
            return {"weak": 0.5 + 0.2 * int(project.name[-1]), "full": None}

        monkeypatch.setattr(league, "WORK", tmp_path)
        monkeypatch.setattr(league, "prepare", prepare)
        monkeypatch.setattr(league, "run", run)
        classes = [("weak", "disc", {"iou": 0.25, "f1": 0.4})]
        monkeypatch.setattr(league, "class_scores", lambda project, until: iter(classes))
        monkeypatch.setattr(league, "stage_seconds", lambda project: {"prepare": 90.0})
        monkeypatch.setattr(sys, "argv", ["league", *options])
        league.main()
        return projects

    return start


def named(projects: Sequence[Path]) -> list[str]:
    return [f"{project.parent.name}/{project.name}" for project in projects]


def test_every_set_runs_every_variant_seed_by_seed(bench: Bench) -> None:
    projects = bench("a/cells", "scenes", "--variant", "low: pseudo_masks.threshold=0.2", "--seeds", "2")
    of_seed = ["cells/shipped-{}", "cells/low-{}", "scenes/shipped-{}", "scenes/low-{}"]
    assert named(projects) == [name.format(seed) for seed in (0, 1) for name in of_seed]


def test_views_come_after_their_folder(bench: Bench) -> None:
    projects = bench("cells", "scenes", "--views")
    sets = ["cells", "cells.any", "cells.disc", "cells.square", "scenes"]
    assert named(projects) == ["cells/classes", *(f"{name}/shipped-0" for name in sets)]


def test_the_tables_hold_all_scores(bench: Bench, tmp_path: Path) -> None:
    bench("cells", "--seeds", "2")
    with (tmp_path / "league.csv").open(newline="") as file:
        rows = [tuple(row.values()) for row in csv.DictReader(file)]
    assert rows[:5] == [
        ("cells", "shipped", "0", "", "", "weak", "0.5"),
        ("cells", "shipped", "0", "", "", "full", ""),
        ("cells", "shipped", "0", "", "", "minutes, prepare", "1.5"),
        ("cells", "shipped", "0", "weak", "disc", "iou", "0.25"),
        ("cells", "shipped", "0", "weak", "disc", "f1", "0.4"),
    ]
    assert len(rows) == 10
    lines = (tmp_path / "league.md").read_text().splitlines()
    assert "| cells, shipped | 2 | 0.600 ± 0.141 | – |" in lines  # noqa: RUF001
    assert "| cells, shipped, weak, disc | 2 | 0.250 ± 0.000 | 0.400 ± 0.000 |" in lines
    assert "| cells, shipped | 2 | 1.5 ± 0.0 |" in lines


def test_a_run_that_fails_stops_no_other(
    bench: Bench, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="see cells"):
        bench("cells", "tissue", failing=["cells"])
    lines = (tmp_path / "league.md").read_text().splitlines()
    assert "| cells, shipped | 1 | – | – |" in lines  # noqa: RUF001
    assert "| tissue, shipped | 1 | 0.500 | – |" in lines  # noqa: RUF001
    assert "* dvc repro: failed, see cells" in lines
    assert "tissue, shipped, seed 0" in capsys.readouterr().out


@pytest.mark.parametrize(
    "options",
    [
        ("a/cells", "b/cells"),
        ("cells", "--use", "tissue: --no-background"),
        ("cells", "--variant", "shipped: seed=1"),
        ("cells", "--until", "prepare"),
    ],
)
def test_options_that_cannot_be_meant_end_it_before_any_run(bench: Bench, options: Sequence[str]) -> None:
    with pytest.raises(SystemExit):
        bench(*options)


def test_a_wrong_key_ends_it_before_any_run(bench: Bench, tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        bench("cells", "--variant", "low: pseudo_masks.treshold.x=0.2")
    assert not (tmp_path / "sets").exists()


@pytest.mark.slow
def test_a_league_of_tiny_sets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through `camseg use` and `dvc repro`; a variant shares the classifier, and goes on where it stopped."""
    folder = make_image_folder(tmp_path / "shapes")
    (folder / "classes.txt").write_text("\n".join(CLASSES))
    tiny = TINY | {"heatmaps.methods": ["cam"], "segmentation.supervision": ["cam", "full"]}
    tiny |= {"self_training.rounds": {}, "heatmaps.walk.scale": 1.0}
    values = [f"{key}={str(value).replace(chr(39), '')}" for key, value in tiny.items()]
    options = ["--weights", "none", "--quality", "fast", "--set", *values]
    variant = ["--variant", "low: pseudo_masks.threshold=0.2"]
    monkeypatch.setattr(league, "WORK", tmp_path / "league")
    for _ in range(2):
        monkeypatch.setattr(sys, "argv", ["league", str(folder), *variant, *options])
        league.main()
    with (tmp_path / "league/league.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    scored = {row["masks"] for row in rows if row["value"]}
    assert scored == {"", "pseudo-masks", "weak", "full"}
    shown = {row["score"]: row["value"] for row in rows if row["variant"] == "low" and not row["masks"]}
    assert all(shown.values()), shown
    logs = [(tmp_path / f"league/sets/shapes/{name}-0/log.txt").read_text() for name in ("shipped", "low")]
    assert [log.count("train_classifier: done") for log in logs] == [1, 0]
    assert [log.count("make_pseudo_masks@cam: done") for log in logs] == [1, 1]
