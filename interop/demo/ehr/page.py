"""The stand-in EHR's page for people: each order, what was answered at once, and what came back later. Drawn anew every two seconds."""

from collections.abc import Iterator, Sequence
from html import escape
from typing import Final

from interop.demo.ehr.hl7 import ANSWERED as KINDS
from interop.demo.ehr.hl7 import Message, Unreadable
from interop.demo.ehr.journal import ANSWERED, RECEIVED, SENT, Entry

EVENTS: Final = {
    "MDC_EVT_PUMP_DELIV_START": "delivery starts",
    "MDC_EVT_PUMP_DELIV_STOP": "delivery stops",
    "MDC_EVT_PUMP_DELIV_COMP": "the volume is given",
    "MDC_EVT_PUMP_AUTO_PROG_CLEARED": "the program was cleared before it ran",
}
MOST_ROWS: Final = 200

STYLE: Final = """
body { font: 1rem/1.45 system-ui, sans-serif; margin: 0 auto; max-width: 75rem; padding: 0 1rem 3rem; color: #1b1b1b; background: #fff }
.simulated { background: #ffe08a; border: 2px solid #6b4e00; padding: .5rem 1rem; font-weight: 700 }
table { border-collapse: collapse; width: 100% } caption { text-align: left; font-weight: 700; padding: 1rem 0 .5rem }
th, td { border: 1px solid #767676; padding: .35rem .6rem; text-align: left; vertical-align: top; overflow-wrap: anywhere }
th { background: #f0f0f0 } .no { font-weight: 700; color: #8a0000 }
"""


def page(entries: Sequence[Entry]) -> str:
    """The whole document."""
    orders = "".join(_order(entry, entries) for entry in entries if entry.what == SENT and entry.about.get("order"))
    came = [entry for entry in entries if entry.what == RECEIVED][-MOST_ROWS:]
    rows = "".join(_row(entry.at[11:19], *_came(entry)) for entry in reversed(came))
    none = '<tr><td colspan="4">nothing yet</td></tr>'
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="2">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Stand-in EHR (simulated)</title><style>{STYLE}</style></head><body><main>"
        '<h1>Stand-in EHR</h1><p class="simulated">Simulated: no patient, no drug and no pump here is real.</p>'
        f"<table><caption>Orders</caption>{_head('Sent', 'Order', 'As', 'Answered')}{orders or none}</table>"
        f"<table><caption>What came back, newest first</caption>{_head('Came', 'Kind', 'Order', 'Says')}{rows or none}</table>"
        "</main></body></html>"
    )


def _order(sent: Entry, entries: Sequence[Entry]) -> str:
    answer = next(
        (entry.about.get("code", "") for entry in entries if entry.what == ANSWERED and entry.about.get("of") == str(sent.number)), ""
    )
    as_ = "PCD-03" if sent.about["kind"] == "RGV^O15" else f"FHIR {sent.about['kind']}"
    return _row(sent.at[11:19], sent.about["order"], as_, answer or "no answer yet")


def _came(entry: Entry) -> Iterator[str]:
    """Kind, order, and what it says in a few words."""
    yield KINDS.get(entry.about.get("kind", ""), entry.about.get("kind", ""))
    try:
        message = Message.read(entry.content)
    except Unreadable:
        yield from ("", "it cannot be read")
        return
    yield message.text("ORC", 2) or message.text("OBR", 2)
    if message.kind == "RRG^O16":
        reasons = [message.text("ERR", 5, 1), message.text("ERR", 5, 2), message.text("ERR", 8)]
        yield " ".join([f"{message.text('MSA', 1)} to {message.text('MSA', 2)}", *filter(None, reasons)])
    else:
        _, _, event = next((each for each in message.observations() if each[1] == "68487"), ("", "", ""))
        name = event.split("^")[1] if event.count("^") else event
        yield EVENTS.get(name, name) or f"{sum(bool(value) for _, _, value in message.observations())} values"


def _head(*cells: str) -> str:
    return "<tr>" + "".join(f'<th scope="col">{cell}</th>' for cell in cells) + "</tr>"


def _row(*cells: str) -> str:
    return "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"
