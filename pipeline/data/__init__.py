"""What comes in: samples, sources, pictures and masks, preflight, transforms."""
