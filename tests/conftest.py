"""For all tests: no generated case fails because the machine was busy (a test never depends on a measured time)."""

from hypothesis import HealthCheck, settings

settings.register_profile("ward", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.load_profile("ward")
