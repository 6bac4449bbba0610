"""Multi-label classifier with a GAP + FC head."""
