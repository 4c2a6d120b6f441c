"""The pages on Home Assistant: the reference is what the code says, the how-to's samples too."""

import dataclasses
import json
import re
from typing import Any

import pytest

from agent.home.discovery import HOME, Naming, plan
from agent.home.entities import announce, tell
from agent.home.inputs import Message
from tests.docs import generate, home_assistant
from tests.support.home_facts import home_facts
from tests.support.home_inputs import NOW_MS

PAGE = generate.REFERENCE / "home-assistant.md"
HOW_TO = (generate.ROOT / "docs/how-to/home-assistant.md").read_text(encoding="utf-8")
SAMPLES: list[dict[str, Any]] = [
    json.loads(one) for one in re.findall(r"```json\n(.*?)```", HOW_TO, re.DOTALL)
]
NAMING = home_assistant.NAMING
TOPICS = {topic for topic, _ in home_assistant.topic_rows()}


def documents() -> dict[str, dict[str, Any]]:
    """What the whole home says, by the last level of its topic."""
    waiting = [Message(4, "Planned maintenance", NOW_MS)]
    home = dataclasses.replace(home_assistant.whole_home(), messages=waiting)
    told = tell(home_facts(home), NAMING)
    return {one.topic.rpartition("/")[2]: json.loads(one.payload) for one in told}


def test_the_page_is_what_the_code_announces() -> None:
    """An entity that changes its class, unit, topic or needs is mended by `make reference`."""
    made = home_assistant.home_assistant_page(generate.MADE_BY)

    assert PAGE.read_text() == made, f"{PAGE.name} has drifted: run 'make reference'"


def test_every_topic_that_is_published_is_on_the_page() -> None:
    """States as they are, and configurations by the two ways of discovery."""
    facts = home_facts(home_assistant.whole_home())
    wanted = announce(facts, NAMING)
    states = {one.topic for one in tell(facts, NAMING)}
    written = {style: plan({}, wanted, NAMING, style) for style in ("device", "entity")}

    of_meters = {topic for topic in states if "/meter-" in topic}

    assert states - of_meters < TOPICS
    assert {re.sub(r"meter-.*", "meter-METER", topic) for topic in of_meters} < TOPICS
    assert NAMING.config("device", HOME) in TOPICS & {one.topic for one in written["device"]}
    assert TOPICS & {one.topic for one in written["entity"]}


def test_every_entity_of_the_page_has_a_value_in_its_document() -> None:
    """Under its key, at the topic that the page names."""
    said = documents()

    for entity, _ in home_assistant.home_entities():
        if entity.platform != "button":
            level = entity.config["state_topic"].rpartition("/")[2]
            assert entity.key in said[level], entity.key


def test_what_an_entity_needs_is_found_by_taking_it_away() -> None:
    """Money needs a tariff; what every home has needs nothing."""
    needs = {entity.key: what for entity, what in home_assistant.home_entities()}

    assert needs["power_w"] == needs["messages_open"] == []
    assert needs["next_cheap_at"] == ["a tariff", "prices that vary"]
    assert needs["gas_cost_today"] == ["a gas meter", "a gas tariff"]
    assert needs["budget_left"] == ["a tariff", "a budget"]
    used = {words for what in needs.values() for words in what}
    assert used == home_assistant.homes_without().keys()


@pytest.mark.parametrize("sample", SAMPLES, ids=[next(iter(one)) for one in SAMPLES])
def test_the_how_to_shows_documents_as_they_are(sample: dict[str, Any]) -> None:
    """No key that the hub does not say, and each of the kind that it has."""
    said = documents() | {"meter": {"import_mwh": 12_345.678, "export_mwh": 0.25}}

    (document,) = [one for one in said.values() if sample.keys() <= one.keys()]

    for key, shown in sample.items():
        assert isinstance(document[key], type(shown)) or document[key] is None, key
        if isinstance(shown, dict):
            assert shown.keys() == document[key].keys()


def test_a_thing_name_is_written_as_the_page_says() -> None:
    """So that who looks for it with mosquitto_sub finds it."""
    assert Naming("hub-1").node == "hearthlink-hub-2d-1"
    assert "`hub-1` is `hub-2d-1`" in PAGE.read_text()
