"""camseg from a wheel, in an empty environment and an empty folder."""

import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from pipeline.commands.init import PROJECT, TEMPLATES
from tests.end_to_end.project import ROOT, TINY, change_params, environment, file_bytes
from tests.end_to_end.test_repro import stages_run
from tests.image_folder import make_image_folder

OPTIONS = ("--weights", "none", "--encoder", "tu-resnet10t", "--quality", "fast")
OTHERS = ("scenes", "self_training", "segmentation.supervision")
SETTINGS = {key: value for key, value in TINY.items() if not key.startswith(OTHERS)}
SETTINGS["heatmaps.walk.scale"] = 1.0
LIMIT = 120  # seconds


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The python of an environment with camseg from a wheel; all else comes from that of the tests."""
    folder = tmp_path_factory.mktemp("installed")
    source = folder / "source"
    for name in ("pipeline", "camseg"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "LICENSE"):
        shutil.copy(ROOT / name, source)
    build = ("-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index")
    subprocess.run([sys.executable, *build, "--wheel-dir", folder, source], check=True, capture_output=True)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
    (packages,) = (folder / "venv").glob("lib/python*/site-packages")
    (wheel,) = folder.glob("camseg-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(packages)
    others = Path(pytest.__file__).parents[1]
    (packages / "others.pth").write_text(f"{others}\n")
    return folder / "venv/bin/python"


def start(python: Path, cwd: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start a command of camseg, as leader of a process group that Ctrl-C reaches."""
    env = {**environment(cwd, 1), "PATH": os.defpath, "PYTHONUNBUFFERED": "1"}
    env.pop("PYTHONPATH", None)
    return subprocess.Popen(
        [str(python), "-m", "pipeline", *arguments],
        cwd=cwd,
        env=env,
        text=True,
        start_new_session=True,
        # A shell starts what runs in the background with the signal off, and then the tests inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def run(python: Path, cwd: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    process = start(python, cwd, *arguments)
    out, err = process.communicate(timeout=600)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


@pytest.fixture
def project(python: Path, tmp_path: Path) -> Path:
    """A project of 24 images, by the installed camseg; with few steps."""
    make_image_folder(tmp_path / "photos", images=24)
    done = run(python, tmp_path, "init", "my", "--data", "photos", *OPTIONS)
    assert done.returncode == 0, done.stderr
    change_params(tmp_path / "my", SETTINGS)
    return tmp_path / "my"


@pytest.mark.slow
def test_a_project_is_made_and_images_are_checked(python: Path, project: Path) -> None:
    assert set(PROJECT) == set(file_bytes(project, "."))
    checked = run(python, project.parent, "check", "photos", "--preset", "voc2012")
    assert checked.returncode == 0, checked.stderr
    assert "no params.yaml in this folder; the values are those of a new project" in checked.stderr
    where = "import camseg, pipeline; print(camseg.__file__, pipeline.__file__)"
    env = {**os.environ, "PYTHONPATH": ""}
    said = subprocess.run(
        [python, "-c", where], cwd=project, env=env, capture_output=True, text=True, check=True
    )
    assert said.stdout.count(str(python.parents[1])) == 2, said.stdout


def test_templates_are_those_of_the_clone() -> None:
    same = {name: template for name, template in PROJECT.items() if name not in (".dvc/config", ".gitignore")}
    if "source: scenes" not in (ROOT / "params.yaml").read_text():  # `camseg use` has fitted it to a folder
        del same["params.yaml"]
    assert {n: (TEMPLATES / t).read_bytes() for n, t in same.items()} == {
        n: (ROOT / n).read_bytes() for n in same
    }
    config = (ROOT / ".dvc/config").read_text() + "    no_scm = true\n"
    assert (TEMPLATES / PROJECT[".dvc/config"]).read_text() == config
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert {line for line in (TEMPLATES / "gitignore").read_text().splitlines() if line[:1] == "/"} == {
        line for line in ignored if line[:1] == "/" and line != "/.venv"
    }


@pytest.mark.slow
def test_the_whole_run_and_what_must_not_be_lost(python: Path, project: Path) -> None:
    ran = run(python, project, "run")
    assert ran.returncode == 0, ran.stderr
    assert {"code", "prepare", "report"} <= set(stages_run(ran.stdout))
    assert (project / "reports/index.html").is_file()
    assert len(list((project / "data/masks/cam").glob("*.png"))) > 10
    again = run(python, project, "run")
    assert (again.returncode, stages_run(again.stdout)) == (0, ["code"]), again.stderr

    # A typo, and weights that are not there, delete nothing.
    before = file_bytes(project, "data", "models", "reports")
    for values, message in (
        ({"heatmaps.depthss": 2}, "Did you mean heatmaps.depths? (line "),
        ({"classifier.weights": "absent.pth"}, "absent.pth: cannot be read as weights"),
    ):
        text = (project / "params.yaml").read_text()
        change_params(project, values)
        refused = run(python, project, "run")
        assert refused.returncode == 2, refused.stderr
        assert message in refused.stderr
        assert file_bytes(project, "data", "models", "reports") == before
        (project / "params.yaml").write_text(text)

    # A second project beside it leaves the first alone.
    second = run(python, project.parent, "init", "second", "--data", "photos", *OPTIONS)
    assert second.returncode == 0, second.stderr
    predicted = run(
        python,
        project.parent,
        *("predict", "photos/images", "--model", "my/models/segmentation/cam", "--out", "predicted"),
    )
    assert predicted.returncode == 0, predicted.stderr
    assert len(list((project.parent / "predicted/masks").rglob("*.png"))) == 24
    assert file_bytes(project, "data", "models", "reports") == before


@pytest.mark.slow
def test_ctrl_c_ends_in_plain_lines_and_the_run_goes_on(python: Path, project: Path) -> None:
    change_params(project, {"classifier.training.steps": 4000, "classifier.training.checkpoint_steps": 5})
    process = start(python, project, "run", "train_classifier")
    deadline = time.monotonic() + LIMIT
    while not list((project / ".work").rglob("checkpoint.pt")):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    _, err = process.communicate(timeout=LIMIT)
    assert process.returncode == 130
    assert "train_classifier: interrupted. The next run goes on with what it has" in err
    assert err.endswith("camseg: interrupted. The same command goes on from there\n")
    assert "Traceback" not in err
    process = start(python, project, "run", "train_classifier")
    assert any("goes on with the work of an interrupted run" in line for line in process.stdout or ())
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=LIMIT)
