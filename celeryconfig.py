"""Celery's settings, for a checkout whose programs look for them here.

They stand in `tasks.configuration`, which the app reads; an installation has only that one, since
Celery programs beside it would take a module of this name for their own.
"""

from tasks.configuration import *  # noqa: F403
