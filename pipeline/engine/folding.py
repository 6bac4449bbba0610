"""BatchNorm folded into the convolutions before it: the same function in fewer passes over memory."""

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
    """Fold each BatchNorm into the convolution before it, where it alone is given what that one makes.

    With a = gamma / sqrt(var + eps), BatchNorm of conv(x; W, b) is conv(x; a W, a (b - mean) + beta): equal
    outputs up to rounding. What is given to whom is read from the autograd graph of a forward pass, not from
    names or the order of modules: a weight that is used twice or made from another one, and a convolution
    whose output also goes elsewhere, or out of `net`, stay as they are. `net` cannot be trained after this.

    Args:
        net: images (N, 3, H, W) -> tensors in any nesting; in eval mode, on the CPU.
    """
    for conv, norm in _foldable(net):
        folded = fuse_conv_bn_eval(
            cast(nn.Conv2d, net.get_submodule(conv)), cast(nn.BatchNorm2d, net.get_submodule(norm))
        )
        net.set_submodule(norm, _rest(net.get_submodule(norm)))
        net.set_submodule(conv, folded)


def _foldable(net: nn.Module) -> list[tuple[str, str]]:
    """Names of convolutions and of the BatchNorms to fold into them."""
    with torch.enable_grad():
        outputs = tree_leaves(net(torch.zeros(PROBE, requires_grad=True)))
    uses = _uses([tensor for tensor in outputs if isinstance(tensor, Tensor)])
    modules = list(net.named_modules())
    convs = _steps(uses, "ConvolutionBackward0", {n: m for n, m in modules if isinstance(m, nn.Conv2d)})
    norms = _steps(uses, "NativeBatchNormBackward0", {n: m for n, m in modules if type(m) in NORMS})
    given = {name: node.next_functions[0][0] for node, name in norms.items()}
    return [(convs[node], name) for name, node in given.items() if node in convs and uses[node] == 1]


def _steps(uses: Counter[Node], operation: str, modules: dict[str, nn.Module]) -> dict[Node, str]:
    """Nodes of an operation whose weight is, as it is, that of one of the modules and used nowhere else."""
    owners = {id(module.weight): name for name, module in modules.items()}
    found = {}
    for node in uses:
        weight = node.next_functions[1][0] if node.name() == operation else None
        variable = getattr(weight, "variable", None)  # only a leaf of the graph has one
        if weight is not None and variable is not None and id(variable) in owners and uses[weight] == 1:
            found[node] = owners[id(variable)]
    return found


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


def _rest(norm: nn.Module) -> nn.Module:
    """What a module does after its BatchNorm."""
    return norm.act if isinstance(norm, BatchNormAct2d) else nn.Identity()
