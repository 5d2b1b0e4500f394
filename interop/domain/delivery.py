"""Where and how an infusion goes in: pump modes, routes, infusion types, care areas' names as the drug library writes them."""

from enum import Enum


class Mode(Enum):
    """What kind of pump channel an entry is made for (library column ``pump_mode``; HL7 table 0164 in RXR-3)."""

    LVP = "LVP"
    SYRINGE = "SYRINGE"
    PCA = "PCA"


class Route(Enum):
    """Routes of the drug library. HL7 table 0162 and SNOMED codes are read into these by ``stages.normalise``; others are refused."""

    IV = "IV"
    EPIDURAL = "EPIDURAL"
    PERINEURAL = "PERINEURAL"
    SUBCUTANEOUS = "SC"
    INTRATHECAL = "IT"
    NASOGASTRIC = "NG"
    GASTROSTOMY = "GTT"


class InfusionType(Enum):
    """Decides which limits an entry has: dose rate; dose and duration; demand dose; or mL/h alone."""

    CONTINUOUS = "continuous"
    INTERMITTENT = "intermittent"
    PCA = "pca"
    FLUID = "fluid"


class SecondCheck(Enum):
    """D-13: an independent second clinician; at the pump the start stays locked until a different person's badge is read."""

    NONE = "none"
    AT_PUMP = "at_pump"
    ASSERTED_BY_SENDER = "asserted_by_sender"


HL7_0164_DEVICE = {"IVP": Mode.LVP, "PCA": Mode.PCA, "SYR": Mode.SYRINGE}
"""RXR-3 administration device as PCD-03 uses it; SYR is IHE's addition (IHE DEV TF-2, 3.3.4.4.8)."""
