"""Hooks, class activation maps, scales and flips, the compact store."""
