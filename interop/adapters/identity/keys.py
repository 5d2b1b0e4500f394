"""The keys that badges and forms are hashed with, derived from the one secret in a file: who has the store alone cannot guess a badge."""

import hashlib
import hmac
from dataclasses import dataclass, field
from typing import Final

SHORTEST_SECRET: Final = 32


@dataclass(frozen=True, slots=True)
class Keys:
    """One key a purpose. The same secret on every node of a store; another secret makes every badge unknown and every open form stale."""

    badge: bytes = field(repr=False)
    form: bytes = field(repr=False)

    @classmethod
    def of_secret(cls, secret: str) -> "Keys":
        """Raises: ValueError: a secret too short to be one."""
        if len(secret) < SHORTEST_SECRET:
            raise ValueError(f"the secret of identity needs at least {SHORTEST_SECRET} random characters")
        return cls(_derived(secret, "badge/1"), _derived(secret, "form/1"))


def _derived(secret: str, purpose: str) -> bytes:
    return hmac.digest(secret.encode(), f"interop/identity/{purpose}".encode(), "sha256")


def token_digest(token: str) -> str:
    """What of a token or session is kept: a plain hash is enough for 256 random bits, and tells nothing back."""
    return hashlib.sha256(token.encode()).hexdigest()
