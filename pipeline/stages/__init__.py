"""One thin module per DVC stage, in a process that is prepared for it."""

from pipeline.base.process import prepare_process

prepare_process()  # here, since this module is imported before any that loads torch
