"""Executors of many jobs: one after the other, in processes at once, or on a cluster."""

from .executor import SERIAL, Executor, Job, Serial

__all__ = ["SERIAL", "Executor", "Job", "Serial"]
