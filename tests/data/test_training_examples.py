"""Training examples: by number, with one geometry for image and mask."""

from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.base.sizes import crop_side
from pipeline.data.images import write_image
from pipeline.data.manifest import Manifest, Sample
from pipeline.data.training_examples import TrainingStream, derive_seed, epoch_order
from pipeline.params import TrainingParams, load_params

IDS = np.array([0, 3, 200], np.uint8)  # far apart: an interpolated id would be another number


def params(**changes: object) -> TrainingParams:
    base = load_params(Path("params.yaml")).segmentation.training.model_dump()
    return TrainingParams.model_validate({**base, "colour_jitter": 0.0, **changes})


@pytest.fixture
def stream(tmp_path: Path) -> TrainingStream:
    """Images whose red is their mask's id, in blocks of 20 pixels."""
    rng = np.random.default_rng(0)
    masks, samples = {}, []
    for i in range(4):
        mask = np.kron(rng.choice(IDS, (4, 6)), np.ones((20, 20), np.uint8)).astype(np.uint8)
        write_image(tmp_path / f"{i}.png", np.dstack([mask, mask, mask]))
        samples.append(Sample(str(i), f"{i}.png", "", 80, 120, (), "train", True, True))
        masks[str(i)] = mask
    manifest = Manifest(str(tmp_path), ("a",), tuple(samples))
    return TrainingStream(
        manifest,
        samples,
        lambda s: masks[s.name],
        params(),
        long_side=120,
        crop=crop_side(params(), 120),
        seed=5,
    )


def test_image_and_mask_get_the_same_geometry_and_ids_are_never_mixed(stream: TrainingStream) -> None:
    agreeing = []
    for index in range(20):
        image, mask = stream[index]
        assert image.shape == (3, 64, 64)
        assert mask.shape == (64, 64)
        assert mask.dtype == torch.int64
        assert set(mask.unique().tolist()) <= {*IDS.tolist(), 255}
        known = mask != 255
        # Away from block edges, red is the id; a flip or crop of one of them alone would break it.
        agreeing.append(((image[0] * 255 - mask).abs() < 2)[known].float().mean().item())
    assert np.mean(agreeing) > 0.8


def test_a_target_of_several_parts_has_the_geometry_of_the_image(stream: TrainingStream) -> None:
    alone, masks = [stream[index] for index in range(6)], stream.target
    labels = torch.tensor([0.5, 2.0])
    stream.target = lambda sample: (labels, masks(sample))  # type: ignore[assignment,return-value]
    for index, (image, mask) in enumerate(alone):
        same, target = stream[index]
        assert torch.equal(same, image)
        assert isinstance(target, tuple)
        assert torch.equal(target[0], labels)
        assert target[1].dtype == torch.int64
        assert type(target[1]) is torch.Tensor
        assert torch.equal(target[1], mask)


def test_beyond_the_image_is_ignored(stream: TrainingStream) -> None:
    image, mask = next(stream[i] for i in range(40) if (stream[i][1] == 255).any())
    assert torch.allclose(image[:, mask == 255].mean(1) * 255, torch.tensor([124.0, 116, 104]), atol=1)


def test_the_same_number_gives_the_same_bytes(stream: TrainingStream) -> None:
    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    first = stream[7]
    assert torch.equal(torch.random.get_rng_state(), before)
    stream[3]
    torch.manual_seed(2)
    second = stream[7]
    assert torch.equal(first[0], second[0])
    assert torch.equal(first[1], second[1])


def test_every_epoch_shows_each_sample_once_in_another_order(stream: TrainingStream) -> None:
    epochs = [[stream._sample_index(4 * e + i) for i in range(4)] for e in range(6)]
    assert all(sorted(epoch) == [0, 1, 2, 3] for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) > 1


def test_the_order_of_an_epoch_is_drawn_once(stream: TrainingStream, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = [int(np.random.default_rng([5, e]).permutation(4)[i]) for e in (0, 1) for i in range(4)]
    drawn: list[object] = []
    draw = np.random.default_rng
    monkeypatch.setattr(np.random, "default_rng", lambda seed: drawn.append(seed) or draw(seed))
    epoch_order.cache_clear()
    assert [stream._sample_index(index) for index in range(8)] == expected
    assert drawn == [[5, 0], [5, 1]]


def test_crop_is_a_multiple_of_32() -> None:
    assert [crop_side(params(crop=0.8), side) for side in (32, 128, 160, 320)] == [32, 96, 128, 256]


def test_seeds_differ_by_every_part() -> None:
    assert len({derive_seed(a, b) for a in range(20) for b in range(20)}) == 400
