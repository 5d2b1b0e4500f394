"""Programs that other people wrote, as processes of their own."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

HERE = Path(__file__).parent
NODE = shutil.which("node")


def has_node_clients() -> bool:
    """Whether Node.js and the packages of package.json are here."""
    return NODE is not None and (HERE / ".npm/node_modules/simple-hl7").is_dir()


needs_node = pytest.mark.skipif(NODE is None, reason="Node.js is not on this machine")
needs_node_clients = [
    needs_node,
    pytest.mark.skipif(not has_node_clients(), reason="the packages of tests/clients/package.json are not installed"),
]


async def said_by(*command: str | Path) -> str:
    """Run a program to its end and give what it wrote; it ends well, and says nothing on its error stream but Node's warnings."""
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
    try:
        out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, err.decode(errors="replace")
    return out.decode()


async def said_by_node(script: str, *arguments: object) -> str:
    return await said_by(NODE or "node", HERE / script, *map(str, arguments))


@asynccontextmanager
async def node_server(script: str) -> AsyncIterator[int]:
    """A server in Node.js; gives the port that it says it listens on."""
    process = await asyncio.create_subprocess_exec(
        NODE or "node", HERE / script, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield int(await process.stdout.readline())
    finally:
        process.stdin.close()
        await process.stdin.wait_closed()
        await process.communicate()
