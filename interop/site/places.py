"""Where the demo site lies: beside the package in a checkout, inside it where it was installed from a wheel."""

from pathlib import Path

from interop.domain.errors import SiteError


def demo_site() -> Path:
    """The folder of the demo site. Found anew at each call; nothing keeps its absolute path.

    Raises: SiteError: neither place has it.
    """
    package = Path(__file__).resolve().parents[1]
    for folder in (package.parent / "mappings" / "demo", package / "_mappings" / "demo"):
        if (folder / "site.toml").is_file():
            return folder
    raise SiteError("the demo site is not here: reinstall the package, or name a site's folder")
