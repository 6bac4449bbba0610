"""docs/tutorial.md, followed word for word, with fewer photos and steps."""

import csv
import re
import shlex
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from pipeline.base.files import read_csv, read_json
from tests.end_to_end.project import ROOT, TRAINING, change_params, environment
from tests.report.review_project import open_page, start_chromium

TEXT = (ROOT / "docs/tutorial.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```\n(.*?)```", TEXT, re.DOTALL)
PROGRAMS = ("camseg ", "cd ", "python ")
COMMANDS = [line for block in BLOCKS for line in block.splitlines() if line.startswith(PROGRAMS)]
PHOTOS = " --train 18 --val 14"  # is added to the command that writes them
DRAWN = "document.getElementById('shares').dataset.name === document.getElementById('name').textContent"
SMALL = {
    **{f"classifier.training.{key}": value for key, value in TRAINING.items()},
    **{f"segmentation.training.{key}": value for key, value in TRAINING.items()},
    "heatmaps.methods": ["cam"],
    "segmentation.supervision": ["cam"],
    "diagnose.images": 1,
    "report.images": 4,
}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    yield from start_chromium()


@dataclass
class Person:
    """Who types the commands, one after the other."""

    place: Path
    said: dict[str, str] = field(default_factory=dict)  # by command

    def type(self, command: str) -> None:
        if command.startswith("cd "):
            self.place = (self.place / command.removeprefix("cd ")).resolve()
            assert self.place.is_dir(), command
            return
        options = PHOTOS if "tutorial_photos.py" in command else ""
        env = environment(self.place, 1) | {"PYTHONPATH": str(ROOT)}  # as `make venv` does
        done = subprocess.run(
            ["bash", "-c", command + options], cwd=self.place, env=env, text=True, capture_output=True
        )
        assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
        self.said[command] = done.stdout


def review(browser: Any, project: Path) -> None:
    """Accept, reject and paint a mask, as the tutorial says, and save the decisions."""
    page = open_page(browser, (project / "reports/review/index.html").as_uri())
    page.keyboard.press("Enter")
    for keys in (("a",), ("r",), ("b", "1", "Shift+ArrowRight", "Space", "a")):
        page.wait_for_function(f"() => {DRAWN}")
        for key in keys:
            page.keyboard.press(key)
    with page.expect_download() as download:
        page.locator("#download").click()
    download.value.save_as(project / "decisions.json")
    assert page.errors == []
    page.context.close()


def test_no_command_is_left_out() -> None:
    """All blocks are commands, but the excerpt of labels.csv."""
    others = [block for block in BLOCKS if not all(line.startswith(PROGRAMS) for line in block.splitlines())]
    assert len(others) == 1
    assert others[0].startswith("image,labels,split\n")
    assert sum(line.startswith("camseg run") for line in COMMANDS) == 3
    assert {shlex.split(line)[1] for line in COMMANDS if line.startswith("camseg")} == {
        *("init", "check", "use", "plan", "run", "review", "ground-truth", "predict", "export"),
    }


def test_pictures_are_there_and_small() -> None:
    pictures = [ROOT / "docs" / name for name in re.findall(r"!\[.+?\]\((.+?)\)", TEXT)]
    assert len(pictures) >= 5
    assert sum(picture.stat().st_size for picture in pictures) <= 600_000
    assert set(pictures) == set((ROOT / "docs/tutorial").iterdir())


@pytest.mark.slow
def test_tutorial(tmp_path: Path, chromium: Any) -> None:
    (tmp_path / "camseg").mkdir()
    (tmp_path / "camseg/scripts").symlink_to(ROOT / "scripts")
    person, project = Person(tmp_path / "camseg"), tmp_path / "tutorial/project"
    before: dict[str, Callable[[], None]] = {
        "camseg review apply decisions.json": lambda: review(chromium, project)
    }
    after: dict[str, Callable[[], None]] = {
        "camseg plan": lambda: change_params(project, SMALL),
        "camseg ground-truth suggest 12": lambda: drawn_are_suggested(person, project),
    }
    for command in COMMANDS:
        before.get(command, lambda: None)()
        person.type(command)
        after.get(command, lambda: None)()
    excerpt = next(block for block in BLOCKS if block.startswith("image,labels"))
    assert (project / "../photos/labels.csv").read_text().startswith(excerpt)
    decided = [row["decision"] for row in read_csv(project / "data/review/decisions.csv")]
    assert sorted(decided) == ["accepted", "painted", "rejected"]
    summary = read_json(project / "reports/summary.json")
    assert summary["corrected_masks"] == 2
    assert summary["ground_truth"]["val"]["images"] == 12
    assert "mIoU " in person.said["camseg ground-truth add ../drawn"]
    assert "mIoU on drawn masks, val" in (project / "reports/index.html").read_text(encoding="utf-8")
    with (project / "predicted/predictions.csv").open(encoding="utf-8", newline="") as file:
        assert len({row["image"] for row in csv.DictReader(file)}) == 8
    assert "8 of 8, least sure first" in (project / "predicted/index.html").read_text(encoding="utf-8")
    assert read_json(project / "masks-as-coco/annotations.json")["images"]
    assert read_json(project / "to-correct/tasks.json")


def drawn_are_suggested(person: Person, project: Path) -> None:
    """The masks that the script has drawn are those of the photos that camseg names."""
    names = person.said["camseg ground-truth suggest 12"].split()
    assert sorted(names) == sorted(file.stem for file in (project / "../drawn/masks").iterdir())
