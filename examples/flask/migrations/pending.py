"""Prints the migrations that `alembic upgrade head` would run, oldest first; nothing when there are none."""

import sys
from pathlib import Path

from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from app import engine  # noqa: E402

scripts = ScriptDirectory.from_config(Config(ROOT / "alembic.ini"))
with engine.connect() as connection:
    current = MigrationContext.configure(connection).get_current_heads()
for revision in reversed(list(scripts.iterate_revisions("head", current or "base"))):
    print(revision.revision, revision.doc)
