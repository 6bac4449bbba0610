"""Workflows join the rooms for training, heatmaps, masks and evaluation; stages and commands call them."""
