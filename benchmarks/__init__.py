"""Throughput and memory, measured by hand; each module prints a table and writes JSON."""

from pipeline.base.process import prepare_process

prepare_process()  # as stages and commands are
