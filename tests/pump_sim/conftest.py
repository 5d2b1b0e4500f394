"""Every frame that a pump says in these tests is read by the server's own reader, which refuses what is not in the contract."""

import json

import pytest

from interop.wire.link import reader
from tests.pump_sim import ward


@pytest.fixture(autouse=True)
def _the_server_reads_it(monkeypatch):
    monkeypatch.setattr(ward, "WATCH", [lambda frame: reader.read(json.dumps(frame))])
