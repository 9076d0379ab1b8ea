"""notes can be pinned

The release before writes notes without the column: it may, as there is a default.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    with op.batch_alter_table("notes") as notes:
        notes.add_column(sa.Column("pinned", sa.Boolean, nullable=False, server_default=sa.false()))


def downgrade():
    with op.batch_alter_table("notes") as notes:
        notes.drop_column("pinned")
