"""Takes a store back to the schema of an earlier release: `python -m cloud.aging RELEASES`.

For proofs of an upgrade alone: what the earlier schema had no place for is lost. It is no command
of the cloud's, since an operator who goes back restores a backup.
"""

import sys
from collections.abc import Sequence

from alembic import command
from alembic.script import ScriptDirectory

from cloud.config import load
from cloud.db import Database, migrations

ALL_REVISIONS = 1_000
"""More than there will be: back to the first release's."""


def take_back(database: Database, revisions: int) -> str:
    """Undo the last so many revisions of the schema, never the first; return the one it has then.

    Nothing else may have the database open.
    """
    settings = migrations()
    chain = [one.revision for one in ScriptDirectory.from_config(settings).walk_revisions()]
    target = chain[min(revisions, len(chain) - 1)]
    with database.writing() as connection:
        settings.attributes["connection"] = connection
        command.downgrade(settings, target)
    return target


def main(words: Sequence[str]) -> int:
    """Take the database of the environment's settings back."""
    database = Database(load(None).url)
    try:
        take_back(database, int(words[0]))
    finally:
        database.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
