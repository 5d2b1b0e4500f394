"""A site as read, before its files are held against each other: values with the rows they came from, and the names that faulty rows mention."""

from collections.abc import Mapping
from dataclasses import dataclass

from interop.domain.release import FormularyRow, Mixture, PumpModel
from interop.domain.sender import SenderProfile
from interop.site.drug_library import LibraryRow
from interop.site.sentences import OrderSentence
from interop.site.site_toml import SiteToml
from interop.site.spellings import Spelling
from interop.site.table import Row
from interop.site.toml_file import Node


@dataclass(frozen=True, slots=True)
class Draft:
    """``None`` and ``False`` say that a file could not be read whole: what another file names may be there all the same, and is not told as unknown."""

    site: SiteToml | None
    library: list[LibraryRow]
    library_whole: bool
    formulary: list[tuple[Row, FormularyRow]]
    formulary_codes: frozenset[tuple[str, str]]  # (system, code) of every row, the faulty ones too
    formulary_whole: bool
    mixtures: list[tuple[Row, Mixture]]
    spellings: list[Spelling]
    pump_models: Mapping[str, PumpModel]
    pump_model_names: frozenset[str]
    senders: Mapping[str, tuple[SenderProfile, Node]]
    sentences: list[tuple[Row, OrderSentence]]
