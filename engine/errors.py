"""Failures are sentences: what was wrong, where, what to do. Never a traceback for the user."""


class Refused(Exception):
    """The job cannot go on as asked; `str(error)` is the whole sentence shown to the user."""


class Cancelled(Exception):
    """The user asked to stop; raised at the next event boundary."""


class Broken(Exception):
    """The quality floor was broken at a step; `str(error)` says which and by how much."""
