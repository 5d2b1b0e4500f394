"""Passwords: Argon2id with its parameters beside each hash (RFC 9106), the same work for a user who is not there, never more work than is bounded."""

import secrets
import unicodedata
from asyncio import Semaphore, to_thread
from dataclasses import dataclass
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from interop.domain.errors import OurError, SenderError

SHORTEST: Final = 12
LONGEST: Final = 256
FEWEST_DIFFERENT: Final = 5
AT_ONCE: Final = 2
"""Hashes made at the same time; the rest waits, so that log-ins take neither all memory nor all cores."""


class BadPassword(SenderError):
    """The password may not be set; says why in a sentence that does not repeat it."""


class DamagedHash(OurError):
    """A stored hash cannot be read. Nobody logs in with it."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one hash costs: the second recommendation of RFC 9106, section 4, is 3 passes over 64 MiB in 4 lanes."""

    passes: int = 3
    memory_kib: int = 65_536
    lanes: int = 4


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the password was right, and whether its hash was made at another cost than today's and should be made anew."""

    is_right: bool
    needs_rehash: bool = False


class Passwords:
    """Hashes and verifies off the event loop."""

    def __init__(self, cost: Cost | None = None) -> None:
        of = Cost() if cost is None else cost
        self._hasher = PasswordHasher(time_cost=of.passes, memory_cost=of.memory_kib, parallelism=of.lanes)
        self._decoy = self._hasher.hash(secrets.token_urlsafe(32))
        self._turns = Semaphore(AT_ONCE)

    async def hash(self, password: str) -> str:
        """The encoded hash: salt, parameters and digest in one text."""
        async with self._turns:
            return await to_thread(self._hasher.hash, _normal(password))

    async def verify(self, stored: str, password: str) -> Verdict:
        """``stored`` empty: no such user, or one without a password; that takes as long as a wrong one. Raises: DamagedHash."""
        fits = len(password) <= LONGEST
        async with self._turns:
            is_right = await to_thread(self._is_right, stored or self._decoy, _normal(password) if fits else "")
        is_right = is_right and bool(stored) and fits
        return Verdict(is_right, is_right and self._hasher.check_needs_rehash(stored))

    def _is_right(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except VerifyMismatchError:
            return False
        except (InvalidHashError, VerificationError):
            raise DamagedHash("a stored password hash cannot be read") from None


def check_new(password: str, user: str, name: str) -> None:
    """Length before all else, as NIST SP 800-63B asks; no rules about kinds of characters. Raises: BadPassword."""
    text = _normal(password)
    if not SHORTEST <= len(text) <= LONGEST:
        raise BadPassword(f"a password has {SHORTEST} to {LONGEST} characters")
    if not text.isprintable():
        raise BadPassword("a password has no control characters")
    if len(set(text)) < FEWEST_DIFFERENT:
        raise BadPassword(f"a password has at least {FEWEST_DIFFERENT} different characters")
    if any(len(word) > 2 and word.casefold() in text.casefold() for word in (user, *name.split())):
        raise BadPassword("a password does not hold the name of its user")


def _normal(password: str) -> str:
    """One text for what looks alike, whatever keyboard it came from; half a surrogate pair, which cannot be hashed, becomes a question mark."""
    return unicodedata.normalize("NFKC", password).encode(errors="replace").decode()
