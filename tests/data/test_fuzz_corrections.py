"""Broken and hostile corrections: every reader takes them or refuses them by name, and nothing else.

`CAMSEG_FUZZ=1000 pytest tests/data/test_fuzz_corrections.py` tries so many inputs of each kind.
"""

import json
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.__main__ import main
from pipeline.data.images import IGNORE, read_mask, write_mask
from pipeline.data.manifest import Manifest, Sample, write_manifest
from pipeline.export.coco import export_coco
from pipeline.export.cvat import export_cvat
from pipeline.export.items import ExportItem
from pipeline.export.labelstudio_tasks import export_labelstudio
from pipeline.export.png import export_png
from pipeline.export.voc import export_voc
from pipeline.formats.labelstudio_rle import BrushError, draw_brush, encode_brush
from pipeline.params import load_params
from tests.data.folders import SIZE, add_images
from tests.data.test_fuzz import FUZZ, NAMES, SECRET, TOKENS, VALUES, audit, guarded, paths_of, replaced

SHIPPED = Path(__file__).parents[2] / "params.yaml"
CLASSES = ("cat", "dog")
FILES = {
    "png": ("masks/a.png", "classes.txt"),
    "voc": ("VOCdevkit/VOC2012/SegmentationClass/a.png", "classes.txt"),
    "coco": ("annotations.json",),
    "cvat": ("annotations.zip",),
    "labelstudio": ("tasks.json",),
}
assert audit  # its hook notes what is opened, in this module too


@pytest.fixture(scope="module", autouse=True)
def params() -> Iterator[None]:
    """params.yaml read once: that takes longer than all the rest."""
    with pytest.MonkeyPatch.context() as patch:
        shipped = load_params(SHIPPED)
        patch.setattr("pipeline.commands.corrections.load_params", lambda: shipped)
        yield


@contextmanager
def fresh(name: str) -> Iterator[Path]:
    """A project with two training images as the current folder, and their exported masks."""
    top = Path(tempfile.mkdtemp(prefix="fuzz"))
    try:
        project, out = top / "project", top / "project" / "out"
        add_images(project, "images/a.jpg", "images/b.jpg")
        samples = [Sample(n, f"{n}.jpg", "", *SIZE, (0, 1), "train", False, False) for n in ("a", "b")]
        write_manifest(project / "data/prepared", Manifest("images", CLASSES, tuple(samples)))
        items = []
        for index, sample in enumerate(samples):
            masks = project / "made"
            ids = np.random.default_rng(index).choice([0, 1, 2, 255], SIZE)
            write_mask(masks / f"{sample.name}.png", ids.astype(np.uint8))
            image = project / "images" / sample.image
            items.append(
                ExportItem(
                    sample.name,
                    image,
                    masks,
                    *SIZE,
                    "train",
                    sample.labels,
                    0.5,
                    corrected=False,
                    mask_size=SIZE,
                )
            )
        match name:
            case "labelstudio":
                export_labelstudio(items, CLASSES, out, "test")
            case _:
                exports = {"png": export_png, "voc": export_voc, "coco": export_coco, "cvat": export_cvat}
                exports[name](items, CLASSES, out)
        add_images(top, SECRET)
        (out / "link.jpg").symlink_to(top / SECRET)
        with chdir(project):
            yield Path("out")
    finally:
        shutil.rmtree(top)


def add(path: Path) -> None:
    """Add `path`: what is kept then is whole, and after a refusal nothing is."""
    output = StringIO()
    with guarded(Path.cwd()), redirect_stderr(output), redirect_stdout(StringIO()):
        status = main(["corrections", "add", str(path)])
    kept = [file for file in Path("data/corrections").rglob("*") if file.is_file()]
    assert status in (0, 2)
    assert bool(kept) == (status == 0)
    assert "error" in output.getvalue() or "camseg: " in output.getvalue() or not status
    for file in kept:
        assert file.parent == Path("data/corrections")
        assert file.name in ("a.png", "b.png", "classes.txt")
        if file.suffix == ".png":
            mask = read_mask(file)
            assert mask.shape == SIZE
            assert set(np.unique(mask).tolist()) <= {0, 1, 2, IGNORE}


@pytest.mark.parametrize("name", FILES)
def test_they_are_fine_until_broken(name: str) -> None:
    with fresh(name) as out:
        add(out)
        assert {file.name for file in Path("data/corrections").iterdir()} == {"a.png", "b.png", "classes.txt"}


@pytest.mark.parametrize("name", FILES)
@FUZZ
@given(data=st.data())
def test_bytes_put_anywhere(name: str, data: st.DataObject) -> None:
    with fresh(name) as out:
        file = out / data.draw(st.sampled_from(FILES[name]))
        content = bytearray(file.read_bytes())
        for _ in range(data.draw(st.integers(1, 4))):
            start = data.draw(st.integers(0, len(content)))
            length = data.draw(st.integers(0, 20))
            content[start : start + length] = data.draw(st.sampled_from(TOKENS) | st.binary(max_size=8))
        file.write_bytes(content)
        add(out)


@pytest.mark.parametrize("name", FILES)
@FUZZ
@given(content=st.binary(max_size=200))
def test_random_bytes(name: str, content: bytes) -> None:
    with fresh(name) as out:
        for file in FILES[name]:
            (out / file).write_bytes(content)
        add(out)


@pytest.mark.parametrize("name", ["coco", "labelstudio"])
@FUZZ
@given(data=st.data())
def test_json_with_other_values(name: str, data: st.DataObject) -> None:
    with fresh(name) as out:
        file = out / FILES[name][0]
        document = json.loads(file.read_text())
        for _ in range(data.draw(st.integers(1, 3))):
            path = data.draw(st.sampled_from(paths_of(document)))
            document = replaced(document, path, data.draw(VALUES))
        file.write_text(json.dumps(document))
        add(file)


@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")
@FUZZ
@given(data=st.data())
def test_zips_with_names_of_other_files(data: st.DataObject) -> None:
    with fresh("cvat") as out:
        before = set(Path.cwd().parent.rglob("*"))
        with zipfile.ZipFile("back.zip", "w") as archive:
            for file in sorted((out / "images").iterdir()):
                name = data.draw(NAMES | st.sampled_from(["labelmap.txt", "SegmentationClass/a.png"]))
                member = zipfile.ZipInfo(name.encode("utf-8", "replace").decode()[:60000])
                member.external_attr = data.draw(st.sampled_from([0, 0o120777 << 16, 0o100644 << 16]))
                archive.writestr(member, data.draw(st.sampled_from([b"", b"/etc/passwd", file.read_bytes()])))
        add(Path("back.zip"))
        new = {path.name for path in set(Path.cwd().parent.rglob("*")) - before}
        assert new <= {"back.zip", "corrections", "classes.txt", "a.png", "b.png"}


@FUZZ
@given(
    region=st.integers(0, 2**32 - 1),
    cut=st.integers(0, 60),
    at=st.integers(0, 59),
    value=st.integers(0, 255) | st.booleans() | st.floats() | st.text(max_size=2),
)
def test_brushes_are_drawn_or_refused(region: int, cut: int, at: int, value: object) -> None:
    encoded: list[object] = list(encode_brush(np.random.default_rng(region).random((3, 5)) < 0.5))
    encoded[at % len(encoded)] = value
    try:
        drawn = draw_brush(encoded[: len(encoded) - cut], (3, 5))
    except BrushError:
        return
    assert drawn.shape == (3, 5)
    assert drawn.dtype == bool
