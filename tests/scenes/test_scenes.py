"""The rendered data set: exact masks, the same bytes everywhere, and switches that do what they say."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from pipeline.params import ScenesParams
from pipeline.scenes import layout, render
from pipeline.scenes.objects import CLASSES
from pipeline.scenes.paint import ENLARGE, fill
from pipeline.scenes.render import Scene, render_scene
from pipeline.scenes.visibility import Instance, instance_map

BOAT = CLASSES.index("boat") + 1
COUNT = 120  # scenes per measurement
PLAIN = {"occlusion": False, "clutter": False}  # rendered once for several tests
UNTIED = {"context_bias": 0.0, "shared_bodies": False}


@dataclass(frozen=True, eq=False)
class Shot:
    """A scene with the kind of its background and its items."""

    scene: Scene
    kind: str
    items: list[Instance]

    @property
    def labels(self) -> set[int]:
        return set(np.unique(self.scene.mask).tolist()) - {0}


def scene_params(**changes: Any) -> ScenesParams:
    values: dict[str, Any] = {
        "train": 800,
        "val": 200,
        "long_side": 96,
        "empty_share": 0.08,
        "max_classes": 3,
        "max_instances": 4,
        "size_range": (0.22, 0.75),
        "shared_bodies": True,
        "context_bias": 0.95,
        "occlusion": True,
        "clutter": True,
    }
    return ScenesParams.model_validate(values | changes)


@cache
def shots(**changes: Any) -> tuple[Shot, ...]:
    """`COUNT` scenes through the real renderer, with kind and items noted on the way."""
    params = scene_params(**changes)
    noted: list[Any] = []

    def noting(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            noted.append(function(*arguments))
            return noted[-1]

        return call

    scenes = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(render, "draw_background_kind", noting(layout.draw_background_kind))
        patch.setattr(render, "arrange", noting(layout.arrange))
        for index in range(COUNT):
            scene = render_scene(index, "train", 5, params)
            kind, items = noted[-2:]
            scenes.append(Shot(scene, kind, items))
    return tuple(scenes)


def objects(shot: Shot) -> list[Instance]:
    return [item for item in shot.items if item.label]


@cache
def seen_and_whole(shot: Shot) -> list[tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]]:
    """For every object its visible pixels and the pixels it would cover alone."""
    size = shot.scene.mask.shape
    seen = instance_map(shot.items, size)
    return [
        (seen == number, instance_map([item], size) > 0)
        for number, item in enumerate(shot.items, start=1)
        if item.label
    ]


def packed(scene: Scene) -> bytes:
    return scene.image.tobytes() + scene.mask.tobytes()


def test_bytes_depend_on_the_arguments_only() -> None:
    params = scene_params()
    forward = [packed(render_scene(i, "train", 3, params)) for i in range(8)]
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    np.random.seed(0)  # noqa: NPY002 - the global generator must not matter
    try:
        backward = [packed(render_scene(i, "train", 3, params)) for i in reversed(range(8))]
    finally:
        cv2.setNumThreads(threads)
    assert forward == backward[::-1]
    assert len(set(forward)) == 8


def test_index_split_and_seed_each_change_the_scene() -> None:
    params = scene_params()
    cases = [(0, "train", 3), (1, "train", 3), (0, "val", 3), (0, "train", 4)]
    assert len({packed(render_scene(*case, params)) for case in cases}) == 4


def test_unknown_split_is_refused() -> None:
    with pytest.raises(ValueError, match=r"expected split to be one of .*'test'"):
        render_scene(0, "test", 0, scene_params())


def test_arrays_and_ids() -> None:
    for shot in shots():
        assert shot.scene.image.dtype == shot.scene.mask.dtype == np.uint8
        assert shot.scene.image.shape == (*shot.scene.mask.shape, 3)
        assert shot.labels <= set(range(1, len(CLASSES) + 1))
        assert shot.labels == {item.label for item in objects(shot)}
    assert set.union(*(shot.labels for shot in shots())) == {1, 2, 3, 4, 5}


def test_sizes_vary_and_are_not_square() -> None:
    sizes = {shot.scene.mask.shape for shot in shots()}
    # 96 px: short sides 72, 64, 77 -> 80 and 80, in both orientations.
    assert sizes == {(72, 96), (64, 96), (80, 96), (96, 72), (96, 64), (96, 80)}
    sizes = {render_scene(i, "val", 0, scene_params(long_side=160)).mask.shape for i in range(60)}
    assert sizes == {(s, 160) for s in (120, 104, 128, 136)} | {(160, s) for s in (120, 104, 128, 136)}


def test_no_slivers_and_enough_area_for_every_label() -> None:
    for shot in shots(long_side=160):
        for label in shot.labels:
            binary = (shot.scene.mask == label).astype(np.uint8)
            _, _, stats, _ = cv2.connectedComponentsWithStats(binary, connectivity=8)
            assert stats[1:, cv2.CC_STAT_AREA].min() >= 24


def test_mask_is_the_majority_of_the_painted_outline() -> None:
    """Coverage from a much finer grid (16x) and the mask agree where coverage is not near one half."""
    wrong = edges = 0
    for shot in shots()[:25]:
        rows, columns = shot.scene.mask.shape
        fine = np.zeros((rows * 16, columns * 16), np.uint8)
        for item in shot.items:
            for part in item.parts:
                cv2.fillPoly(fine, [np.rint(part.outline * 16 - 0.5).astype(np.int32)], item.label)
        for label in shot.labels:
            cover = (fine == label).reshape(rows, 16, columns, 16).mean(axis=(1, 3))
            mask = shot.scene.mask == label
            edge = (cover > 0) & (cover < 1)
            clear = np.abs(cover - 0.5) > 0.25
            wrong += int((clear & (mask != (cover > 0.5))).sum())
            edges += int(edge.sum())
    assert wrong < 0.02 * edges


def test_fill_places_pixel_centres_exactly() -> None:
    # A box over rows 1..2 and columns 2..4 of a 4 x 6 image covers exactly those pixels.
    enlarged = np.zeros((4 * ENLARGE, 6 * ENLARGE), np.uint8)
    fill(enlarged, np.array([(2.0, 1.0), (5.0, 1.0), (5.0, 3.0), (2.0, 3.0)]), 1)
    expected = np.zeros((4, 6), np.uint8)
    expected[1:3, 2:5] = 1
    np.testing.assert_array_equal(enlarged[1::ENLARGE, 1::ENLARGE], expected)


def test_image_changes_where_the_mask_does() -> None:
    """Colour steps over the mask's edges are large, and largest when mask and image are aligned."""
    steps = dict.fromkeys(product((-1, 0, 1), repeat=2), 0.0)
    within_masks, edges, pixels = 0.0, 0, 0
    for shot in shots(**PLAIN):
        image = shot.scene.image.astype(np.float64)
        jump = np.abs(image[:, 2:] - image[:, :-2]).sum(axis=2)  # centred on the column between
        for shift in steps:
            mask = np.roll(shot.scene.mask, shift, axis=(0, 1))
            steps[shift] += jump[mask[:, 2:] != mask[:, :-2]].sum()
        edge = shot.scene.mask[:, 2:] != shot.scene.mask[:, :-2]
        within = ~edge & (shot.scene.mask[:, 1:-1] > 0)
        within_masks, edges, pixels = (
            within_masks + jump[within].sum(),
            edges + int(edge.sum()),
            pixels + int(within.sum()),
        )
    assert max(steps, key=lambda shift: steps[shift]) == (0, 0)
    assert steps[0, 0] / edges > 3 * within_masks / pixels


def test_share_of_empty_images() -> None:
    empty = np.mean([not shot.labels for shot in shots()])
    assert 0.02 < empty < 0.15  # 0.08 +- 2.5 standard deviations of 120 draws
    assert not any(render_scene(i, "val", 0, scene_params(empty_share=1)).mask.any() for i in range(10))
    full = scene_params(empty_share=0)
    assert all(render_scene(i, "val", 0, full).mask.any() for i in range(30))
    tiny = scene_params(empty_share=0, long_side=64, size_range=(0.1, 0.1))
    assert np.mean([render_scene(i, "val", 0, tiny).mask.any() for i in range(30)]) > 0.8


def test_several_classes_and_instances_within_their_limits() -> None:
    assert {len(shot.labels) for shot in shots()} == {0, 1, 2, 3}
    assert {len(objects(shot)) for shot in shots()} == {0, 1, 2, 3, 4}
    single = shots(**PLAIN, max_classes=1, max_instances=2)
    assert {len(shot.labels) for shot in single} == {0, 1}
    assert {len(objects(shot)) for shot in single} == {0, 1, 2}


def test_object_sizes_fill_the_range() -> None:
    shares = []
    for shot in shots(**PLAIN, max_classes=1, max_instances=2):
        for seen, _ in seen_and_whole(shot):
            rows, columns = np.nonzero(seen)
            border = np.concatenate([seen[0], seen[-1], seen[:, 0], seen[:, -1]])
            extent = max(np.ptp(rows), np.ptp(columns)) + 1
            assert extent <= 0.75 * min(seen.shape) + 2
            if not border.any():
                assert extent >= 0.22 * min(seen.shape) - 2
                shares.append(extent / min(seen.shape))
    assert min(shares) < 0.28
    assert max(shares) > 0.62


def boats_on_water(scenes: tuple[Shot, ...]) -> float:
    return float(np.mean([shot.kind == "water" for shot in scenes if BOAT in shot.labels]))


def test_context_bias_ties_boats_to_water() -> None:
    assert boats_on_water(shots()) > 0.85
    assert boats_on_water(shots(**UNTIED)) == 0.0
    wet = [BOAT in shot.labels for shot in shots() if shot.kind == "water"]
    assert 0.4 < np.mean(wet) < 0.8  # water without a boat is common too


def test_occlusion_switch() -> None:
    hidden = [(seen != whole).any() for shot in shots() for seen, whole in seen_and_whole(shot)]
    assert np.mean(hidden) > 0.15
    for shot in shots(**PLAIN):
        assert all(np.array_equal(seen, whole) for seen, whole in seen_and_whole(shot))


def test_occluded_objects_stay_recognisable() -> None:
    for shot in shots():
        for seen, whole in seen_and_whole(shot):
            assert seen.sum() >= 0.45 * whole.sum()


def test_clutter_switch() -> None:
    def ground_contrast(clutter: bool) -> float:
        params = scene_params(empty_share=1.0, clutter=clutter)
        grounds = [render_scene(i, "train", 1, params).image[-40:].astype(np.float64) for i in range(40)]
        return float(np.mean([ground.std(axis=(0, 1)).mean() for ground in grounds]))

    assert np.mean([len(s.items) > len(objects(s)) for s in shots()]) > 0.9
    assert all(len(s.items) == len(objects(s)) for s in shots(**PLAIN))
    assert ground_contrast(True) > 1.4 * ground_contrast(False)


def colour_tells_class(scenes: tuple[Shot, ...]) -> float:
    """Variance of the mean animal colour between classes over that within classes."""
    colours: dict[int, list[npt.NDArray[np.float64]]] = {label: [] for label in range(1, 5)}
    for shot in scenes:
        for (seen, _), item in zip(seen_and_whole(shot), objects(shot), strict=True):
            if item.label != BOAT and shot.kind != "night":
                colours[item.label].append(shot.scene.image[seen].mean(axis=0))
    means = np.array([np.mean(c, axis=0) for c in colours.values()])
    within = np.mean([np.var(c, axis=0).sum() for c in colours.values()])
    return float(np.var(means, axis=0).sum() / within)


def test_shared_bodies_switch() -> None:
    # Favourite colours hint at the class, but vary more within a class than between classes.
    assert colour_tells_class(shots()) < 0.7
    assert colour_tells_class(shots(**UNTIED)) > 1.0


def test_every_object_shows_its_key_part() -> None:
    for shot in shots():
        seen = instance_map(shot.items, shot.scene.mask.shape)
        for number, item in enumerate(shot.items, start=1):
            if item.label:
                key = [Instance(1, tuple(p for p in item.parts if p.key), item.tint, item.base)]
                area = instance_map(key, shot.scene.mask.shape) > 0
                assert (area & (seen == number)).sum() >= 8


def test_objects_stand_out_from_what_is_behind_them() -> None:
    """The mean colours inside and just outside of nearly all outlines differ clearly."""
    gaps = []
    for shot in shots(**PLAIN):
        for seen, _ in seen_and_whole(shot):
            near = cv2.dilate(seen.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
            around = near & (shot.scene.mask == 0)
            gaps.append(np.linalg.norm(shot.scene.image[seen].mean(0) - shot.scene.image[around].mean(0)))
    assert np.percentile(gaps, 10) > 55
