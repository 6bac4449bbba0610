"""What comes in: samples, sources, images and masks, the check of their files, transforms."""
