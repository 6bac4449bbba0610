"""The loss of a batch in one shard."""

from torch import Tensor

from pipeline.data.training_examples import TrainingTarget
from pipeline.engine.shards import Objective


def whole_loss(objective: Objective, images: Tensor, targets: TrainingTarget, step: int) -> Tensor:
    """What `fit` takes the gradients of, where `training.shards` is 1."""
    (settled,), counts = objective.settle([(images, targets)], step)
    loss: Tensor = objective(images, settled, step, counts)
    return loss
