"""Segmentation model, its loss and its prediction of any size."""
