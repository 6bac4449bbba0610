"""The section of `params.yaml` for the training of a network."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pipeline.params.section import Section
from pipeline.params.values import Count, NotNegative, Positive, Range, Share


class TrainingParams(Section):
    """How a network is trained; lengths are optimiser steps, sizes are relative to `data.long_side`."""

    steps: Count
    batch_size: Annotated[int, Field(ge=2)]
    crop: Positive
    scale: Range[Positive]
    colour_jitter: Share
    optimizer: Literal["adamw", "sgd"]
    lr: Positive
    pretrained_lr_factor: Positive
    weight_decay: NotNegative
    warmup_steps: Annotated[int, Field(ge=0)]
    poly_power: NotNegative
    clip_norm: Positive
    checkpoint_steps: Count
    shards: Count

    @model_validator(mode="after")
    def _check_warmup(self) -> Self:
        if self.warmup_steps >= self.steps:
            raise ValueError(f"expected warmup_steps below steps ({self.steps}), got {self.warmup_steps}")
        return self

    @model_validator(mode="after")
    def _check_shards(self) -> Self:
        most = self.batch_size // 2  # BatchNorm needs two images
        if self.shards not in [2**n for n in range(most.bit_length())] or self.batch_size % self.shards:
            expected = f"1, 2, 4, ... up to {most} and a divisor of batch_size ({self.batch_size})"
            raise ValueError(f"expected shards to be {expected}, got {self.shards}")
        return self
