"""BatchNorm folded into the convolutions before it, for inference and for training with frozen BatchNorm.

With a = gamma / sqrt(var + eps), BatchNorm of conv(x; W, b) is conv(x; a W, a (b - mean) + beta): as long as
the statistics stay, outputs and gradients are equal up to rounding. What is given to whom is read from the
autograd graph of a forward pass, not from names or the order of modules: a weight that is used twice or made
from another one, and a convolution whose output also goes elsewhere, or out of the network, stay as they are.
"""

from collections import Counter
from typing import cast

import torch
from timm.layers.norm_act import BatchNormAct2d
from torch import Tensor, nn
from torch.autograd.graph import Node
from torch.nn.utils import fuse_conv_bn_eval
from torch.utils._pytree import tree_leaves

PROBE = (1, 3, 256, 256)  # the images whose way through the network is followed
NORMS = (nn.BatchNorm2d, BatchNormAct2d)  # what other classes made of these do besides is not known


def fold_batch_norm(net: nn.Module) -> None:
    """Fold each BatchNorm into the weights of the convolution before it: for inference, `net` learns no more.

    Args:
        net: images (N, 3, H, W) -> tensors in any nesting; in eval mode, on the CPU.
    """
    for conv_name, norm_name in _foldable(net):
        conv, norm = net.get_submodule(conv_name), net.get_submodule(norm_name)
        folded = fuse_conv_bn_eval(cast(nn.Conv2d, conv), cast(nn.BatchNorm2d, norm))
        net.set_submodule(norm_name, norm.act if isinstance(norm, BatchNormAct2d) else nn.Identity())
        net.set_submodule(conv_name, folded)


def fold_frozen_batch_norm(net: nn.Module) -> None:
    """Let each convolution do the BatchNorm after it: for training with frozen BatchNorm.

    The folded weights are made anew in each pass, so that those of the convolution learn as they would
    without this. The keys and values of the state of `net` stay what they were. `net` is in eval mode after
    this, and its BatchNorm has to stay so.

    Args:
        net: images (N, 3, H, W) -> tensors in any nesting; on the CPU.
    """
    for conv_name, norm_name in _foldable(net.eval()):
        conv, norm = net.get_submodule(conv_name), cast(nn.BatchNorm2d, net.get_submodule(norm_name))
        if type(conv) is nn.Conv2d:  # what other classes do besides is not known
            conv.__class__, norm.__class__ = NormConv2d, DONE[type(norm)]
            cast(NormConv2d, conv).norm = (norm,)


class NormConv2d(nn.Conv2d):
    """A convolution that also does the frozen BatchNorm after it."""

    norm: tuple[nn.BatchNorm2d]  # in a tuple: it belongs to the network already

    def forward(self, images: Tensor) -> Tensor:
        (norm,) = self.norm
        mean, var = cast(Tensor, norm.running_mean), cast(Tensor, norm.running_var)
        scale = norm.weight * (var + norm.eps).rsqrt()
        bias = norm.bias + ((0 if self.bias is None else self.bias) - mean) * scale
        return cast(Tensor, self._conv_forward(images, self.weight * scale[:, None, None, None], bias))


class DoneNorm2d(nn.BatchNorm2d):
    """BatchNorm that the convolution before it has done."""

    def forward(self, images: Tensor) -> Tensor:
        return images


class DoneNormAct2d(BatchNormAct2d):
    """The activation of a BatchNorm that the convolution before it has done."""

    def forward(self, images: Tensor) -> Tensor:
        activated: Tensor = self.act(images)
        return activated


DONE: dict[type[nn.BatchNorm2d], type[nn.BatchNorm2d]] = {
    nn.BatchNorm2d: DoneNorm2d,
    BatchNormAct2d: DoneNormAct2d,
}


def _foldable(net: nn.Module) -> list[tuple[str, str]]:
    """Names of convolutions and of the BatchNorms to fold into them."""
    with torch.enable_grad():
        outputs = tree_leaves(net(torch.zeros(PROBE, requires_grad=True)))
    uses = _uses([tensor for tensor in outputs if isinstance(tensor, Tensor)])
    modules = list(net.named_modules())
    convs = _steps(uses, "ConvolutionBackward0", {n: m for n, m in modules if isinstance(m, nn.Conv2d)})
    norms = _steps(uses, "NativeBatchNormBackward0", {n: m for n, m in modules if type(m) in NORMS})
    inputs = {name: node.next_functions[0][0] for node, name in norms.items()}
    return [(convs[node], name) for name, node in inputs.items() if node in convs and uses[node] == 1]


def _steps(uses: Counter[Node], operation: str, modules: dict[str, nn.Module]) -> dict[Node, str]:
    """Nodes of an operation whose weight is, as it is, that of one of the modules and used nowhere else."""
    owners = {id(module.weight): name for name, module in modules.items()}
    names = {}
    for node in uses:
        weight = node.next_functions[1][0] if node.name() == operation else None
        variable = getattr(weight, "variable", None)  # only a leaf of the graph has one
        if weight is not None and variable is not None and id(variable) in owners and uses[weight] == 1:
            names[node] = owners[id(variable)]
    return names


def _uses(outputs: list[Tensor]) -> Counter[Node]:
    """How often what each node of the graph makes is used, `outputs` included."""
    todo = [tensor.grad_fn for tensor in outputs if tensor.grad_fn is not None]
    uses = Counter(todo)
    seen = set(todo)
    while todo:
        for node, _ in todo.pop().next_functions:
            if node is not None:
                uses[node] += 1
                if node not in seen:
                    seen.add(node)
                    todo.append(node)
    return uses
