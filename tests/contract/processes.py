"""Processes of the tests' own, and what they need to find the product and its samples."""

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def start(script: str, *arguments: str) -> "subprocess.Popen[bytes]":
    """Run one of the scripts beside this file, with pipes to talk to it."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join((str(HERE), str(HERE.parents[1])))}
    return subprocess.Popen(
        [sys.executable, str(HERE / script), *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, cwd=HERE
    )
