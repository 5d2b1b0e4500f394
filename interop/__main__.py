"""``python -m interop`` is the same as the ``interop`` command."""

import sys

from interop.cli import main

sys.exit(main())
