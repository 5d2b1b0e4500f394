"""Where the messages that other people wrote lie, beside the repository; tests that need them say so when they are not there."""

from pathlib import Path

import pytest

SAMPLES = Path(__file__).resolve().parents[3] / "shared" / "samples"

needs_samples = pytest.mark.skipif(not SAMPLES.is_dir(), reason="the samples of other publishers are not beside this checkout")
