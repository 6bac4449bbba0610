"""camseg: segmentation from image-level labels."""
