"""What `interop init` makes behind the settings: the store, the demo site's release, the first administrator (``init.FirstStart``)."""

from interop.adapters.store.schema import HEAD
from interop.ports import Clock, SchemaMismatch
from interop.service import people, releases
from interop.service.opening import migrate_store, opened
from interop.service.settings import Settings
from interop.site.places import demo_site


class FirstSteps:
    """Each step opens the store, does its work and lets go of it, so that it may be asked again at any time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def migrate(self, settings: Settings) -> bool:
        """Bring the store's schema up, and make the store where it is missing. False: it was up to date. Raises: StoreUnavailable."""
        try:
            async with opened(settings, self._clock):
                return False
        except SchemaMismatch as found:
            if found.found == HEAD:
                raise
        await migrate_store(settings, self._clock)
        return True

    async def build_release(self, settings: Settings) -> bool:
        """Build the site's release into the store. False: the store has one already. Raises: SiteUnsound, StoreUnavailable, Busy."""
        async with opened(settings, self._clock) as record:
            if await releases.in_force(record) is not None:
                return False
            folder = settings.site.folder if settings.site.folder is not None else demo_site()
            await releases.build(record, folder, self._clock.now(), people.console_actor().key)
            return True

    async def has_administrator(self, settings: Settings) -> bool:
        """Whether anybody is an administrator already. Raises: StoreUnavailable."""
        async with opened(settings, self._clock) as record:
            return await people.has_administrator(record)

    async def add_administrator(self, settings: Settings, user: str, password: str) -> None:
        """Add the first one. Raises: BadUser, BadPassword, UserThere, SecretUnreadable; ValueError: the secret is too short or not named."""
        if settings.identity.secret_file is None:
            raise ValueError("identity.secret_file is not set")
        async with opened(settings, self._clock) as record:
            await people.add_administrator(record, self._clock, settings.identity.secret_file, user, password)
