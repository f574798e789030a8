"""
The labs: exercises that are checked in every interleaving, and predictions made before the truth.

In a notebook::

    from tdplib import labs

    ex1 = labs.exercise("lab07.ex1")      # `ex1` shows what is asked
    ex1.check(kvm_tdp_mmu_invalidate_all_roots)
    ex1.hint()
    ex1.solution()
    labs.predict("lab07.q1", "b")
    labs.glossary("spte")
    labs.cost("v5.18", mine=kvm_tdp_mmu_put_root)

For whoever builds the course: `tdplib.labs.build`, `tdplib.labs.verify`.
"""

from tdplib.labs.cost import cost
from tdplib.labs.learner import Note, Task, exercise, glossary, predict
from tdplib.labs.report import Report

# `exercise` and `glossary` are the functions; what they read is had by
# `from tdplib.labs.exercise import ...`.
__all__ = ["Note", "Report", "Task", "cost", "exercise", "glossary", "predict"]
