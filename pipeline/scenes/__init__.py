"""The rendered data set: toy animals and boats with exact masks, made for the hard cases of weak labels."""
