"""Hooks, class activation maps of any network, scales and flips, the compact store."""

from pipeline.heatmaps.explain import explain
from pipeline.heatmaps.explainer import explainer

__all__ = ["explain", "explainer"]
