"""Count in `uploads` how often an upload's worker was killed, and met its limits."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

_COUNTS = ("deaths", "cutbacks", "oom_kills")


def upgrade() -> None:
    for name in _COUNTS:
        op.add_column("uploads", sa.Column(name, sa.BigInteger, nullable=False, server_default="0"))


def downgrade() -> None:
    for name in reversed(_COUNTS):
        op.drop_column("uploads", name)
