"""Heatmaps of any classifier: hooks, the formulas, scales and flips, the walk, the compact store."""

from pipeline.heatmaps.explain import explain
from pipeline.heatmaps.explainer import explainer

__all__ = ["explain", "explainer"]
