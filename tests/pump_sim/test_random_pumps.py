"""Whatever is pressed, heard and happens, in any order: what must never happen, and that it can happen otherwise (SR-01, SR-70, SR-75, SR-77)."""

import json
from fractions import Fraction

from hypothesis import event, given, settings
from hypothesis import strategies as st

from pump_sim import keys
from pump_sim.clock import Now
from pump_sim.pump import NewLibrary
from pump_sim.states import DELIVERING, STANDING
from tests.pump_sim.ward import EIGHT, NURSE, SECOND, Ward, dopamine_offer, heparin_offer, library, titration_offer

channels = st.sampled_from("AB")
badges = st.sampled_from([NURSE, SECOND, ""])
BESIDE_START = st.one_of(
    st.builds(keys.OpenOffer, channels, badges),
    st.builds(
        keys.Edit,
        channels,
        st.sampled_from(["rate", "dose rate", "vtbi", "weight"]),
        st.sampled_from(["5", "12", "25", "60", "240"]),
        badges,
    ),
    st.builds(keys.Override, channels, st.just("dose rate"), st.just("protocol"), badges),
    st.builds(keys.SecondCheck, channels, badges),
    st.builds(keys.Confirm, channels, badges),
    st.builds(keys.Reject, channels, badges),
    st.builds(keys.Program, channels, badges, st.sampled_from(["NS", "DOP", ""])),
    st.builds(keys.Enter, channels, st.sampled_from(["rate", "vtbi", "weight"]), st.sampled_from(["5", "50", "80"])),
    st.builds(keys.Review, channels),
    st.builds(keys.Cancel, channels),
    st.builds(keys.Pause, channels, badges),
    st.builds(keys.Change, channels, st.sampled_from(["rate", "vtbi"]), st.sampled_from(["6", "30", "300"]), badges),
    st.builds(keys.Clear, channels, badges),
    st.builds(keys.OpenDoor, channels),
    st.builds(keys.CloseDoor, channels),
    st.builds(keys.Occlude, channels),
    st.builds(keys.ReleaseOcclusion, channels),
    st.builds(keys.Air, channels),
    st.builds(keys.ClearAir, channels),
    st.builds(keys.LoadSet, channels, st.just(""), st.sampled_from(["", "3"])),
    st.builds(keys.InternalFault, channels, st.just("motor")),
    st.builds(keys.NewPatient, badges),
    st.builds(keys.SetCareArea, st.sampled_from(["ICU", "PEDS"])),
    st.sampled_from([keys.Plug(), keys.Unplug(), keys.PowerOff(), keys.PowerOn()]),
)
STARTS = st.one_of(st.builds(keys.Start, channels, badges), st.builds(keys.Resume, channels, badges))
SERVER = st.sampled_from(["offer", "heparin", "titration", "withdraw", "read back", "cut", "connect", "library", "crash"])
WAITS = st.sampled_from([1, 59, 61, 181, 301, 3600, 40_000])
WAYS = st.sampled_from(["straight on", "by hand"])


class Story:
    """A pump that is told random things."""

    def __init__(self) -> None:
        self.ward, self.offers = Ward(), 0

    def tell(self, what: object) -> None:
        match what:
            case keys.Key():
                self.ward.press(what)
            case int():
                self.ward.wait(what)
            case "crash":
                pump = self.ward.pump.after_power_loss()
                self.ward.pump, self.ward.now = pump, Now(self.ward.now.wall, 0, 0)
                self.ward.press(keys.PowerOn())
            case "cut":
                self.ward.disconnect()
            case "connect":
                self.ward.connect()
            case "library":
                self.ward.give(NewLibrary(library("43") if self.offers % 2 else library()))
            case "straight on" | "by hand":
                self._on(str(what))
            case _:
                self._server(str(what))

    def _on(self, way: str) -> None:
        """What a ward mostly does; a start is pressed by nobody here."""
        self._server("offer")
        for channel in "AB":
            for key in (
                (keys.OpenOffer(channel, NURSE), keys.Confirm(channel, NURSE))
                if way == "straight on"
                else (
                    keys.Program(channel, NURSE),
                    keys.Enter(channel, "rate", "50"),
                    keys.Enter(channel, "vtbi", "20"),
                    keys.Review(channel),
                    keys.Confirm(channel, NURSE),
                )
            ):
                self.ward.press(key)

    def _server(self, what: str) -> None:
        self.offers += 1
        offer_id, channel = f"O-{self.offers}", "AB"[self.offers % 2]
        match what:
            case "offer":
                self.ward.hear(dopamine_offer(offer_id, channel_id=channel))
            case "heparin":
                self.ward.hear(heparin_offer(offer_id, channel_id=channel))
            case "titration":
                run = self.ward.channel("A").run
                if run is not None and run.programme.entry is not None and run.programme.entry.key == "DOP":
                    self.ward.hear(titration_offer(self.ward, offer_id))
            case "withdraw":
                self.ward.hear({"frame": "withdraw", "offer_id": f"O-{self.offers // 2}", "channel_id": "A"})
            case _:
                self.ward.hear({"frame": "read_back", "request_id": "R-1"})


@settings(max_examples=60)
@given(st.lists(st.one_of(BESIDE_START, SERVER, WAITS, WAYS), max_size=40))
def test_sr_01_sr_63_nothing_but_a_start_key_makes_anything_flow(story):
    told = Story()
    for what in story:
        told.tell(what)
        for channel in told.ward.pump.channels.values():
            assert channel.state not in DELIVERING
            assert channel.run is None
    assert told.ward.frames("started") == []


@settings(max_examples=120)
@given(st.lists(st.one_of(BESIDE_START, STARTS, STARTS, SERVER, WAITS, WAYS), max_size=60))
def test_whatever_happens_the_count_never_falls_and_nothing_flows_where_it_stands(story):
    told = Story()
    ward = told.ward
    last: dict[str, Fraction] = {}
    for what in story:
        before = {name: channel.state for name, channel in ward.pump.channels.items()}
        told.tell(what)
        for name, channel in ward.pump.channels.items():
            started = channel.state in DELIVERING and before[name] not in DELIVERING
            if started:  # SR-01: by a start key on that very channel, and by nothing else
                assert isinstance(what, keys.Start | keys.Resume)
                assert what.channel == name
                event("started")
            run = channel.run
            if run is None:
                continue
            count = ward.pump.counted(name, ward.now)
            assert count >= last.get(run.infusion_id, Fraction(0))  # SR-75
            last[run.infusion_id] = count
            if channel.state not in DELIVERING:
                assert run.flow.rate == 0
            vtbi = run.programme.settings.get("vtbi")
            if vtbi is not None and not run.done:
                assert count <= run.vtbi_from + vtbi.value  # never more than the VTBI before KVO
            if channel.state in STANDING:
                event("stood still")
    numbers = [frame["number"] for frame in ward.kept]
    assert numbers == list(range(1, len(numbers) + 1))
    json.dumps(ward.pump.kept())


@settings(max_examples=60)
@given(st.lists(st.one_of(STARTS, BESIDE_START, WAITS), max_size=30), st.sampled_from([None, 0.9, 17]))
def test_sr_70_what_happens_on_one_channel_leaves_the_other_as_it_is(story, step):
    ward = Ward(connected=False).by_hand("B", entry_key="", rate="1", vtbi="900")
    whole_pump = (keys.NewPatient, keys.PowerOff, keys.PowerOn, keys.Unplug, keys.Plug, keys.SetCareArea)
    waited = 0
    for what in story:
        if isinstance(what, int):
            ward.wait(min(what, 600), in_steps_of=step)
            waited += min(what, 600)
        elif not isinstance(what, whole_pump) and getattr(what, "channel", "") == "A":
            ward.press(what)
    assert ward.state("B") == "INFUSING"
    assert ward.pump.counted("B", ward.now) == Fraction(waited, 3600)
    assert ward.screen("B").alarms == ()
    assert ward.now.wall >= EIGHT
