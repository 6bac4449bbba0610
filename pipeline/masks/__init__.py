"""From heatmaps to pseudo-masks: threshold, dense CRF, ignore band."""
