"""The compact store, and heatmaps of a data set."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from pipeline.data.images import write_image
from pipeline.data.manifest import Manifest, Sample
from pipeline.data.resize import image_tensor
from pipeline.engine import mapping
from pipeline.engine.device import pick_device, to_channels_last
from pipeline.engine.mapping import Batch
from pipeline.heatmaps import explain
from pipeline.heatmaps.dataset import HeatmapMaker, make_heatmaps
from pipeline.heatmaps.random_walk import walk
from pipeline.heatmaps.store import HeatmapStore, shard_file, write_index, write_shard
from pipeline.params import HeatmapMethod, HeatmapParams, WalkParams
from tests.heatmaps.nets import GapNet

WALK = WalkParams(
    power=4, restart=0.1, scale=1.5, cells=20, features="classifier", weights="pretrained", share=0.5
)
PARAMS = HeatmapParams(
    methods=("cam", "gradcampp"),
    objects="large",
    depths=2,
    scales=(1.0, 1.5),
    flip=True,
    walk=WALK,
    batch_size=2,
)


def sample(name: str, labels: tuple[int, ...] = (0,), size: tuple[int, int] = (40, 56)) -> Sample:
    return Sample(name, f"{name}.png", "", *size, labels, "train", False, False)


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    rng = np.random.default_rng(0)
    sizes = [(40, 56), (56, 40)]
    samples = [sample(f"s{i:02d}", ((), (1,), (0, 3))[i % 3], sizes[i % 2]) for i in range(46)]
    for s in samples:
        write_image(tmp_path / s.image, rng.integers(0, 256, (s.height, s.width, 3), np.uint8))
    return Manifest(str(tmp_path), tuple("abcde"), tuple(samples))


class DeepNet(GapNet):
    """A network with a module that gives the feature maps of three depths."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = Depths(self.features)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.fc(self.pool(self.backbone(images)[-1]).flatten(1))
        return logits


class Depths(nn.Module):
    def __init__(self, features: nn.Sequential) -> None:
        super().__init__()
        self.early, self.late = features[:2], features[2:]

    def forward(self, images: Tensor) -> list[Tensor]:
        early = self.early(images)
        return [images, early, self.late(early)]


def run(
    manifest: Manifest, folder: Path, params: HeatmapParams = PARAMS, *, background: bool = True
) -> dict[str, bytes]:
    folders = {method: folder / method for method in params.methods}
    net = to_channels_last(DeepNet().eval(), pick_device())
    maker = HeatmapMaker(net, net.target, net.backbone, params, 32, background)
    make_heatmaps(maker, manifest, manifest.samples, folders)
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_round_trip(tmp_path: Path) -> None:
    heat = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    write_shard(tmp_path, 0, {"a/b": heat})
    write_index(tmp_path, [["a/b"]])
    assert np.array_equal(HeatmapStore(tmp_path).read(sample("a/b", (1, 2))), heat)
    assert HeatmapStore(tmp_path).read(sample("empty", ())).shape == (0, 1, 1)


def test_missing_or_mismatched_heatmaps_are_errors(tmp_path: Path) -> None:
    write_shard(tmp_path, 0, {"a": np.zeros((2, 3, 4), np.uint8)})
    write_index(tmp_path, [["a"]])
    with pytest.raises(ValueError, match="no heatmaps of 'b'"):
        HeatmapStore(tmp_path).read(sample("b"))
    with pytest.raises(ValueError, match="2 heatmaps for 1 labels"):
        HeatmapStore(tmp_path).read(sample("a", (1,)))


@pytest.fixture(autouse=True)
def short_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mapping, "BLOCK", 16)


def test_background_images_are_left_out(manifest: Manifest, tmp_path: Path) -> None:
    run(manifest, tmp_path / "out")
    index = HeatmapStore(tmp_path / "out" / "cam").index
    shown = [s.name for s in manifest.samples if s.labels]
    shards = {s.name: index.find(s.name) for s in manifest.samples}
    stored = {name: {"shard": position // 16} for position, name in enumerate(shown)}
    assert shards == {s.name: None for s in manifest.samples} | stored


def test_stored_heat_is_the_fused_map_at_stride_4(manifest: Manifest, tmp_path: Path) -> None:
    run(manifest, tmp_path / "out")
    store = HeatmapStore(tmp_path / "out" / "cam")
    for s in manifest.samples[:6]:
        heat = store.read(s)
        if s.labels:
            expected = (6, 8) if s.width > s.height else (8, 6)  # 32 x 23 pixels at the working size
            assert heat.shape == (len(s.labels), *expected)
            assert all(one.max() in (0, 255) for one in heat)


def test_an_interrupted_run_ends_with_the_same_bytes(manifest: Manifest, tmp_path: Path) -> None:
    whole = run(manifest, tmp_path / "whole")
    assert "cam/shard-00001.safetensors" in whole
    folder = tmp_path / "again"
    run(manifest, folder)
    # As if killed: one method's shard is missing, and the index was never written.
    shard_file(folder / "gradcampp", 1).unlink()
    kept = shard_file(folder / "cam", 0).stat().st_mtime_ns
    for method in PARAMS.methods:
        (folder / method / "index.npz").unlink()
    assert run(manifest, folder) == whole
    assert shard_file(folder / "cam", 0).stat().st_mtime_ns == kept


def test_maps_do_not_depend_on_the_rest_of_the_batch(manifest: Manifest, tmp_path: Path) -> None:
    run(manifest, tmp_path / "all")
    few = Manifest(manifest.root, manifest.classes, manifest.samples[4:9])
    run(few, tmp_path / "few")
    for s in (s for s in few.samples if s.labels):
        whole = HeatmapStore(tmp_path / "all" / "cam").read(s).astype(int)
        alone = HeatmapStore(tmp_path / "few" / "cam").read(s).astype(int)
        assert np.abs(whole - alone).max() <= 1  # one grey level: batches of other sizes round differently
    assert torch.is_grad_enabled()


def test_heat_of_earlier_depths_is_added(manifest: Manifest, tmp_path: Path) -> None:
    params = PARAMS.model_copy(
        update={"scales": (1.0,), "flip": False, "walk": WALK.model_copy(update={"restart": 1.0})}
    )
    run(manifest, tmp_path / "two", params)
    run(manifest, tmp_path / "one", params.model_copy(update={"depths": 1}))
    net = DeepNet().eval()
    for s in (s for s in manifest.samples[:6] if s.labels):
        images = image_tensor(manifest.image(s), 32)[None]
        last = torch.from_numpy(HeatmapStore(tmp_path / "one" / "cam").read(s).copy()).float() / 255
        early = explain(net, images, [s.labels], layer=net.backbone.early, method="layercam")[0]
        small = functional.interpolate(early[None], last.shape[1:], mode="bilinear", align_corners=False)[0]
        both = last + small / small.amax((1, 2), keepdim=True)
        result = HeatmapStore(tmp_path / "two" / "cam").read(s) / 255
        assert np.abs(result - (both / both.amax((1, 2), keepdim=True)).numpy()).max() < 3 / 255
        assert np.abs(result - last.numpy()).max() > 10 / 255


def test_walk_goes_over_the_fused_map(manifest: Manifest, tmp_path: Path) -> None:
    still = PARAMS.model_copy(update={"walk": WALK.model_copy(update={"restart": 1.0})})
    run(manifest, tmp_path / "still", still)
    run(manifest, tmp_path / "walked")
    net = DeepNet().eval()
    for s in (s for s in manifest.samples[:6] if s.labels):
        # 48 is the long side at the walk's scale.
        images = image_tensor(manifest.image(s), 48)[None]
        heat = torch.from_numpy(HeatmapStore(tmp_path / "still" / "cam").read(s).copy()).float() / 255
        with torch.no_grad():
            expected = walk({"cam": heat[None]}, net.backbone(images), WALK)["cam"][0]
        actual = HeatmapStore(tmp_path / "walked" / "cam").read(s) / 255
        assert np.abs(actual - expected.numpy()).max() < 3 / 255  # both were rounded to 1 / 255
        assert np.abs(actual - heat.numpy()).max() > 10 / 255


def test_without_background_classes_keep_a_part_of_their_proportions(
    manifest: Manifest, tmp_path: Path
) -> None:
    params = PARAMS.model_copy(
        update={
            "scales": (1.0,),
            "flip": False,
            "depths": 1,
            "walk": WALK.model_copy(update={"restart": 1.0}),
        }
    )
    run(manifest, tmp_path / "without", params, background=False)
    net = DeepNet().eval()
    weights = net.fc.weight.detach()
    for s in (s for s in manifest.samples[:12] if len(s.labels) > 1):
        with torch.no_grad():
            features = net.backbone(image_tensor(manifest.image(s), 32)[None])[-1]
        cells = torch.einsum("ck,khw->chw", weights[list(s.labels)], features[0])
        stored = HeatmapStore(tmp_path / "without" / "cam").read(s)
        maps = functional.interpolate(cells[None], stored.shape[1:], mode="bilinear", align_corners=False)[0]
        maps = maps.clamp(min=0)
        own = maps.amax((1, 2), keepdim=True)
        expected = maps / (own * own.max()).sqrt()  # by the geometric mean of its maximum and the largest
        assert np.abs(stored / 255 - expected.numpy()).max() < 1 / 255


TILED = PARAMS.model_copy(update={"walk": PARAMS.walk.model_copy(update={"restart": 1.0})})


@pytest.mark.parametrize("methods", [("cam",), ("gradcam",), ("cam", "gradcam")])
@pytest.mark.parametrize("depths", [1, 2])
def test_heat_of_tiles_is_that_of_the_whole_image(methods: tuple[HeatmapMethod, ...], depths: int) -> None:
    """The network sees two pixels far, the margin is 32."""
    params = TILED.model_copy(update={"methods": methods, "depths": depths})
    samples = [sample("a", (0, 3)), sample("b", (1,))]
    views = [torch.rand(2, 3, 150, 200), torch.rand(2, 3, 225, 300)]
    heat = []
    for tile in (None, 64):
        net = DeepNet().eval()
        maker = HeatmapMaker(net, net.target, net.backbone, params, 200, tile=tile)
        heat.append(maker.heatmaps(Batch(samples, views, [])))
    whole, tiled = heat
    assert whole.keys() == tiled.keys() == set(methods)
    for method in methods:
        torch.testing.assert_close(tiled[method], whole[method], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("method", ["gradcampp", "gradcam"])
def test_tiles_at_the_frame_are_as_hot_as_others(method: HeatmapMethod) -> None:
    """The image has one colour, and tiles at its frame see 96 pixels along a side in place of 128."""
    params = TILED.model_copy(update={"methods": (method,), "depths": 1, "scales": (1.0,)})
    net, views = DeepNet().eval(), [torch.full((1, 3, 192, 192), 0.6)]
    maker = HeatmapMaker(net, net.target, net.backbone, params, 192, tile=64)
    heat = maker.heatmaps(Batch([sample("a", (0, 3))], views, []))[method][0]
    inner = heat[:, 4:-4, 4:-4]  # the padding of the network is seen beside the frame
    assert inner.amax() > 0
    for of_class in inner[inner.amax((1, 2)) > 0]:
        torch.testing.assert_close(of_class, of_class.mean().expand_as(of_class), rtol=0.05, atol=0.0)
