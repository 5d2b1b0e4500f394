"""Errors by who must act; each adapter translates foreign exceptions into these where it meets them.

InteropError
├── SenderError      the sending system must change something
├── SiteError        the site's data are unsound: an analyst or pharmacist must act
├── PumpError        the pump must be looked at
└── OurError         we must: the engineer on call
"""


class InteropError(Exception):
    """Base of all errors that this product raises on purpose."""


class SenderError(InteropError):
    """What was received cannot be read or is of no use here."""


class SiteError(InteropError):
    """A site's files, or a release built from them, are unsound."""


class PumpError(InteropError):
    """A pump or its link is not as it must be."""


class OurError(InteropError):
    """A fault of this server or of what it stands on."""
