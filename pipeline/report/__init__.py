"""The report: overlays, plots, panels and the HTML page."""
