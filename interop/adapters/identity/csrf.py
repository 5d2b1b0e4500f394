"""Forms that only our own pages can have made: each carries a keyed hash of the session it was shown to (SEC-01, cross-site request forgery)."""

import hashlib
import hmac

from interop.adapters.identity.keys import Keys


class FormTokens:
    """Makes and checks them. ``bound_to`` is the session's token, or before log-in the random text of the form cookie; it cannot be read back."""

    def __init__(self, keys: Keys) -> None:
        self._key = keys.form

    def token(self, bound_to: str) -> str:
        """The same for the life of what it is bound to."""
        return hmac.new(self._key, bound_to.encode(), hashlib.sha256).hexdigest()

    def holds(self, bound_to: str, given: str) -> bool:
        """In constant time. A form bound to nothing never holds."""
        return bool(bound_to) and hmac.compare_digest(self.token(bound_to).encode(), given.encode(errors="replace"))
