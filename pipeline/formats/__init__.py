"""Each file format once, in both directions."""
