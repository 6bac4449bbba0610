"""Overlays, plots and the HTML page."""
