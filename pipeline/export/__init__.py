"""Masks and models for other tools: one module for each format; commands/export_masks.py picks it."""
