"""Topic templates match as MQTT filters do; names and safe levels never clash."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.client import topic_matches_sub

from agent.topics import MAX_CAPTURE, MAX_SAFE, TopicTemplate, asset_name, check_asset_name, safe_level, unsafe_level

LEVEL = st.text(st.sampled_from("ab$."), max_size=3)
TOPIC = st.lists(LEVEL, min_size=1, max_size=5).map("/".join).filter(bool)
FILTER = st.builds(
    lambda levels, tail: "/".join(levels + tail),
    st.lists(LEVEL | st.just("+"), max_size=4),
    st.sampled_from([[], ["#"], ["+"]]),
).filter(bool)
CONTENT = st.text(st.sampled_from("aé€😀.+#$% \n\x00"), min_size=1, max_size=20)
ANY_NAME = st.text(st.characters() | st.sampled_from("/+#%$.\x00\x1f\x7f\x9f\ud800\udfff\ufdd0\uffff\U0010ffff~%"))


def test_named_levels_are_captured_and_subscribed_as_single_wildcards() -> None:
    template = TopicTemplate.parse("plant/{line}/{asset}/telemetry")
    assert template.filter == "plant/+/+/telemetry"
    assert template.names == ("line", "asset")
    assert template.match(b"plant/l1/pump 7/telemetry") == {"line": "l1", "asset": "pump 7"}
    assert template.match("plant/l1/Pumpe-Süd/telemetry".encode()) == {"line": "l1", "asset": "Pumpe-Süd"}


@pytest.mark.parametrize(
    "topic",
    [b"plant/l1/telemetry", b"plant/l1/p/x/telemetry", b"plant//p/telemetry", b"plant/l1/p/telemetry/", b"", b"plant",
     b"xplant/l1/p/telemetry", b"plant/l1/\xff/telemetry", b"plant/l1/" + b"p" * (MAX_CAPTURE + 1) + b"/telemetry"],
)  # fmt: skip
def test_other_topics_do_not_match(topic: bytes) -> None:
    assert TopicTemplate.parse("plant/{line}/{asset}/telemetry").match(topic) is None


@given(FILTER, TOPIC)
def test_wildcards_match_as_in_an_mqtt_client(text: str, topic: str) -> None:
    template = TopicTemplate.parse(text)
    assert template.filter == text
    assert (template.match(topic.encode()) is not None) == topic_matches_sub(text, topic)


@given(st.lists(LEVEL.filter(bool) | st.just("{}"), min_size=1, max_size=6), st.data())
def test_a_topic_filled_into_a_template_gives_its_levels_back(shape: list[str], data: st.DataObject) -> None:
    levels = [level.format(f"{{n{i}}}") if level == "{}" else level for i, level in enumerate(shape)]
    template = TopicTemplate.parse("/".join(levels))
    want = {name: data.draw(CONTENT) for name in template.names}
    topic = "/".join(want[level[1:-1]] if level.startswith("{") else level for level in levels)
    if levels[0].startswith("{") and topic.startswith("$"):
        assert template.match(topic.encode()) is None
    else:
        assert template.match(topic.encode()) == want


def test_a_leading_named_level_does_not_take_the_topics_of_the_broker() -> None:
    assert TopicTemplate.parse("{asset}/#").match(b"$SYS/broker/uptime") is None
    assert TopicTemplate.parse("$SYS/{what}/#").match(b"$SYS/broker/uptime") == {"what": "broker"}


def test_a_newline_in_a_topic_is_an_ordinary_character() -> None:
    assert TopicTemplate.parse("a/{b}").match(b"a/x\n") == {"b": "x\n"}
    assert TopicTemplate.parse("a/#").match(b"a/x\ny/z") == {}
    assert TopicTemplate.parse("a").match(b"a\n") is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        ("a/#/b", "last level"),
        ("a/b#", "whole level"),
        ("a+/b", "whole level"),
        ("a/x{b}", "whole level"),
        ("a/{b}{c}", "whole level"),
        ("a/{b", "whole level"),
        ("a/{}", "hint: for example"),
        ("a/{Line}", "hint: {line}"),
        ("a/{1b}", "lower-case"),
        ("a/{b\n}", "printable"),
        ("a/{b}/{b}", "twice"),
        ("$share/g/a/{b}", "shared subscription"),
        ("a\x00b", "printable"),
        ("a\ud800b", "printable"),
        ("a/" * 40, "at most 32 levels"),
        ("ä" * 40000, "65535 bytes"),
    ],
)
def test_a_bad_template_is_refused_with_an_explanation(text: str, words: str) -> None:
    with pytest.raises(ValueError, match="expected") as caught:
        TopicTemplate.parse(text)
    assert words in str(caught.value)
    str(caught.value).encode()


def test_an_asset_is_named_by_its_captured_levels_but_the_channel() -> None:
    levels = {"line": "l1", "asset": "pump.7", "channel": "flow"}
    assert asset_name(None, levels, ("line", "asset", "channel")) == "l1.pump%2E7"
    assert asset_name(None, levels, ("asset", "channel")) == "pump.7"
    assert asset_name("{line}-{asset}", levels, ("line", "asset", "channel")) == "l1-pump.7"
    assert asset_name("boiler", {}, ()) == "boiler"


@given(st.lists(st.text(st.sampled_from(".%2E5a"), max_size=4), min_size=2, max_size=2).map(tuple), st.data())
def test_two_assets_never_share_a_default_name(one: tuple[str, str], data: st.DataObject) -> None:
    other = data.draw(
        st.permutations(one[0] + one[1]).map(lambda s: ("".join(s[: len(one[0])]), "".join(s[len(one[0]) :])))
    )
    names = ("a", "b")
    same = asset_name(None, dict(zip(names, one, strict=True)), names) == asset_name(
        None, dict(zip(names, other, strict=True)), names
    )
    assert same == (one == other)


@pytest.mark.parametrize(
    ("template", "names", "words"),
    [
        (None, ("channel",), "capture one"),
        ("", ("asset",), "empty"),
        ("{lin}", ("line",), "captures no such level"),
        ("{asset}-{channel}", ("asset", "channel"), "part of an asset"),
        ("{asset", ("asset",), "closed"),
        ("{asset.__class__}", ("asset",), "captures no such level"),
    ],
)
def test_a_bad_name_template_is_refused_with_an_explanation(
    template: str | None, names: tuple[str, ...], words: str
) -> None:
    with pytest.raises(ValueError, match="hint") as caught:
        check_asset_name(template, names)
    assert words in str(caught.value)


def test_a_good_name_template_passes() -> None:
    check_asset_name(None, ("line", "channel"))
    check_asset_name("{line}-{asset}", ("line", "asset"))
    check_asset_name("boiler", ())


@pytest.mark.parametrize(
    ("name", "level"),
    [
        ("pump 7", "pump 7"),
        ("a/b+c#d%e", "a%2Fb%2Bc%23d%25e"),
        ("$SYS", "%24SYS"),
        ("a$b", "a$b"),
        ("", "%"),
        ("Süd", "Süd"),
        ("a\x00\x85", "a%00%C2%85"),
        ("\ud800", "%ED%A0%80"),
    ],
)
def test_a_name_becomes_a_readable_level(name: str, level: str) -> None:
    assert safe_level(name) == level
    assert unsafe_level(level) == name


@given(ANY_NAME)
def test_a_safe_level_is_safe_and_gives_the_name_back(name: str) -> None:
    level = safe_level(name)
    assert level
    assert len(level.encode()) <= MAX_SAFE
    assert not set(level) & set("/+#\x00")
    assert not level.startswith("$")
    assert topic_matches_sub("+", level)
    if "%~" not in level:
        assert unsafe_level(level) == name


@given(ANY_NAME, ANY_NAME)
def test_two_names_never_share_a_level(one: str, other: str) -> None:
    assert (safe_level(one) == safe_level(other)) == (one == other)
    # an encoded name is a name too, and must not collide with what it encodes
    assert (safe_level(safe_level(one)) == safe_level(other)) == (safe_level(one) == other)


@given(st.text(st.sampled_from("ab/ü€%"), min_size=MAX_SAFE - 60, max_size=2000))
def test_a_long_name_is_cut_to_a_level_of_its_own(name: str) -> None:
    level = safe_level(name)
    assert len(level.encode()) <= MAX_SAFE
    assert level != safe_level(name + "a")
    assert level != safe_level("b" + name)
    if len(name.encode()) > MAX_SAFE:
        with pytest.raises(ValueError, match="cut off"):
            unsafe_level(level)


@pytest.mark.parametrize("level", ["", "a/b", "%2f", "%41", "$x", "%", "a%", "%ZZ", "%FF", "%ED%A0"])
def test_a_level_that_no_name_makes_is_refused(level: str) -> None:
    if level == "%":
        assert unsafe_level(level) == ""
        return
    with pytest.raises(ValueError):
        unsafe_level(level)
