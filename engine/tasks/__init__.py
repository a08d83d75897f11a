"""The registry of tasks. A new task is one file here and one line in `TASKS`."""

from __future__ import annotations

from engine.errors import Refused
from engine.tasks.base import Task
from engine.tasks.classification import Classification
from engine.tasks.language_modelling import LanguageModelling
from engine.tasks.similarity import Similarity

TASKS: tuple[Task, ...] = (Classification(), LanguageModelling(), Similarity())


def task_named(name: str) -> Task:
    """The task of that name; raises `Refused` naming those that there are."""
    for task in TASKS:
        if task.name == name:
            return task
    raise Refused(f"There is no task '{name}'; there are {', '.join(task.name for task in TASKS)}.")
