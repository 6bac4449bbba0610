"""Workflows join training, heatmaps, masks and evaluation; stages and commands call them."""
