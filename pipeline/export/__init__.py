"""Masks and models for other tools: one module for each format."""
