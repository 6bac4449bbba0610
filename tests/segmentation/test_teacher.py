"""What a teacher may correct, and that a network learns from it."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from pipeline.data.images import write_image, write_mask
from pipeline.data.manifest import Manifest, Sample
from pipeline.params import Params, TeacherParams, load_params
from pipeline.segmentation.loss import balanced_cross_entropy
from pipeline.segmentation.mean_teacher import correct, correctable
from pipeline.segmentation.network import SegmentationConfig, SegmentationNet
from pipeline.segmentation.objective import TrainableSegmentation
from pipeline.segmentation.segmentation_training import MaskedSamples, train_segmentation
from tests.whole_batch import whole_loss

PARAMS = Path(__file__).parents[2] / "params.yaml"


def test_ids_that_an_image_may_have() -> None:
    assert correctable([1], 3, background=True, trusted=False).tolist() == [True, False, True, False]
    assert correctable([], 2, background=True, trusted=False).tolist() == [True, False, False]
    assert correctable([1], 3, background=False, trusted=False).tolist() == [False, True, False]
    assert correctable([1], 3, background=True, trusted=True).tolist() == [False] * 4


def test_only_sure_and_allowed_labels_are_taken() -> None:
    # By hand: p = softmax(log [..]) over the allowed ids.
    probabilities = torch.tensor(
        [
            [0.10, 0.90, 0.00],  # sure
            [0.25, 0.75, 0.00],  # not sure enough
            [0.05, 0.15, 0.80],  # of the allowed two: 0.25 and 0.75
            [0.01, 0.09, 0.90],  # of the allowed two: 0.1 and 0.9
            [0.10, 0.90, 0.00],  # left open
        ]
    )
    logits = (probabilities + 1e-9).log().T[None, :, None]  # (1, 3, 1, 5)
    masks = torch.tensor([[[0, 0, 0, 0, 255]]])
    allowed = torch.tensor([[True, True, False]])
    assert correct(masks, logits, allowed, 0.8).tolist() == [[[1, 0, 0, 1, 255]]]
    assert correct(masks, logits, allowed, 0.7).tolist() == [[[1, 1, 1, 1, 255]]]


def test_masks_that_are_true_stay() -> None:
    logits = torch.randn(2, 3, 4, 5) * 20
    masks = torch.randint(0, 3, (2, 4, 5))
    allowed = torch.tensor([[False] * 3, [True] * 3])
    corrected = correct(masks, logits, allowed, 0.5)
    assert corrected[0].equal(masks[0])
    assert corrected[1].equal(logits[1].argmax(0))  # so sure are logits of this size
    assert not corrected[1].equal(masks[1])


def test_the_teacher_is_the_average_of_past_weights() -> None:
    student = student_of(decay=0.75)
    assert student.teacher is not None
    weights = student.net.model.get_submodule("encoder").get_parameter("weight")
    taught = student.teacher.module.model.get_submodule("encoder").get_parameter("weight")
    wanted = None
    for value in (1.0, 2.0, 5.0):
        weights.data.fill_(value)
        whole_loss(student, torch.rand(1, 3, 4, 5), (torch.zeros(1, 4, 5).long(), torch.ones(1, 3).bool()), 0)
        wanted = value if wanted is None else 0.75 * wanted + 0.25 * value
        assert taught.unique().tolist() == [pytest.approx(wanted)]
    assert not taught.requires_grad
    student.train()
    assert not student.teacher.training
    assert student.net.training


def test_the_teacher_changes_what_is_learned_from_pseudo_masks_only(tmp_path: Path) -> None:
    plain = trained(tmp_path / "1", confidence=1.0, trusted=[])
    assert not plain.equal(trained(tmp_path / "2", confidence=0.4, trusted=[]))
    assert plain.equal(trained(tmp_path / "3", confidence=0.4, trusted=["a", "b"]))
    assert not plain.equal(trained(tmp_path / "4", confidence=0.4, trusted=["a"]))


def test_corrections_begin_at_their_step() -> None:
    """The loss of masks as they are until then, and from then on of what the teacher makes of them."""
    images, masks = torch.rand(2, 3, 4, 5), torch.zeros(2, 4, 5).long()
    allowed = torch.tensor([[False, True, False]] * 2)  # what the teacher says is 1 everywhere
    student = student_of(decay=0.5, start=0.25).train()
    logits = student.net(images)
    for step, expected in ((0, masks), (2, masks), (3, masks + 1), (11, masks + 1)):  # 0.25 of 12 steps
        wanted = balanced_cross_entropy(logits, expected)
        torch.testing.assert_close(whole_loss(student, images, (masks, allowed), step), wanted)


def student_of(decay: float, start: float = 0) -> TrainableSegmentation:
    """A tiny network and its teacher."""
    teacher = TeacherParams(confidence=0.8, start=start, decay=decay)
    section = params(0.8).segmentation.model_copy(update={"teacher": teacher})
    return TrainableSegmentation(tiny_net(), section, 0, taught=True)


class Tiny(nn.Module):
    """Scores by two convolutions of single pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Conv2d(3, 4, 1)
        self.head = nn.Conv2d(4, 3, 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.head(self.encoder(images).relu())
        return logits


def tiny_net() -> SegmentationNet:
    torch.manual_seed(0)
    return SegmentationNet(Tiny(), SegmentationConfig(("x", "y"), 32))


def trained(folder: Path, *, confidence: float, trusted: list[str]) -> torch.Tensor:
    """The last layer after some steps on noisy masks of two images."""
    rng = np.random.default_rng(0)
    samples = []
    for name, label in (("a", 0), ("b", 1)):
        image = np.full((32, 32, 3), 40, np.uint8)
        image[8:24, 8:24] = (220, 60, 60) if label else (60, 60, 220)
        mask = np.where(rng.random((32, 32)) < 0.3, 0, np.where(image.max(2) > 100, label + 1, 0))
        write_image(folder / f"{name}.png", image)
        write_mask(folder / "masks" / f"{name}.png", mask.astype(np.uint8))
        samples.append(Sample(name, f"{name}.png", "", 32, 32, (label,), "train", False, False))
    manifest = Manifest(str(folder), ("x", "y"), tuple(samples))
    net = tiny_net()
    data = MaskedSamples(manifest, samples, folder / "masks", trusted)
    train_segmentation(net, data, params(confidence), folder / "c.pt", "test")
    return net.model.get_submodule("head").get_parameter("weight").detach().clone()


def params(confidence: float) -> Params:
    """The shipped ones with a short training and a teacher that begins at once."""
    shipped = load_params(PARAMS)
    training = shipped.segmentation.training.model_copy(
        update={"steps": 12, "batch_size": 2, "lr": 0.05, "checkpoint_steps": 100}
    )
    teacher = TeacherParams(confidence=confidence, start=0.25, decay=0.5)
    section = shipped.segmentation.model_copy(update={"training": training, "teacher": teacher})
    data = shipped.data.model_copy(update={"long_side": 32})
    return shipped.model_copy(update={"segmentation": section, "data": data})
