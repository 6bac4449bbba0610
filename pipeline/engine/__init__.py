"""What training and inference share: loop, device, weights, seeds, folded BatchNorm."""
