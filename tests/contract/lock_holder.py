"""A process that holds a SQLite file's write lock until its input ends."""

import sys

from interop.adapters.store.sqlite_library import choose_sqlite

if __name__ == "__main__":
    connection = choose_sqlite().module.connect(sys.argv[1], isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    print("locked", flush=True)
    sys.stdin.read()
