"""The URL of a Kafka sink: what it says, and what is refused by name, without its passwords."""

import pytest

from config.errors import ConfigError
from config.settings import SinkSettings
from consumers.sinks.kafka_place import place_of
from consumers.sinks.kinds import check_sinks

URL = "kafka://h:9092"


def test_a_url_says_brokers_prefix_and_topics() -> None:
    place = place_of(SinkSettings("out", "kafka", "kafka://a:1,b:2,[::1]:3?topic_prefix=ml&partitions=6&replication=3"))
    assert place.client == {"bootstrap.servers": "a:1,b:2,[::1]:3", "security.protocol": "plaintext"}
    assert (place.prefix, place.partitions, place.replication) == ("ml", 6, 3)
    assert place.topic("events") == "ml.events"


def test_what_is_not_said_is_as_usual() -> None:
    place = place_of(SinkSettings("out", "kafka", URL, prefix="own"))
    assert (place.prefix, place.partitions, place.replication) == ("own", 1, -1)
    assert place_of(SinkSettings("out", "kafka", f"{URL}?topic_prefix=ml", prefix="own")).prefix == "ml"


def test_options_of_the_client_are_passed_on() -> None:
    query = "security.protocol=sasl_ssl&sasl.mechanism=SCRAM-SHA-512&sasl.username=u&sasl.password=a%26b%2B"
    place = place_of(SinkSettings("out", "kafka", f"kafka+ssl://h:9093?{query}"))
    assert place.client["sasl.password"] == "a&b+"
    assert place_of(SinkSettings("out", "kafka", "kafka+ssl://h:9093")).client["security.protocol"] == "ssl"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://h:1", "expected kafka://"),
        ("kafka://", "expected kafka://"),
        ("kafka://h", "expected kafka://"),
        ("kafka://h:1/path", "expected kafka://"),
        ("kafka://h:1,", "expected kafka://"),
        ("kafka://me:hidden@h:1", "sasl.username"),
        ("kafka://h:1?topic_prefix=a/b", "topic_prefix"),
        ("kafka://h:1?topic_prefix", "expected kafka://"),
        ("kafka://h:1?topics=a", "topics: expected of partitions, replication, topic_prefix"),
        ("kafka://h:1?partitions=0", "partitions: expected 1 to"),
        ("kafka://h:1?partitions=many", "partitions: expected 1 to"),
        ("kafka://h:1?replication=-1", "replication: expected 1 to"),
        ("kafka://h:1?partitions=1&partitions=2", "each option once"),
        ("kafka://h:1?security.protocol=tls", "security.protocol"),
        ("kafka+ssl://h:1?security.protocol=plaintext", "security.protocol"),
        ("kafka://h:1?sasl.username=u&sasl.password=hidden", "security.protocol"),
        ("kafka://h:1?enable.idempotence=false&sasl.password=hidden", "enable.idempotence"),
    ],
)
def test_a_url_that_is_none_is_refused_by_name(url: str, said: str) -> None:
    with pytest.raises(ConfigError, match=r"sink\[0\]\.url") as refused:
        check_sinks((SinkSettings("out", "kafka", url),))
    assert said in str(refused.value)
    assert "hidden" not in str(refused.value)


@pytest.mark.parametrize("field", ["tables", "keep"])
def test_settings_of_other_kinds_are_refused_by_name(field: str) -> None:
    other = {"tables": "events", "keep": 5}[field]
    with pytest.raises(ConfigError, match=rf"sink\[0\]\.{field}"):
        check_sinks((SinkSettings("out", "kafka", URL, **{field: other}),))  # type: ignore[arg-type]
