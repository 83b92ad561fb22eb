"""Runs alembic with the lines that docs/adoption.md says to paste, in lines.py and arguments.txt, if they are there."""

import os
from pathlib import Path

from alembic import context
from sqlalchemy import create_engine

import models

folder = Path(__file__).parent
options = {}
if (folder / "lines.py").exists():
    exec((folder / "lines.py").read_text())
    options = eval(f"dict({(folder / 'arguments.txt').read_text()})")

engine = create_engine(os.environ["URL"])
with engine.connect() as connection:
    context.configure(
        connection=connection,
        target_metadata=models.SQLModel.metadata,
        include_schemas=os.environ["INCLUDE_SCHEMAS"] == "1",
        **options,
    )
    with context.begin_transaction():
        context.run_migrations()
