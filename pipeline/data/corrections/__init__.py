"""Masks that somebody corrected: read from the formats of annotation tools, checked, and kept."""
