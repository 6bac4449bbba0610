"""Segmentation: the network, its loss, its teacher, prediction for images of any size."""
