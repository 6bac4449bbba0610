"""Transformers of timm and torchvision: the layer of their heatmaps, and its output as a feature map."""

from dataclasses import dataclass
from typing import Any

from torch import nn

from pipeline.heatmaps.hooks import CaptureError, Reshape


@dataclass(frozen=True)
class TokenLayout:
    """Where heatmaps of a transformer come from."""

    layer: nn.Module  # the last one whose output still reaches the logits from every cell
    reshape: Reshape  # of this layer and of other ones: tokens -> (N, K, h, w); a feature map stays


def token_layout(model: nn.Module) -> TokenLayout | None:
    """The layout of the first transformer in `model` that says where its tokens lie; None: there is none."""
    layouts = (_timm_vit(m) or _torchvision_vit(m) or _channels_last(m) for m in model.modules())
    return next(filter(None, layouts), None)


def _timm_vit(net: Any) -> TokenLayout | None:
    grid = getattr(getattr(net, "patch_embed", None), "grid_size", None)
    last = _last(getattr(net, "blocks", None), "norm1")
    if not grid or last is None:
        return None
    height, width = grid
    return TokenLayout(last, _from_tokens(height, width, getattr(net, "num_prefix_tokens", 0)))


def _torchvision_vit(net: Any) -> TokenLayout | None:
    last = _last(getattr(getattr(net, "encoder", None), "layers", None), "ln_1")
    if not hasattr(net, "conv_proj") or last is None:
        return None
    side = net.image_size // net.patch_size
    return TokenLayout(last, _from_tokens(side, side, 1))


def _last(blocks: Any, norm: str) -> nn.Module | None:
    """The first norm of the last block: behind the attention, class tokens alone may reach the logits."""
    if not isinstance(blocks, nn.Sequential | nn.ModuleList):
        return None
    return getattr(blocks[-1], norm, None)


def _channels_last(net: Any) -> TokenLayout | None:
    if getattr(net, "output_fmt", None) != "NHWC" or not isinstance(getattr(net, "norm", None), nn.LayerNorm):
        return None
    return TokenLayout(net.norm, lambda maps: maps.permute(0, 3, 1, 2) if maps.ndim == 4 else maps)


def _from_tokens(height: int, width: int, prefix: int) -> Reshape:
    """Tokens (N, T, K) -> (N, K, height, width), without up to `prefix` tokens before those of the cells."""

    def reshape(tokens: Any) -> Any:
        if tokens.ndim != 3:
            return tokens
        count = tokens.shape[1] - height * width
        if not 0 <= count <= prefix:
            raise CaptureError(f"expected tokens of {height} x {width} cells, got {tokens.shape[1]} tokens")
        return tokens[:, count:].unflatten(1, (height, width)).permute(0, 3, 1, 2)

    return reshape
