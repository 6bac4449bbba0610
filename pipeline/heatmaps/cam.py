"""The formulas of all methods, as pure functions of activations and gradients.

`activations` A is the output of the target layer. `gradients` g = dy_c / dA is the gradient of the **logit**
of class c. Both are float32 (..., K, h, w). Gradients that are the same in all cells, as before global
average pooling, may be (..., K, 1, 1). Leading dimensions broadcast: activations (N, 1, K, h, w) and
gradients (N, P, K, h, w) give P maps per image. Maps are (..., h, w), not normalised.
"""

import torch
from torch import Tensor


def cam(activations: Tensor, weights: Tensor) -> Tensor:
    """CAM: sum_k w_ck A_k, of any sign.

    Args:
        weights: rows of the fully connected layer that follows global average pooling, (..., K).

    Source: Zhou et al. 2016, arXiv:1512.04150, eq. 2. Without the bias, which has no place.
    """
    return _weighted_sum(weights, activations)


def gradcam(activations: Tensor, gradients: Tensor) -> Tensor:
    """Grad-CAM: relu(sum_k mean_ij(g_kij) A_k).

    Source: Selvaraju et al. 2017, arXiv:1610.02391, eq. 1 and 2.
    """
    return _weighted_sum(gradients.mean((-2, -1)), activations).relu()


def gradcampp(activations: Tensor, gradients: Tensor) -> Tensor:
    """Grad-CAM++: relu(sum_k w_k A_k) with w_k = sum_ij alpha_kij relu(g_kij).

    alpha = g^2 / (2 g^2 + S_k g^3) with S_k = sum_ab A_kab, which is 1 / (2 + S_k g) wherever g is not 0.
    Source: Chattopadhay et al. 2018, arXiv:1710.11063, eq. 19.
    Deviation: g^2 is divided out instead of guarding the denominator with an eps, since g^2 is about
    1e-8 on common feature maps. Where A >= 0, the denominator is at least 2 for every g that counts.
    """
    sums = activations.sum((-2, -1), keepdim=True)
    positive = gradients > 0
    terms = torch.where(positive, gradients / (2 + sums * gradients), 0)
    # Mean x cells is the sum over the cells, also of terms that are (..., K, 1, 1).
    return _weighted_sum(terms.mean((-2, -1)) * activations.shape[-2:].numel(), activations).relu()


def xgradcam(activations: Tensor, gradients: Tensor) -> Tensor:
    """XGrad-CAM: relu(sum_k w_k A_k) with w_k = sum_ij g_kij A_kij / sum_ab A_kab.

    Source: Fu et al. 2020, arXiv:2008.02312, eq. 8. A channel whose activations sum to 0 has the weight 0.
    Activations of both signs with a sum near 0 give their channel a huge weight, as the definition says.
    """
    products = torch.einsum("...khw,...khw->...k", gradients, activations)
    sums = activations.sum((-2, -1))
    return _weighted_sum(torch.where(sums != 0, products / sums, 0), activations).relu()


def hirescam(activations: Tensor, gradients: Tensor) -> Tensor:
    """HiResCAM: relu(sum_k g_k A_k), cell by cell.

    Source: Draelos and Carin 2020, arXiv:2011.08891, eq. 3; the relu as in Grad-CAM.
    """
    return _cellwise_sum(gradients, activations).relu()


def layercam(activations: Tensor, gradients: Tensor) -> Tensor:
    """LayerCAM: relu(sum_k relu(g_k) A_k), cell by cell.

    Source: Jiang et al. 2021, IEEE TIP 30, doi:10.1109/TIP.2021.3089943, eq. 6 to 8.
    """
    return _cellwise_sum(gradients.relu(), activations).relu()


def _weighted_sum(weights: Tensor, activations: Tensor) -> Tensor:
    return torch.einsum("...k,...khw->...hw", weights, activations)


def _cellwise_sum(weights: Tensor, activations: Tensor) -> Tensor:
    return torch.einsum("...khw,...khw->...hw", weights, activations)
