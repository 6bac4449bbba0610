"""Absolute heat: logits of cells, the levels of images without the class, and what stands in the store."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from pipeline import paths
from pipeline.base.files import read_json
from pipeline.classifier.network import Classifier, ClassifierConfig
from pipeline.data.images import write_image
from pipeline.data.manifest import Manifest, Sample
from pipeline.engine.mapping import Batch
from pipeline.heatmaps import absolute
from pipeline.heatmaps.absolute import AbsoluteHeat, cell_logits, measure_levels
from pipeline.heatmaps.levels import ClassLevels, has_levels, write_levels
from pipeline.masks.threshold import EVEN, normalised_odds, normalised_scores
from pipeline.params import HeatmapParams, load_params
from pipeline.workflows.heatmap_threshold import thresholded_heatmaps

CLASSES = ("disc", "square", "star")


@pytest.fixture(scope="module")
def net() -> Classifier:
    torch.manual_seed(0)
    return Classifier(ClassifierConfig("tu-resnet10t", 32, CLASSES)).eval()


@pytest.fixture
def params() -> HeatmapParams:
    update = {"methods": ("cam",), "values": "absolute", "flip": False, "scales": (1.0,)}
    return load_params().heatmaps.model_copy(update=update)


def sample(name: str, labels: Sequence[int], height: int = 64, width: int = 96) -> Sample:
    return Sample(name, f"{name}.png", "", height, width, tuple(labels), "train", False, False)


@pytest.mark.parametrize("size", [(64, 64), (96, 64), (64, 160)])
def test_cells_add_up_to_the_logit(net: Classifier, size: tuple[int, int]) -> None:
    images = torch.rand(2, 3, *size)
    with torch.inference_mode():
        logits = net(images)
    cells = cell_logits(net, [images], flip=False)
    torch.testing.assert_close(cells.mean((2, 3)), logits, rtol=1e-5, atol=1e-5)


def test_a_mirrored_image_has_mirrored_cells(net: Classifier) -> None:
    images = torch.rand(1, 3, 64, 96)
    cells, mirrored = cell_logits(net, [images], flip=True), cell_logits(net, [images.flip(-1)], flip=True)
    torch.testing.assert_close(mirrored, cells.flip(-1))
    alone = cell_logits(net, [images], flip=False)
    assert not torch.allclose(alone, cells)


def test_scales_are_averaged_on_the_finest_map(net: Classifier) -> None:
    small, large = torch.rand(1, 3, 64, 64), torch.rand(1, 3, 128, 128)
    cells = cell_logits(net, [small, large], flip=False)
    first, second = cell_logits(net, [small], flip=False), cell_logits(net, [large], flip=False)
    assert cells.shape == second.shape == (1, 3, 4, 4)
    resized = torch.nn.functional.interpolate(first, (4, 4), mode="bilinear", align_corners=False)
    torch.testing.assert_close(cells, (resized + second) / 2)


def stub_cells(net: Classifier, pyramid: Sequence[Tensor], *, flip: bool) -> Tensor:
    """The colours of the pixels are the logits of three classes: red disc, green square, blue star."""
    return pyramid[0]


@pytest.fixture
def images(tmp_path: Path) -> Manifest:
    """Images of noise; number i is as bright as i."""
    rng, samples = np.random.default_rng(1), []
    labels = [(0,), (0, 1), (1,), (), (0,), (1,), (), (0, 1)]
    for number, of_image in enumerate(labels):
        noise = rng.integers(0, 20 * (number + 1), (64, 96, 3), np.uint8)
        write_image(tmp_path / f"{number}.png", noise)
        samples.append(sample(f"{number}", of_image))
    return Manifest(str(tmp_path), CLASSES, tuple(samples))


def by_hand(manifest: Manifest, label: int, cells: float, of_images: float) -> float:
    """Two sorted lists and linear interpolation between their members, as quantiles are defined."""

    def quantile(values: Sequence[float], q: float) -> float:
        ordered = sorted(values)
        place = q * (len(ordered) - 1)
        low = int(place)
        high = min(low + 1, len(ordered) - 1)
        return ordered[low] + (place - low) * (ordered[high] - ordered[low])

    without = [s for s in manifest.samples if label not in s.labels]
    return quantile(
        [quantile((manifest.image(s)[..., label] / 255.0).ravel().tolist(), cells) for s in without],
        of_images,
    )


def test_levels_are_quantiles_of_quantiles(
    images: Manifest, params: HeatmapParams, net: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(absolute, "cell_logits", stub_cells)
    levels = measure_levels(net, images, images.samples, params, [96])
    assert levels.images == (4, 4, 8)
    expected = [by_hand(images, label, 0.99, 0.9) for label in range(3)]
    np.testing.assert_allclose(levels.logits, expected, atol=1e-6)


def test_at_most_so_many_images_of_a_class_are_looked_at(
    images: Manifest, params: HeatmapParams, net: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(absolute, "cell_logits", stub_cells)
    monkeypatch.setattr(absolute, "MOST", 3)
    assert measure_levels(net, images, images.samples, params, [96]).images == (3, 3, 3)


@pytest.mark.parametrize("background", [True, False])
def test_without_images_to_measure_on_the_level_is_the_logit_0(
    images: Manifest, params: HeatmapParams, net: Classifier, background: bool
) -> None:
    always = [sample(s.name, (0, 1, 2)) for s in images.samples]
    manifest = Manifest(images.root, CLASSES, tuple(always if background else images.samples), background)
    assert measure_levels(net, manifest, manifest.samples, params, [96]) == ClassLevels((0.0,) * 3, (0,) * 3)


def test_heat_is_one_half_at_the_level(
    params: HeatmapParams, net: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = torch.randn(2, 3, 16, 24)
    monkeypatch.setattr(absolute, "cell_logits", lambda *_, **__: cells)
    levels = (0.5, -1.0, 2.0)
    heat = AbsoluteHeat(net, ClassLevels(levels, (1, 1, 1)), params, 96)
    batch = Batch([sample("a", (0, 2)), sample("b", (1,))], [torch.zeros(2, 3, 64, 96)], [])
    maps = heat.heatmaps(batch)["cam"]  # a cell for each 4 x 4 pixels: the size of `cells`
    assert maps.shape == (2, 2, 16, 24)
    for image, place, label in ((0, 0, 0), (0, 1, 2), (1, 0, 1)):
        expected = 1 / (1 + np.exp(levels[label] - cells[image, label].double().numpy()))
        np.testing.assert_allclose(maps[image, place], expected, atol=1e-6)
        assert torch.equal(maps[image, place] > EVEN, cells[image, label] > levels[label])
    assert not maps[1, 1].any()


def test_images_without_labels_have_no_heat(params: HeatmapParams, net: Classifier) -> None:
    heat = AbsoluteHeat(net, ClassLevels((0.0,) * 3, (0,) * 3), params, 96)
    batch = Batch([sample("a", ())], [torch.rand(1, 3, 64, 96)], [])
    assert not heat.heatmaps(batch)["cam"].any()


def test_the_level_is_the_threshold_of_absolute_heat(
    images: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "HEATMAPS", tmp_path)
    write_levels(tmp_path / "cam", ClassLevels((1.5, 0.0, -2.0), (4, 0, 8)), CLASSES)
    assert has_levels(tmp_path / "cam")
    assert not has_levels(tmp_path / "gradcam")
    assert read_json(tmp_path / "cam" / "levels.json")["disc"] == {"logit": 1.5, "images": 4}
    section = load_params().pseudo_masks
    heat = thresholded_heatmaps("cam", section.model_copy(update={"threshold": "auto"}), images)
    assert (heat.threshold, heat.normalise) == (EVEN, normalised_odds)
    given = thresholded_heatmaps("cam", section.model_copy(update={"threshold": 0.3}), images)
    assert (given.threshold, given.normalise) == (0.3, normalised_odds)
    (tmp_path / "cam" / "levels.json").unlink()
    relative = thresholded_heatmaps("cam", section.model_copy(update={"threshold": 0.3}), images)
    assert (relative.threshold, relative.normalise) == (0.3, normalised_scores)


@pytest.mark.parametrize("methods", [["cam", "gradcampp"], ["gradcam"], ["gradcampp", "cam"]])
def test_only_cam_has_absolute_values(methods: list[str]) -> None:
    raw = load_params().heatmaps.model_dump()
    with pytest.raises(ValidationError, match=r"expected methods \[cam\] for absolute values"):
        HeatmapParams.model_validate(raw | {"methods": methods, "values": "absolute"})
