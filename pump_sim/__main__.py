"""``python -m pump_sim``: the same as ``pump-sim``."""

import sys

from pump_sim.cli import main

sys.exit(main())
