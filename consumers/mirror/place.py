"""Where the mirrored topic is. It stands in `DATA/mirror.url`, for its owner alone: passwords may stand in it."""

import os
from pathlib import Path

from config.kafka_url import TopicPlace, read_kafka_url, topic_name
from config.settings import SinkSettings

FILE = "mirror.url"
FIELD = "--from"


def place_of(url: str) -> TopicPlace:
    """kafka://HOST:PORT[,HOST:PORT…][?topic_prefix=NAME&…], as of a sink. Raises ConfigError."""
    client, options = read_kafka_url(url, FIELD, {"topic_prefix"})
    prefix = options.get("topic_prefix", SinkSettings.prefix)
    return TopicPlace(client, topic_name(FIELD, "topic_prefix", f"{prefix}.events"))


def shown(place: TopicPlace) -> str:
    """How it is told: without anything that may be a password."""
    return f"kafka://{place.servers}/{place.topic}"


def keep(data: Path, url: str) -> None:
    """For the process, and for its restarts."""
    path = data / FILE
    unready = path.with_suffix(".next")
    with open(os.open(unready, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(url)
    unready.replace(path)


def kept(data: Path) -> TopicPlace:
    """What `keep` was told last."""
    return place_of((data / FILE).read_text())
