"""Counts of a data set, by hand."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline.base.sizes import crop_side
from pipeline.commands.encoder_choice import classifier_cell
from pipeline.commands.estimate import (
    EVIDENCE,
    EVIDENCE_SCALES,
    LEARNT,
    SMALL,
    estimate_bytes,
    estimate_seconds,
)
from pipeline.commands.overview import (
    co_occurrence,
    fitting_long_side,
    image_sizes,
    images_per_class,
    labels_per_image,
)
from pipeline.data.manifest import Manifest, Sample
from pipeline.engine.encoders import multiplications
from pipeline.heatmaps.cell_evidence import MOST, SCALE
from pipeline.params import Params, SegmentationParams, load_params
from pipeline.workflows.learnt_pixels import IMAGES


def sample(name: str, size: tuple[int, int], labels: tuple[int, ...], split: str = "train") -> Sample:
    return Sample(name, f"images/{name}.jpg", "", *size, labels, split, True, True)  # type: ignore[arg-type]


MANIFEST = Manifest(
    "data/raw",
    ("cat", "dog", "cow"),
    (
        sample("a", (100, 200), (0, 1)),
        sample("b", (300, 150), (0,)),
        sample("c", (120, 160), (), "val"),
        sample("d", (90, 400), (0, 1), "val"),
    ),
)


def test_counts() -> None:
    counts = images_per_class(MANIFEST)
    assert {split: images.tolist() for split, images in counts.items()} == {
        "train": [2, 1, 0],
        "val": [1, 1, 0],
        "test": [0, 0, 0],
    }
    assert labels_per_image(MANIFEST) == {0: 1, 1: 1, 2: 2}
    np.testing.assert_array_equal(co_occurrence(MANIFEST), [[3, 2, 0], [2, 2, 0], [0, 0, 0]])


def test_sizes() -> None:
    assert image_sizes(MANIFEST) == {
        "height": (90, 110, 300),
        "width": (150, 180, 400),
        "long side": (160, 250, 400),
    }
    assert fitting_long_side(MANIFEST) == 256  # 250 / 32 = 7.8


@pytest.mark.parametrize(("longer", "expected"), [(20, 32), (100, 96), (256, 256), (4000, 320)])
def test_fitting_long_side(longer: int, expected: int) -> None:
    assert fitting_long_side(Manifest("", (), (sample("a", (10, longer), ()),))) == expected


def test_estimate_grows_with_steps_and_images() -> None:
    params = load_params()
    seconds = estimate_seconds(MANIFEST, params)
    # Each crop costs 1.4 x 1.1 s per megapixel, and reading its image 0.02: a and b, 100 x 200 and 300 x 150.
    training = params.classifier.training
    crop = crop_side(training, params.data.long_side)
    one = 1.4 * 1.1 * crop**2 + 0.02 * (20_000 + 45_000) / 2
    core_seconds = training.steps * training.batch_size * one / 1e6
    assert seconds["train_classifier"] == pytest.approx(core_seconds / 1.6)
    twice = Manifest(MANIFEST.root, MANIFEST.classes, MANIFEST.samples * 2)
    more = estimate_seconds(twice, params)
    assert more["make_heatmaps"] == pytest.approx(2 * seconds["make_heatmaps"])
    assert more["make_pseudo_masks"] == pytest.approx(2 * seconds["make_pseudo_masks"])
    assert estimate_bytes(twice, params) > estimate_bytes(MANIFEST, params)


def test_large_images_cost_time_in_prepare_alone() -> None:
    params = load_params()
    large = tuple(
        replace(s, original_height=10 * s.height, original_width=10 * s.width) for s in MANIFEST.samples
    )
    manifest = replace(MANIFEST, samples=large)
    seconds, more = estimate_seconds(MANIFEST, params), estimate_seconds(manifest, params)
    assert more["prepare"] == pytest.approx(100 * seconds["prepare"])
    assert {**more, "prepare": 0} == {**seconds, "prepare": 0}
    copies = estimate_bytes(manifest, params) - estimate_bytes(MANIFEST, params)
    assert copies == pytest.approx(0.5 * (20_000 + 45_000 + 19_200 + 36_000))
    assert image_sizes(manifest)["long side"] == (1600, 2500, 4000)


def test_estimate_knows_the_depths_of_heatmaps() -> None:
    params = load_params()
    deep = params.model_copy(update={"heatmaps": params.heatmaps.model_copy(update={"depths": 3})})
    one, three = estimate_seconds(MANIFEST, params), estimate_seconds(MANIFEST, deep)
    assert three["make_heatmaps"] == pytest.approx(1.8 * one["make_heatmaps"])  # 1 + 2 * 0.4
    assert {k for k in one if one[k] != three[k]} == {"make_heatmaps"}


def test_estimate_knows_what_tells_the_size_of_objects() -> None:
    assert (EVIDENCE, EVIDENCE_SCALES) == (MOST, (1, SCALE))
    params = load_params()  # of large objects, which need no evidence
    found_out = params.model_copy(update={"heatmaps": params.heatmaps.model_copy(update={"objects": "auto"})})
    leaves = [sample(f"leaf{i}", (128, 128), (0,) if i % 2 else ()) for i in range(300)]
    for count, looked_at in ((10, 0), (300, 200), (60, 60)):  # fewer than 20 lack the class; 100 of each kind
        manifest = Manifest("", ("rust",), tuple(leaves[:count]))
        large, small = estimate_seconds(manifest, params), estimate_seconds(manifest, found_out)
        expected = looked_at * 0.128**2 * 0.35 * (1 + 9) / 1.6
        assert small["make_heatmaps"] - large["make_heatmaps"] == pytest.approx(expected)


def test_estimate_knows_self_training() -> None:
    params = load_params()
    once = estimate_seconds(MANIFEST, params)
    supervision = ("cam", "cam-round1", "full")
    values = {
        "self_training": params.self_training.model_copy(update={"rounds": {"cam-round1": "cam"}}),
        "segmentation": params.segmentation.model_copy(update={"supervision": supervision}),
    }
    trained_twice = params.model_copy(update=values)
    twice = estimate_seconds(MANIFEST, trained_twice)
    # Masks of two heatmap methods, and then those of a model; two models, then three.
    assert once["self_train"] == 0 < twice["self_train"]
    assert twice["make_pseudo_masks"] == pytest.approx(3 / 2 * once["make_pseudo_masks"])
    assert 3 / 2 < twice["train_segmentation"] / once["train_segmentation"] < 2
    assert estimate_bytes(MANIFEST, trained_twice) > estimate_bytes(MANIFEST, params)


def test_a_teacher_costs_time_where_masks_are_not_true() -> None:
    params = load_params()
    section = params.segmentation
    still = section.model_copy(update={"teacher": section.teacher.model_copy(update={"confidence": 1})})
    only_true = section.model_copy(update={"supervision": ("full",)})

    def seconds(section: SegmentationParams) -> float:
        changed = params.model_copy(update={"segmentation": section})
        return estimate_seconds(MANIFEST, changed)["train_segmentation"]

    assert seconds(section) > 1.05 * seconds(still)
    assert seconds(only_true) == pytest.approx(seconds(still) / 2)


def changed(params: Params, section: str, **values: object) -> Params:
    whole = getattr(params, section)
    return params.model_copy(update={section: whole.model_copy(update=values)})


@pytest.mark.parametrize(
    ("refine", "seconds"),
    [
        # a has 2 labels and the background, b 1: 100 x 200 and 300 x 150 pixels are solved at their own size.
        ("none", 0),
        ("crf", 0.05 * 5 * (3 * 0.02 + 2 * 0.045)),
        ("colours", 0.05 * 5 * (3 * 0.02 + 2 * 0.045)),
        ("par", (0.8 + 0.015 * 10) * (0.02 + 0.045)),
        ("segments", 0.4 * (0.02 + 0.045)),
        # Both images are learnt from too.
        ("pixels", 2 * (0.05 * 5 * (3 * 0.02 + 2 * 0.045) + 0.35 * (0.02 + 0.045))),
        ("auto", 2 * (0.05 * 5 * (3 * 0.02 + 2 * 0.045) + 0.35 * (0.02 + 0.045))),
    ],
)
def test_estimate_knows_the_refiners(refine: str, seconds: float) -> None:
    assert LEARNT == IMAGES
    params = changed(load_params(), "pseudo_masks", refine=refine)
    found = estimate_seconds(MANIFEST, params)["make_pseudo_masks"]
    assert found == pytest.approx(len(params.heatmaps.methods) * seconds / 1.6)


def test_estimate_knows_the_refinement_of_predictions() -> None:
    params = changed(load_params(), "evaluation", refine="crf")
    plain, refined = (estimate_seconds(MANIFEST, p)["evaluate"] for p in (load_params(), params))
    of_d = 0.05 * 5 * 3 * 90 * 400 / 1e6  # the other val image shows nothing
    assert refined - plain == pytest.approx(2 * of_d / 1.6)  # two models


def test_estimate_knows_the_encoder_of_the_walk() -> None:
    params = load_params()
    walk = params.heatmaps.walk
    small = changed(params, "heatmaps", walk=walk.model_copy(update={"features": "tu-resnet10t"}))
    plain, more = (estimate_seconds(MANIFEST, p)["make_heatmaps"] for p in (params, small))
    area = (64 * 128 + 128 * 64) / 1e6  # at 128 pixels, where it sees each image once
    assert more - plain == pytest.approx(0.35 * area / 1.6)
    assert multiplications("tu-resnet10t") == pytest.approx(SMALL)
    unknown = changed(params, "heatmaps", walk=walk.model_copy(update={"features": "no-such-encoder"}))
    assert estimate_seconds(MANIFEST, unknown)["make_heatmaps"] == pytest.approx(more)


def test_multiplications_by_hand() -> None:
    """12 blocks of 192 channels: linear layers, and products of 14 x 14 patches and the class token."""
    tokens = 14**2 + 1
    per_token = 12 * (12 * 192**2 + 2 * tokens * 192)
    patches = 3 * 16**2 * 192 * 14**2
    by_hand = (tokens * per_token + patches) / 224**2
    assert multiplications("tu-vit_tiny_patch16_224") == pytest.approx(by_hand, rel=0.01)


@pytest.mark.parametrize(
    ("encoder", "cell"), [("tu-vit_tiny_patch16_224", 16), ("tu-resnet10t", 32), ("mobilenet_v2", 32)]
)
def test_the_cells_of_a_plain_transformer_are_its_patches(encoder: str, cell: int) -> None:
    params = changed(load_params(), "classifier", encoder=encoder)
    assert classifier_cell(params) == cell
