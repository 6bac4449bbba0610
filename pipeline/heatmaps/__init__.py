"""Hooks, class activation maps of any network, scales and flips, the compact store."""

from pipeline.heatmaps.explain import explain

__all__ = ["explain"]
