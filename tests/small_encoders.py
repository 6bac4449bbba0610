"""Encoders of timm's families with few channels, registered with timm under names of their own.

They are what `tu-NAME` makes of the families' own code. The names of the pretrained ones stand for their
settings alone: nothing is downloaded.
"""

from typing import Any

from timm.models import (
    convnext,
    mambaout,
    metaformer,
    register_model,
    swin_transformer,
    tiny_vit,
    vision_transformer,
)
from torch import nn


@register_model
def small_convnext(pretrained: bool = False, **options: Any) -> nn.Module:
    sizes: dict[str, Any] = {"depths": (1, 1, 2, 1), "dims": (8, 16, 24, 32)}
    return convnext._create_convnext("convnext_atto", pretrained, **sizes | options)


@register_model
def small_swin(pretrained: bool = False, **options: Any) -> nn.Module:
    sizes: dict[str, Any] = {"depths": (1, 1, 2, 1), "embed_dim": 8, "num_heads": (1, 2, 4, 8)}
    return swin_transformer._create_swin_transformer(
        "swin_tiny_patch4_window7_224", pretrained, **sizes | options
    )


@register_model
def small_caformer(pretrained: bool = False, **options: Any) -> nn.Module:
    convolution, attention = metaformer.SepConv, metaformer.Attention
    sizes: dict[str, Any] = {
        "depths": [1, 1, 2, 1],
        "dims": [8, 16, 32, 64],  # heads of attention have 32 channels
        "token_mixers": [convolution, convolution, attention, attention],
        "norm_layers": [metaformer.LayerNorm2dNoBias] * 2 + [metaformer.LayerNormNoBias] * 2,
    }
    return metaformer._create_metaformer("caformer_s18", pretrained, **sizes | options)


@register_model
def small_tinyvit(pretrained: bool = False, **options: Any) -> nn.Module:
    sizes: dict[str, Any] = {
        "embed_dims": [8, 16, 24, 32],
        "depths": [1, 1, 2, 1],
        "num_heads": [1, 2, 3, 4],
        "window_sizes": [7, 7, 14, 7],
        "drop_path_rate": 0.0,
    }
    return tiny_vit._create_tiny_vit("tiny_vit_5m_224", pretrained, **sizes | options)


@register_model
def small_mambaout(pretrained: bool = False, **options: Any) -> nn.Module:
    sizes: dict[str, Any] = {"depths": (1, 1, 2, 1), "dims": (8, 16, 24, 32)}
    return mambaout._create_mambaout("mambaout_femto", pretrained, **sizes | options)


@register_model
def small_vit(pretrained: bool = False, **options: Any) -> nn.Module:
    """A plain transformer with a class token and four registers, made for images of 5 x 5 patches."""
    sizes: dict[str, Any] = {"patch_size": 14, "embed_dim": 16, "depth": 3, "num_heads": 2, "reg_tokens": 4}
    return vision_transformer._create_vision_transformer(
        "vit_small_patch16_224", pretrained, **{"img_size": 70} | sizes | options
    )


FAMILIES = ["small_convnext", "small_swin", "small_caformer", "small_tinyvit", "small_mambaout"]
