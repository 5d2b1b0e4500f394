"""A pytest plugin for one purpose: the suite runs with one check taken away, named by CHECK_TAKEN_AWAY, to prove that a test goes red."""

import os

from interop.stages import checks

name = os.environ["CHECK_TAKEN_AWAY"]
kept = tuple(check for check in checks.CHECKS if check.__name__ != name)
assert len(kept) == len(checks.CHECKS) - 1, name
checks.CHECKS = kept
