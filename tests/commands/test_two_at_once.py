"""Two commands on one folder or project at once: the second is told, and harms nothing."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from pipeline import paths
from pipeline.__main__ import main
from pipeline.base import lock
from pipeline.commands import predict_images
from pipeline.commands.outputs import new_folder, writes_alone
from pipeline.data.decisions import read_decisions, write_decisions
from pipeline.errors import UserError
from tests.commands.test_review_command import apply, decision
from tests.report.review_project import write_review_project


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(lock, "WAIT", 0.1)
    monkeypatch.chdir(tmp_path)


def elsewhere(function: Callable[[], Any]) -> Any:
    """What a call in another thread returns; a lock holds threads apart as it does processes."""
    with ThreadPoolExecutor(1) as other:
        return other.submit(function).result()


def second_export() -> None:
    with new_folder(Path("out")):
        pytest.fail("both wrote")


def test_a_second_export_does_not_delete_the_files_of_the_first() -> None:
    with new_folder(Path("out")) as folder:
        (folder / "a.png").touch()
        with pytest.raises(UserError, match=r"out: another command writes to it, process \d+\. Wait for it"):
            elsewhere(second_export)
        (folder / "b.png").touch()
    assert sorted(path.name for path in Path("out").iterdir()) == ["a.png", "b.png"]
    assert [path.name for path in Path().iterdir()] == ["out"]


def test_a_second_prediction_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(predict_images, "predict_images", lambda _: pytest.fail("both wrote"))
    with writes_alone(Path("out")):
        assert elsewhere(lambda: main(["predict", "images", "--out", "out"])) == 2
    assert "out: another command writes to it" in capsys.readouterr().err
    assert not Path("out").exists()


def test_no_decision_is_lost_where_two_commands_take_some(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CAMSEG_WORKERS", "1")
    monkeypatch.setattr(lock, "WAIT", 10.0)
    write_review_project(tmp_path)
    with ThreadPoolExecutor(1) as other:
        second: list[Future[int]] = []

        def while_another_decides(*arguments: Any) -> None:
            """Another command begins after this one has read the list, and before it writes it."""
            if not second:
                second.append(other.submit(apply, decision("d", "rejected")))
                time.sleep(0.5)
            write_decisions(*arguments)

        monkeypatch.setattr("pipeline.commands.decide.write_decisions", while_another_decides)
        assert apply(decision("a", "accepted")) == 0
        assert second[0].result() == 0
    assert set(read_decisions(paths.DECISIONS)) == {"a", "d"}
