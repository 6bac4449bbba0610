"""Masks and models for other tools: one file per format, from items to files."""
