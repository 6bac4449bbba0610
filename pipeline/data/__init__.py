"""What comes in: samples, sources, images and masks, preflight, transforms."""
