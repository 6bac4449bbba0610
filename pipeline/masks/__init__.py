"""From heatmaps to pseudo-masks: threshold, refinement, ignore band."""
