"""Run by Alembic for each upgrade; ``guard/store/revision.py`` hands it the connection, in a transaction."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
