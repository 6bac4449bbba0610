"""Top cells and bags, against closed forms and against all tiles at once."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from pipeline.classifier.bags import bag_logits, cut_tiles
from pipeline.classifier.network import Classifier, ClassifierConfig, Pooling, pool_cells


def make_net(pooling: Pooling, tile: int | None = None) -> Classifier:
    torch.manual_seed(0)
    return Classifier(ClassifierConfig("tu-resnet10t", 32, ("a", "b"), pooling=pooling, tile=tile)).eval()


def test_pooling_is_the_mean_of_the_top_cells_of_each_class() -> None:
    cells = torch.tensor([[[1.0, 5, 3, 2], [0, -1, -4, -2]]])
    assert pool_cells(cells, "mean").tolist() == [[2.75, -1.75]]
    assert pool_cells(cells, 0.5).tolist() == [[4.0, -0.5]]  # (5 + 3) / 2, (0 - 1) / 2
    assert pool_cells(cells, 0.01).tolist() == [[5.0, 0.0]]  # one cell at least
    assert pool_cells(cells, 1.0).tolist() == [[2.75, -1.75]]


@pytest.mark.parametrize("share", [0.05, 0.25, 0.6])
def test_the_network_pools_the_logits_of_its_cells(share: float) -> None:
    net, images = make_net(share), torch.rand(2, 3, 128, 192)
    with torch.no_grad():
        activations = net.features(images)[-1]
        cells = torch.einsum("ck,nkhw->nchw", net.fc.weight, activations).flatten(2) + net.fc.bias[:, None]
        count = max(1, round(share * cells.shape[2]))
        expected = cells.sort(2, descending=True).values[:, :, :count].mean(2)
        torch.testing.assert_close(net(images), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("share", [0.1, 0.5, 1.0])
def test_of_one_cell_all_poolings_are_the_same(share: float) -> None:
    top, mean = make_net(share), make_net("mean")
    images = torch.full((1, 3, 32, 32), 0.3)
    torch.testing.assert_close(top(images), mean(images), rtol=0, atol=1e-6)


@pytest.mark.parametrize("tiles", [2, 3, 4])
def test_tiles_are_cut_row_by_row(tiles: int) -> None:
    images = torch.rand(2, 3, 8 * tiles, 5 * tiles)
    cut = cut_tiles(images, tiles)
    assert cut.shape == (2 * tiles**2, 3, 8, 5)
    for row in range(tiles):
        for column in range(tiles):
            expected = images[1, :, 8 * row : 8 * row + 8, 5 * column : 5 * column + 5]
            assert torch.equal(cut[tiles**2 + row * tiles + column], expected)


def plain(net: Classifier, images: Tensor, tiles: int, pooling: Pooling) -> Tensor:
    """The logits with all tiles and their graph at once."""
    features = net.features(cut_tiles(images, tiles))[-1]
    cells = functional.conv2d(features, net.fc.weight[:, :, None, None], net.fc.bias).flatten(2)
    return pool_cells(torch.stack([c.movedim(0, 1).flatten(1) for c in cells.split(tiles**2)]), pooling)


@pytest.mark.parametrize(("pooling", "at_once"), [("mean", 1), ("mean", 64), (0.05, 5), (0.3, 1), (0.3, 64)])
def test_logits_and_gradients_are_those_of_all_tiles_at_once(pooling: Pooling, at_once: int) -> None:
    net, tiles = make_net(pooling), 3
    images, labels = torch.rand(2, 3, 192, 192), torch.tensor([[0.0, 1], [1, 1]])
    results = []
    for logits in (bag_logits(net, images, tiles, at_once), plain(net, images, tiles, pooling)):
        net.zero_grad()
        functional.binary_cross_entropy_with_logits(logits, labels).backward()
        results.append((logits.detach(), [p.grad.clone() for p in net.parameters() if p.grad is not None]))
    (logits, gradients), (expected, expected_gradients) = results
    torch.testing.assert_close(logits, expected, rtol=0, atol=1e-5)
    assert len(gradients) == len(expected_gradients)
    for gradient, other in zip(gradients, expected_gradients, strict=True):
        torch.testing.assert_close(gradient, other, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("at_once", [1, 2, 4])
def test_no_more_tiles_are_in_the_network_than_asked_for(
    at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    net, sizes = make_net(0.05), list[tuple[int, ...]]()
    features = net.features

    def counted(images: Tensor) -> list[Tensor]:
        sizes.append(tuple(images.shape))
        return features(images)

    monkeypatch.setattr(net, "features", counted)
    bag_logits(net, torch.rand(1, 3, 256, 256), 4, at_once).sum().backward()
    assert max(shape[0] for shape in sizes) == at_once
    assert {shape[2:] for shape in sizes} == {(64, 64)}
    assert sum(shape[0] for shape in sizes) < 16 + 2 * 16  # only tiles with top cells come again


@pytest.mark.parametrize("side", [200, 256, 300])
def test_large_images_go_through_in_tiles(side: int, monkeypatch: pytest.MonkeyPatch) -> None:
    net, sides = make_net(0.1, tile=64), list[int]()
    features = net.features

    def counted(images: Tensor) -> list[Tensor]:
        sides.append(max(images.shape[-2:]))
        return features(images)

    monkeypatch.setattr(net, "features", counted)
    with torch.no_grad():
        assert net.activations(torch.rand(1, 3, side, 100)).shape[-2:] == (-(-side // 32), 4)
    assert max(sides) <= 128


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
