"""Scores from arrays: confusion, IoU, boundaries, average precision."""
