"""What interop asks of the world: protocols and the frozen values they speak in; no I/O, and nothing here imports an adapter.

This part is the record (design: Store, Lanes). All that changes it is one ``Commit``, a value: whole or not at all, and one caller's conflict never
fails another's; ``errors`` says what may be answered instead.
"""

from interop.ports.clock import Clock as Clock
from interop.ports.commit import Commit as Commit
from interop.ports.commit import Committed as Committed
from interop.ports.errors import Busy as Busy
from interop.ports.errors import CheckpointMoved as CheckpointMoved
from interop.ports.errors import Gone as Gone
from interop.ports.errors import Holder as Holder
from interop.ports.errors import IdTaken as IdTaken
from interop.ports.errors import KeyTaken as KeyTaken
from interop.ports.errors import LeaseLost as LeaseLost
from interop.ports.errors import MessageSeen as MessageSeen
from interop.ports.errors import RecordError as RecordError
from interop.ports.errors import RecordWentBack as RecordWentBack
from interop.ports.errors import Refused as Refused
from interop.ports.errors import SchemaMismatch as SchemaMismatch
from interop.ports.errors import ServedAlready as ServedAlready
from interop.ports.errors import ServingLost as ServingLost
from interop.ports.errors import StoreClosed as StoreClosed
from interop.ports.errors import StoreFull as StoreFull
from interop.ports.errors import StoreLocked as StoreLocked
from interop.ports.errors import StoreUnavailable as StoreUnavailable
from interop.ports.errors import StreamMoved as StreamMoved
from interop.ports.errors import Unfit as Unfit
from interop.ports.lanes import Claim as Claim
from interop.ports.lanes import LaneMessage as LaneMessage
from interop.ports.lanes import Lanes as Lanes
from interop.ports.lanes import LaneView as LaneView
from interop.ports.lanes import Lease as Lease
from interop.ports.lanes import MessageState as MessageState
from interop.ports.lanes import MessageStep as MessageStep
from interop.ports.lanes import Outgoing as Outgoing
from interop.ports.lanes import Renew as Renew
from interop.ports.lanes import lane_of as lane_of
from interop.ports.parts import Activation as Activation
from interop.ports.parts import AuditRow as AuditRow
from interop.ports.parts import Checkpoint as Checkpoint
from interop.ports.parts import Direction as Direction
from interop.ports.parts import EffectKey as EffectKey
from interop.ports.parts import Expect as Expect
from interop.ports.parts import FirstSeen as FirstSeen
from interop.ports.parts import Intent as Intent
from interop.ports.parts import IntentDone as IntentDone
from interop.ports.parts import IntentHeld as IntentHeld
from interop.ports.parts import JournalEntry as JournalEntry
from interop.ports.parts import JournalHead as JournalHead
from interop.ports.parts import KeyRelease as KeyRelease
from interop.ports.parts import MessageKey as MessageKey
from interop.ports.parts import NewEvent as NewEvent
from interop.ports.parts import Priority as Priority
from interop.ports.parts import Projected as Projected
from interop.ports.parts import RecordedAudit as RecordedAudit
from interop.ports.parts import RecordedEvent as RecordedEvent
from interop.ports.parts import StoredRelease as StoredRelease
from interop.ports.parts import Timer as Timer
from interop.ports.parts import TimerEnd as TimerEnd
from interop.ports.record import AuditQuery as AuditQuery
from interop.ports.record import Record as Record
from interop.ports.record import Retention as Retention
from interop.ports.record import StoreHealth as StoreHealth
from interop.ports.record import StoreState as StoreState
from interop.ports.serving import Serving as Serving
