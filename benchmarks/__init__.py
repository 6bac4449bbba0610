"""Throughput and memory, measured by hand; each module prints a table and writes JSON."""
