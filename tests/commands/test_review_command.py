"""`camseg review`: what decisions do to the files of a project, and who may send them."""

import http.client
import json
import shutil
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest

from pipeline import paths
from pipeline.__main__ import main
from pipeline.base.files import read_csv, write_csv, write_json
from pipeline.base.work_folder import digest
from pipeline.commands.decide import REPLACED, WRONG_LABELS, Decider, paint_over
from pipeline.commands.review_server import ReviewServer
from pipeline.data.corrections.store import store_corrections
from pipeline.data.decisions import Decision, read_decisions, rejected_names, write_decisions
from pipeline.data.images import mask_png, read_mask, resize_mask, write_image, write_mask
from pipeline.data.manifest import Manifest, Sample, read_manifest, write_manifest
from pipeline.errors import UserError
from pipeline.report.review_images import ReviewSource
from pipeline.workflows.preparation import write_rejected
from pipeline.workflows.segmentation_training_files import masked_samples
from tests.end_to_end.project import change_params
from tests.report.review_project import (
    CLASSES,
    SIZE,
    open_image,
    open_page,
    pseudo_mask,
    shows,
    start_chromium,
    true_mask,
    write_review_project,
)

PIXELS = SIZE[0] * SIZE[1]
MASKS = Path("data/masks/cam")


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Manifest:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CAMSEG_WORKERS", "1")
    return write_review_project(tmp_path)


def shown(name: str) -> str:
    """What the page knows of the pseudo-mask of an image."""
    return digest((MASKS / f"{name}.png").read_bytes())


def runs(mask: np.ndarray) -> list[int]:
    return [value for id in mask.ravel().tolist() for value in (id, 1)]


def decision(
    name: str, kind: str | None, painted: np.ndarray | None = None, **changed: Any
) -> dict[str, Any]:
    return {
        "name": name,
        "decision": kind,
        "shown": shown(name) if (MASKS / f"{name}.png").exists() else "",
        "painted": None if painted is None else runs(painted),
    } | changed


def apply(*decisions: dict[str, Any], masks: str = "cam") -> int:
    write_json(Path("decisions.json"), {"camseg": "decisions 1", "masks": masks, "decisions": decisions})
    return main(["review", "apply", "decisions.json"])


def correction(name: str) -> np.ndarray | None:
    file = paths.CORRECTIONS / f"{name}.png"
    return read_mask(file) if file.exists() else None


def decided() -> dict[str, str]:
    return {name: found.decision for name, found in read_decisions(paths.DECISIONS).items()}


def correct(name: str, mask: np.ndarray, order: Sequence[str] = CLASSES) -> None:
    store_corrections(paths.CORRECTIONS, {name: mask_png(mask)}, order)


@pytest.mark.parametrize("name", ["a", "sub/c", "d"])
def test_accepted_masks_become_corrections(name: str) -> None:
    assert apply(decision(name, "accepted")) == 0
    assert (correction(name) == read_mask(MASKS / f"{name}.png")).all()
    assert decided() == {name: "accepted"}
    assert (paths.CORRECTIONS / "classes.txt").read_text().splitlines() == list(CLASSES)


def test_a_correction_is_found_without_a_look_at_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    correct("a", pseudo_mask([0, 1]))

    def listed(*_arguments: Any) -> NoReturn:
        raise AssertionError("the folder was listed")

    monkeypatch.setattr("pipeline.data.corrections.read.images_below", listed)
    sha256 = digest((paths.CORRECTIONS / "a.png").read_bytes())
    assert apply(decision("a", "accepted", shown=sha256)) == 0
    assert decided() == {"a": "accepted"}


@pytest.mark.parametrize("label", [0, 1, 255])
def test_painted_masks_become_corrections(label: int) -> None:
    painted = pseudo_mask([0, 1])
    painted[:5, :9] = label and (255 if label == 255 else label + 1)
    assert apply(decision("sub/c", "painted", painted)) == 0
    assert (correction("sub/c") == painted).all()


@pytest.mark.parametrize("order", [CLASSES, ("dog", "cat"), ("bird", "dog")])
def test_corrections_keep_the_order_of_their_classes(order: tuple[str, ...]) -> None:
    correct("a", np.zeros(SIZE, np.uint8), order)
    assert apply(decision("b", "accepted")) == 0
    listed = (paths.CORRECTIONS / "classes.txt").read_text().splitlines()
    assert listed == [*order, *(name for name in CLASSES if name not in order)]
    assert (correction("b") == np.where(pseudo_mask([1]), listed.index("dog") + 1, 0)).all()


def test_what_was_not_painted_keeps_every_pixel() -> None:
    rng = np.random.default_rng(0)
    mask = rng.integers(0, 3, (300, 200)).astype(np.uint8)
    small = resize_mask(mask, (30, 20))
    painted = small.copy()
    painted[10:20, 5:15] = 2
    result = paint_over(mask, painted)
    inside = np.zeros(mask.shape, bool)
    inside[100:200, 50:150] = True
    assert (result[~inside] == mask[~inside]).all()
    assert (result[inside & np.kron(painted != small, np.ones((10, 10), bool))] == 2).all()
    assert (paint_over(mask, small) == mask).all()


def test_a_large_image_gets_a_correction_of_its_own_size(project: Manifest) -> None:
    large = Sample("a", "a.png", "", *SIZE, (0,), "train", True, True, 2 * SIZE[0], 2 * SIZE[1])
    samples = tuple(large if s.name == "a" else s for s in project.samples)
    write_manifest(paths.PREPARED, Manifest("images", CLASSES, samples))
    write_image(Path("data/prepared/images/a.jpg"), np.zeros((*SIZE, 3), np.uint8))
    assert apply(decision("a", "accepted")) == 0
    assert (correction("a") == np.kron(pseudo_mask([0]), np.ones((2, 2), np.uint8))).all()


@pytest.mark.parametrize("kind", ["rejected", "wrong-label"])
def test_rejected_masks_train_no_model(kind: str, project: Manifest) -> None:
    assert apply(decision("a", kind), decision("b", "accepted")) == 0
    paths.CORRECTED.mkdir()
    write_rejected(project)
    assert (paths.CORRECTED / paths.REJECTED).read_text() == "a\n"
    (MASKS / paths.REJECTED).write_text("a\n")
    (MASKS / paths.BY_HAND).write_text("b\n")
    learnt = masked_samples(project, "cam")
    assert [sample.name for sample in learnt.samples] == ["b", "d", "e", "sub/c"]
    assert learnt.trusted == {"b"}
    assert "a" in [sample.name for sample in masked_samples(project, "full").samples]


def test_without_rejected_masks_nothing_is_written(project: Manifest) -> None:
    assert apply(decision("a", "accepted")) == 0
    paths.CORRECTED.mkdir()
    write_rejected(project)
    assert not list(paths.CORRECTED.iterdir())


@pytest.mark.parametrize(
    ("kind", "labels", "rejected"),
    [
        ("wrong-label", "cat", ["a"]),
        ("wrong-label", "dog", []),
        ("rejected", "dog", ["a"]),
        ("accepted", "cat", []),
    ],
)
def test_a_wrong_label_counts_until_it_is_changed(
    project: Manifest, kind: Any, labels: str, rejected: list[str]
) -> None:
    assert rejected_names(project, [Decision("a", kind, labels), Decision("gone", kind, labels)]) == rejected


def test_wrong_labels_are_listed_for_their_owner() -> None:
    assert apply(*(decision(name, "wrong-label") for name in ("sub/c", "f", "d"))) == 0
    assert read_csv(WRONG_LABELS) == [
        {"name": "d", "image": "d.png", "split": "train", "labels": ""},
        {"name": "f", "image": "f.png", "split": "val", "labels": "cat"},
        {"name": "sub/c", "image": "sub/c.png", "split": "train", "labels": "cat;dog"},
    ]
    assert apply(decision("f", None)) == 0
    assert [row["name"] for row in read_csv(WRONG_LABELS)] == ["d", "sub/c"]


@pytest.mark.parametrize("kind", ["accepted", "painted", "rejected", "wrong-label"])
def test_taking_back_restores_what_was_there(kind: str) -> None:
    mine = true_mask([0])
    correct("a", mine)
    painted = np.zeros(SIZE, np.uint8) if kind == "painted" else None
    assert apply(decision("a", kind, painted)) == 0
    now = correction("a")
    assert now is None if kind in ("rejected", "wrong-label") else (now != mine).any()
    assert (REPLACED / "a.png").exists()
    assert apply(decision("a", None)) == 0
    assert (correction("a") == mine).all()
    assert decided() == {}
    kept = [read_mask(file).tolist() for file in REPLACED.rglob("*.png")]
    assert kept == ([now.tolist()] if kind == "painted" else [])


@pytest.mark.parametrize("then", ["accepted", "rejected", "wrong-label", "painted"])
def test_what_a_person_has_painted_is_kept(then: str) -> None:
    painted = true_mask([0])
    assert apply(decision("a", "painted", painted)) == 0
    assert apply(decision("a", then, painted[::-1] if then == "painted" else None)) == 0
    files = list(REPLACED.rglob("*.png"))
    assert len(files) == (then != "painted")  # else it is painted further
    for file in files:
        assert (read_mask(file) == painted).all()


@pytest.mark.parametrize(
    "kinds", [("accepted", "rejected"), ("painted", "accepted"), ("rejected", "painted")]
)
def test_the_last_decision_counts(kinds: tuple[str, str]) -> None:
    painted = true_mask([0])
    for kind in kinds:
        assert apply(decision("a", kind, painted if kind == "painted" else None)) == 0
    assert decided() == {"a": kinds[1]}
    expected = {"accepted": pseudo_mask([0]), "rejected": None, "painted": painted}[kinds[1]]
    found = correction("a")
    assert found is None if expected is None else (found == expected).all()


def test_corrections_that_came_later_stay() -> None:
    assert apply(decision("a", "accepted")) == 0
    correct("a", true_mask([0]))
    assert apply(decision("a", None)) == 0
    assert (correction("a") == true_mask([0])).all()


def test_accepting_a_correction_changes_nothing() -> None:
    correct("a", true_mask([0]))
    content = (paths.CORRECTIONS / "a.png").read_bytes()
    assert apply(decision("a", "accepted", shown=digest(content))) == 0
    assert (paths.CORRECTIONS / "a.png").read_bytes() == content
    assert not REPLACED.exists()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"name": "zzz"}, "expected an image of the data set, got 'zzz'"),
        ({"name": "../../params"}, "expected an image of the data set"),
        ({"name": ["a"]}, "expected an image of the data set"),
        ({"name": "f"}, "f: expected a training image, got one of val: it scores"),
        ({"name": "g"}, "g: expected a training image, got one of test: it scores"),
        ({"decision": "maybe"}, "a: expected one of accepted, painted, rejected, wrong-label, got 'maybe'"),
        ({"shown": "0" * 64}, "a: its mask has changed since the page showed it"),
        ({"shown": "0" * 64, "decision": "rejected"}, "a: its mask has changed since the page showed it"),
        ({"shown": 3}, "a: expected a painted mask for `painted` alone"),
        ({"more": 1}, "expected a decision with name, decision, shown and painted"),
        ({"painted": [0, PIXELS]}, "a: expected a painted mask for `painted` alone"),
        ({"decision": "painted"}, "a: expected a painted mask for `painted` alone"),
        *(
            (
                {"decision": "painted", "painted": wrong},
                "a: expected a painted mask with ids 0..2 or 255 at 48 x 80",
            )
            for wrong in (
                [],
                [3, PIXELS],
                [0, PIXELS - 1],
                [0, -1, 0, PIXELS + 1],
                [0, 10**18],
                [0.0, PIXELS],
                "00",
                [0],
            )
        ),
        (
            {"decision": "painted", "painted": [2, PIXELS]},
            "expected the image-level labels of 'a': cat, got dog",
        ),
    ],
)
def test_what_does_not_fit_is_refused(
    capsys: pytest.CaptureFixture[str], changed: dict[str, Any], message: str
) -> None:
    assert apply(decision("a", "accepted") | changed, decision("b", "rejected")) == 1
    printed = capsys.readouterr()
    assert message in printed.err
    assert "1 decision(s) taken, 1 refused" in printed.out
    assert decided() == {"b": "rejected"}
    assert correction("a") is None


@pytest.mark.parametrize("masks", ["cam-round1", "full", "../cam"])
def test_decisions_on_masks_that_are_gone_are_refused(capsys: pytest.CaptureFixture[str], masks: str) -> None:
    assert apply(decision("a", "accepted"), masks=masks) == 2
    assert f"expected one of cam, got no {masks!r}" in capsys.readouterr().err
    assert decided() == {}


def test_decisions_count_for_the_masks_that_the_page_showed() -> None:
    Path("data/masks/cam-round1").mkdir()
    write_mask(Path("data/masks/cam-round1/a.png"), true_mask([0]))
    seen = digest(Path("data/masks/cam-round1/a.png").read_bytes())
    assert apply(decision("a", "accepted", shown=seen), masks="cam-round1") == 0
    assert (correction("a") == true_mask([0])).all()


def test_no_correction_is_ever_lost() -> None:
    correct("a", true_mask([0]))
    assert apply(decision("a", "accepted")) == 0  # the pseudo-mask takes its place
    second = np.zeros(SIZE, np.uint8)
    correct("a", second)  # ... and another tool takes that of the pseudo-mask
    assert apply(decision("a", "wrong-label")) == 0
    kept = [read_mask(file) for file in REPLACED.rglob("*.png")]
    assert any((mask == true_mask([0])).all() for mask in kept)
    assert any((mask == second).all() for mask in kept)


@pytest.mark.parametrize(
    "content", ["[]", "{}", '{"camseg": "decisions 9", "decisions": []}', '{"camseg": 1}', "x"]
)
def test_other_files_are_refused(capsys: pytest.CaptureFixture[str], content: str) -> None:
    Path("other.json").write_text(content)
    assert main(["review", "apply", "other.json"]) == 2
    assert "other.json: expected" in capsys.readouterr().err


@pytest.mark.parametrize("line", ["a,maybe,cat,", "a,accepted", "a,accepted,cat,,more", "name;decision"])
def test_a_spoilt_list_is_named(line: str) -> None:
    file = Path("decisions.csv")
    write_decisions(file, {})
    file.write_text(f"{file.read_text()}{line}\n")
    with pytest.raises(UserError, match=r"decisions\.csv, line 2: expected name, decision"):
        read_decisions(file)


@pytest.mark.parametrize("masks", ["cam-round1", "full", "../cam"])
def test_unknown_masks_are_refused(capsys: pytest.CaptureFixture[str], masks: str) -> None:
    assert main(["review", "build", "--masks", masks]) == 2
    assert f"expected one of cam, got no {masks!r}" in capsys.readouterr().err


def test_decisions_on_images_that_are_gone_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    write_decisions(paths.DECISIONS, {name: Decision(name, "rejected", "") for name in ("a", "gone")})
    assert main(["review", "build"]) == 0
    assert "1 decision(s) on images that are gone: gone." in capsys.readouterr().err


def test_the_round_before_a_fall_of_the_confidence_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    rounds = {"cam-round1": "cam", "cam-round2": "cam-round1"}
    for fall, masks in enumerate(rounds):
        shutil.copytree("data/masks/cam", f"data/masks/{masks}")
        rows = [{"name": name, "confidence": 0.9 - 0.1 * fall} for name in ("a", "b", "d")]
        write_csv(Path(f"reports/pseudo_masks/{masks}/images.csv"), tuple(rows[0]), rows)
    change_params(Path(), {"segmentation.supervision": [*reversed(rounds), "cam"]})
    change_params(Path(), {"self_training.rounds": rounds})
    assert main(["review", "build"]) == 0
    assert "so `cam-round1` leads." in capsys.readouterr().err
    assert '"mask":"cam-round1"' in Path("reports/review/index.js").read_text()
    assert main(["review", "build", "--masks", "cam-round2"]) == 0
    assert "leads" not in capsys.readouterr().err
    assert '"mask":"cam-round2"' in Path("reports/review/index.js").read_text()


@pytest.mark.parametrize("name", ["a", "b"])
def test_corrections_from_elsewhere_are_shown(name: str) -> None:
    assert main(["review", "build"]) == 0
    before = pages()
    correct(name, true_mask([0 if name == "a" else 1]))
    assert main(["review", "build"]) == 0
    after = pages()
    assert sum(after[file] != content for file, content in before.items()) == 1
    (paths.CORRECTIONS / f"{name}.png").unlink()
    assert main(["review", "build"]) == 0
    assert pages() == before


def pages() -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in (paths.REVIEW_PAGE / "images").iterdir()}


# ---- The server


@pytest.fixture
def server() -> Iterator[ReviewServer]:
    assert main(["review", "build"]) == 0
    manifest = read_manifest(paths.PREPARED)
    source = ReviewSource(manifest.without_samples(), "cam", "cam", "cam", 10)
    with ReviewServer(Decider(manifest, source), {"b": 0, "e": 1}, 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def ask(
    server: ReviewServer, path: str, method: str = "GET", body: bytes = b"", **headers: str
) -> tuple[int, bytes, dict[str, str]]:
    """Status, content and headers; `{token}` in the path is that of the server."""
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path.replace("{token}", server.token), body or None, sent)
    answer = connection.getresponse()
    result = answer.status, answer.read(), dict(answer.getheaders())
    connection.close()
    return result


def post(server: ReviewServer, body: object, **changed: str) -> tuple[int, bytes]:
    own = f"http://127.0.0.1:{server.server_port}"
    headers = {"Origin": own, "Content_Type": "application/json"} | changed
    return ask(server, "/{token}/decide", "POST", json.dumps(body).encode(), **headers)[:2]


@pytest.mark.parametrize(
    ("file", "kind"),
    [
        ("", "text/html"),
        ("review.css", "text/css"),
        ("review.js", "text/javascript"),
        ("images/000001.js", "text/javascript"),
    ],
)
def test_serves_the_page(server: ReviewServer, file: str, kind: str) -> None:
    status, content, headers = ask(server, f"/{{token}}/{file}")
    assert status == 200
    assert content == (paths.REVIEW_PAGE / (file or "index.html")).read_bytes()
    assert headers["Content-Type"] == f"{kind}; charset=utf-8"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "Access-Control-Allow-Origin" not in headers
    assert server.server_address[0] == "127.0.0.1"


@pytest.mark.parametrize("path", ["/", "/index.html", "/x/index.html", "//index.html", "/{token}x/", "/%00/"])
def test_strangers_get_nothing(server: ReviewServer, path: str) -> None:
    assert ask(server, path)[0] == 403


@pytest.mark.parametrize("host", ["evil.example", "evil.example:{port}", "127.0.0.1", "localhost:1", ""])
def test_other_names_of_this_machine_get_nothing(server: ReviewServer, host: str) -> None:
    assert ask(server, "/{token}/", Host=host.replace("{port}", str(server.server_port)))[0] == 403


@pytest.mark.parametrize(
    "path",
    [
        *(
            "../../params.yaml",
            "..%2f..%2fparams.yaml",
            "%2e%2e/%2e%2e/params.yaml",
            "/etc/passwd",
            "%2fetc%2fpasswd",
        ),
        *(
            "images",
            "images/999999.js",
            "linked.js",
            "linked/secret.js",
            "..\\..\\params.yaml",
            "a%00.js",
            "x" * 5000,
        ),
        *("../../secret.js", "review.py"),
    ],
)
def test_nothing_outside_the_page_is_read(server: ReviewServer, path: str, tmp_path: Path) -> None:
    (tmp_path / "secret.js").write_text("secret")
    (paths.REVIEW_PAGE / "linked.js").symlink_to(tmp_path / "secret.js")
    (paths.REVIEW_PAGE / "linked").symlink_to(tmp_path)
    status, content, _ = ask(server, f"/{{token}}/{path}")
    assert status == 404
    assert b"secret" not in content


def test_decisions_are_kept_at_once(server: ReviewServer) -> None:
    before = (paths.REVIEW_PAGE / "images/000000.js").read_bytes()
    assert post(server, decision("b", "painted", true_mask([1]))) == (200, b"{}")
    assert (correction("b") == true_mask([1])).all()
    assert decided() == {"b": "painted"}
    assert (paths.REVIEW_PAGE / "decisions.js").read_text() == 'camseg.decided([["b","painted"]]);\n'
    assert (paths.REVIEW_PAGE / "images/000000.js").read_bytes() != before


@pytest.mark.parametrize(
    "changed",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Host": "evil.example", "Origin": "http://evil.example"},
        {"Content_Type": "text/plain"},
        {"Content_Type": "application/x-www-form-urlencoded"},
    ],
)
def test_pages_of_others_decide_nothing(server: ReviewServer, changed: dict[str, str]) -> None:
    assert post(server, decision("b", "accepted"), **changed)[0] == 403
    assert decided() == {}


@pytest.mark.parametrize("body", [[], "a", {"name": "a"}, {}, None])
def test_broken_decisions_are_answered(server: ReviewServer, body: object) -> None:
    status, content = post(server, body)
    assert status == 400
    assert "expected a decision" in json.loads(content)["error"]


@pytest.mark.parametrize("length", ["4000001", "-1", "x", "999999999999"])
def test_large_decisions_are_refused(server: ReviewServer, length: str) -> None:
    assert post(server, {}, Content_Length=length)[0] == 413


@pytest.mark.parametrize("port", ["taken", "-1", "99999"])
def test_a_port_that_cannot_be_had(
    server: ReviewServer, port: str, capsys: pytest.CaptureFixture[str]
) -> None:
    number = str(server.server_port) if port == "taken" else port
    assert main(["review", "--no-browser", "--port", number]) == 2
    assert f"--port {number}: expected a free port" in capsys.readouterr().err


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    yield from start_chromium()


def test_a_person_decides_in_the_browser(server: ReviewServer, chromium: Any) -> None:
    page = open_page(chromium, server.address)
    open_image(page, "b")
    page.keyboard.press("a")
    page.wait_for_function("document.getElementById('name').textContent === 'e'")
    page.wait_for_timeout(300)
    page.keyboard.press("w")
    page.wait_for_timeout(500)
    assert decided() == {"b": "accepted", "e": "wrong-label"}
    page.reload()
    page.wait_for_selector(".tile b")
    shows(page, ".tile b", ["accepted", "label is wrong"])
    open_image(page, "b")
    page.keyboard.press("u")
    page.wait_for_timeout(500)
    assert decided() == {"e": "wrong-label"}
    assert correction("b") is None
    assert page.errors == []
    page.context.close()


def test_a_refusal_reaches_the_person(server: ReviewServer, chromium: Any) -> None:
    page = open_page(chromium, server.address)
    open_image(page, "b")
    (MASKS / "b.png").write_bytes(mask_png(true_mask([1])))
    page.keyboard.press("a")
    page.wait_for_selector("#message.error")
    assert "b: its mask has changed since the page showed it" in page.locator("#message").inner_text()
    shows(page, "#pace", "0 of 5")
    page.context.close()
