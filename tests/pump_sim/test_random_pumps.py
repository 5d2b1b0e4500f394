"""Whatever is pressed, heard and happens, in any order: what must never happen, and that it can happen otherwise (SR-01, SR-70, SR-75, SR-77)."""

import json
from collections import Counter
from fractions import Fraction
from random import Random

import pytest

from pump_sim import keys
from pump_sim.clock import Now
from pump_sim.pump import NewLibrary
from pump_sim.states import DELIVERING, State
from tests.pump_sim.ward import NURSE, SECOND, Ward, amount, dopamine_offer, heparin_offer, library, settings, titration_offer

STEPS = 150
QUICK = (9, 43, 46)
"""Stories that visit every state between them; the last test of this file says when they no longer do."""
SEEDS = [*QUICK, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(200) if seed not in QUICK)]
FORWARD = ("start", "resume", "confirm", "second_check", "override", "open_offer", "review")
BREAKS = {"internal_fault", "fail_self_test", "power_off", "set_battery", "unplug"}


class Story:
    """A ward that does random things, mostly sensible ones, so that every state is visited. ``starts``: may a start key be pressed at all."""

    def __init__(self, seed: int, *, starts: bool = True) -> None:
        self.random, self.starts, self.offers, self.ward = Random(seed), starts, 0, Ward(faults=True)

    def step(self) -> object:
        """Do something; what it was."""
        kind = self.random.choices(["shown key", "any key", "server", "wait", "mishap", "rare"], [64, 4, 18, 12, 4, 1])[0]
        if kind == "wait":
            what: object = self.random.choice([1, 1, 7, 61, 121, 600, 3600])
            self.ward.wait(int(str(what)))
        elif kind == "server":
            what = self.server()
        elif kind == "rare":
            what = self.rare()
        elif kind == "mishap":
            running = [name for name, channel in self.ward.pump.channels.items() if channel.state in DELIVERING]
            what = self.made(self.random.choice(["air", "occlude", "open_door", "remove_set"]), self.random.choice(running or ["A", "B"]))
            self.ward.press(what)
        else:
            what = self.key(shown=kind == "shown key")
            self.ward.press(what)
        return what

    def key(self, *, shown: bool) -> keys.Key:
        """One that the screen offers now, or any; mended where something is broken."""
        channel = self.random.choice("AB")
        never = set() if self.starts else {"start", "resume"}
        never |= BREAKS if self.random.random() < 0.97 else set()
        names = [key.name for key in self.ward.screen(channel).keys if not key.why_not] if shown else list(keys.KEYS)
        names = [name for name in names if name not in never and not (name == "new_patient" and self.random.random() < 0.8)]
        forward = [name for name in FORWARD if name in names]
        if shown and forward and self.random.random() < 0.7:
            return self.made(forward[0], channel)
        mends = ["close_door", "load_set", "clear_air", "release_occlusion", "plug", "power_on", "set_care_area"]
        return self.made(self.random.choice([*names, *mends]), channel)

    def made(self, name: str, channel: str) -> keys.Key:
        pick = self.random.choice
        values = {
            "channel": channel,
            "badge": pick([NURSE] * 6 + [SECOND] * 3 + [""]),
            "name": pick(["rate", "rate", "dose rate", "dose rate", "vtbi", "vtbi", "weight"]),
            "value": pick(["5", "12", "25", "50", "80", "240"]),
            "reason": "protocol",
            "entry_key": pick(["NS", "", ""]),
            "care_area": pick(["ICU"] * 9 + ["PEDS"]),
            "patient": "MRN-1",
            "authority": "HOSP",
            "unit": "kg",
            "what": "motor",
            "percent": pick(["3", "100"]),
            "contents": pick(["", "", "40"]),
        }
        return keys.key_named(name, {field: values[field] for field in keys.KEYS[name].__dataclass_fields__ if field in values})

    def server(self) -> str:
        self.offers += 1
        what = self.random.choice(["offer", "offer", "offer", "heparin", "titration", "titration", "withdraw", "read back"])
        offer_id, channel = f"O-{self.offers}", self.random.choice("AB")
        match what:
            case "offer":
                values = {"dose rate": "10 ug/kg/min", "rate": "30 mL/h", "vtbi": "60 mL", "weight": "80 kg"}
                self.ward.hear(dopamine_offer(offer_id, channel_id=channel, settings=settings(values)))
            case "heparin":
                self.ward.hear(heparin_offer(offer_id, channel_id=channel))
            case "titration":
                run = self.ward.channel("A").run
                if run is not None and "dose rate" in run.programme.settings:
                    self.ward.hear(titration_offer(self.ward, offer_id))
            case "withdraw":
                known = self.random.randint(1, self.offers)
                self.ward.hear({"frame": "withdraw", "offer_id": f"O-{known}", "channel_id": "A"})
            case _:
                self.ward.hear({"frame": "read_back", "request_id": "R-1"})
        return what

    def rare(self) -> str:
        what = self.random.choice(["cut", "connect", "library", "crash", "off and on"])
        match what:
            case "cut":
                self.ward.disconnect()
            case "connect":
                self.ward.connect()
            case "library":
                self.ward.give(NewLibrary(library("43")))
                self.ward.give(NewLibrary(library()))
            case "crash":
                self.ward.pump, self.ward.now = self.ward.pump.after_power_loss(), Now(self.ward.now.wall, 0, 0)
                self.ward.press(keys.PowerOn())
                self.ward.connect()
            case _:
                self.ward.press(keys.PowerOff())
                self.ward.press(keys.PowerOn())
                self.ward.connect()
        return what


@pytest.mark.parametrize("seed", SEEDS)
def test_sr_01_sr_63_nothing_but_a_start_key_makes_anything_flow(seed):
    story = Story(seed, starts=False)
    for _ in range(STEPS):
        story.step()
        for channel in story.ward.pump.channels.values():
            assert channel.state not in DELIVERING
            assert channel.run is None
    assert story.ward.frames("started") == []


SEEN: Counter[str] = Counter()


@pytest.mark.parametrize("seed", SEEDS)
def test_sr_01_sr_51_sr_75_by_a_start_key_on_its_own_channel_only_and_the_count_never_falls(seed):
    story = Story(seed)
    ward = story.ward
    last: dict[str, Fraction] = {}
    for _ in range(STEPS):
        before = {name: (channel.state, channel.run and channel.run.flow.rate) for name, channel in ward.pump.channels.items()}
        what = story.step()
        for name, channel in ward.pump.channels.items():
            SEEN[channel.state.name] += 1
            run, (state, rate) = channel.run, before[name]
            if channel.state in DELIVERING and state not in DELIVERING:
                assert isinstance(what, keys.Start | keys.Resume)
                assert what.channel == name
                assert what.badge
            if run is None:
                continue
            if channel.state is State.INFUSING is state and run.flow.rate != rate:  # SR-66, SR-37
                assert isinstance(what, keys.Confirm)
                SEEN["rate changed"] += 1
            count = ward.pump.counted(name, ward.now)
            assert count >= last.get(run.infusion_id, Fraction(0))
            last[run.infusion_id] = count
            assert bool(run.flow.rate) is (channel.state in DELIVERING)
            vtbi = run.programme.settings.get("vtbi")
            if vtbi is not None and not run.done:
                assert count <= run.vtbi_from + vtbi.value
    numbers = [frame["number"] for frame in ward.kept]
    assert numbers == list(range(1, len(numbers) + 1))
    assert [frame["delivered"] for frame in ward.frames("volume_completed")] == [
        amount(frame["delivered"]["value"] + " mL") for frame in ward.frames("volume_completed")
    ]
    json.dumps(ward.pump.kept())


def test_the_random_stories_visit_every_state_that_they_are_about():
    if sum(SEEN.values()) < 2 * STEPS * len(QUICK):
        pytest.skip("counts only what ran in this process, and not all of the stories did")
    rare = {State.OFF.name, State.POST.name, State.COMPLETE.name, State.FAULT.name}
    assert set(SEEN) >= {state.name for state in State} - rare | {"rate changed"}, SEEN
    assert SEEN["INFUSING"] > 100


@pytest.mark.parametrize("seed", SEEDS)
def test_sr_70_sr_77_what_happens_on_one_channel_leaves_the_other_as_it_is_however_often_it_is_asked(seed):
    story = Story(seed)
    ward, random = story.ward, story.random
    ward.by_hand("B", entry_key="", rate="1", vtbi="900")
    waited = 0
    for _ in range(STEPS):
        if random.random() < 0.2:
            seconds = random.choice([1, 61, 181, 600])
            ward.wait(seconds, in_steps_of=random.choice([None, 60.1]))
            waited += seconds
            continue
        key = story.key(shown=random.random() < 0.7)
        if getattr(key, "channel", "") == "A":
            ward.press(key)
    assert ward.state("B") == "INFUSING"
    assert ward.pump.counted("B", ward.now) == Fraction(waited, 3600)
    assert [alarm for alarm in ward.channel("B").alarms if alarm.kind != "near-end"] == []
