"""Class activation maps as pure functions.

Throughout, `activations` A is the output of the target layer and `gradients` g = dy_c / dA, the gradient of
the **logit** of class c, both float32 (..., K, h, w); leading dimensions broadcast, so that activations
(N, 1, K, h, w) and gradients (N, P, K, h, w) give P maps per image. Maps are (..., h, w), not normalised.

On a GAP + FC head g is w_ck / (h w) everywhere; then Grad-CAM is relu(CAM) / (h w), and Grad-CAM++ has the
channel weight relu(w_ck) / (2 + w_ck F_k) with F_k the mean of A_k.
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
    return _weighted_sum(terms.sum((-2, -1)), activations).relu()


def _weighted_sum(weights: Tensor, activations: Tensor) -> Tensor:
    return torch.einsum("...k,...khw->...hw", weights, activations)
