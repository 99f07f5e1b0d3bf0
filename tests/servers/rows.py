"""One row put into each server and read back, by each one's usual client."""

from collections.abc import Callable
from typing import Any

from tests.servers.base import Server
from tests.servers.kafka import Kafka

TABLE = "CREATE TABLE IF NOT EXISTS kept (seq BIGINT PRIMARY KEY)"


def _sql_put(server: Server, seq: int) -> None:
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute(TABLE)
        cursor.execute("INSERT INTO kept VALUES (%s)", (seq,))
        connection.commit()


def _sql_get(server: Server) -> list[int]:
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT seq FROM kept ORDER BY seq")
        return [seq for (seq,) in cursor.fetchall()]


def _redis_put(server: Server, seq: int) -> None:
    with server.connect() as client:
        client.xadd("kept", {"seq": seq}, id=f"{seq}-0")


def _redis_get(server: Server) -> list[int]:
    with server.connect() as client:
        return [int(fields[b"seq"]) for _, fields in client.xrange("kept")]


def _mongo_put(server: Server, seq: int) -> None:
    with server.connect() as client:
        client.get_default_database().kept.insert_one({"_id": seq})


def _mongo_get(server: Server) -> list[int]:
    with server.connect() as client:
        return [document["_id"] for document in client.get_default_database().kept.find().sort("_id")]


def _kafka_put(server: Server, seq: int) -> None:
    from confluent_kafka import KafkaError, KafkaException, Producer
    from confluent_kafka.admin import NewTopic

    assert isinstance(server, Kafka)
    admin = server.connect()  # kept in a name: what it was asked is given up when it is collected
    try:
        admin.create_topics([NewTopic("kept", 1, 1)])["kept"].result(10)
    except KafkaException as exists:
        if exists.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
            raise
    producer = Producer({"bootstrap.servers": server.address, "enable.idempotence": True})
    producer.produce("kept", str(seq).encode())
    assert producer.flush(10) == 0, "not acknowledged"


def _kafka_get(server: Server) -> list[int]:
    from confluent_kafka import Consumer, TopicPartition

    assert isinstance(server, Kafka)
    consumer = Consumer({"bootstrap.servers": server.address, "group.id": "reader", "enable.auto.commit": False})
    try:
        consumer.assign([TopicPartition("kept", 0, 0)])
        _, end = consumer.get_watermark_offsets(TopicPartition("kept", 0), timeout=10)
        found = consumer.consume(end, timeout=10)
        assert not [message.error() for message in found if message.error()]  # an error is a message, too
        return [int(message.value()) for message in found]
    finally:
        consumer.close()


PUT: dict[str, Callable[[Any, int], None]] = {
    "mariadb": _sql_put,
    "postgresql": _sql_put,
    "redis": _redis_put,
    "kafka": _kafka_put,
    "secantusdb": _mongo_put,
    "ferretdb": _mongo_put,
}
GET: dict[str, Callable[[Any], list[int]]] = {
    "mariadb": _sql_get,
    "postgresql": _sql_get,
    "redis": _redis_get,
    "kafka": _kafka_get,
    "secantusdb": _mongo_get,
    "ferretdb": _mongo_get,
}
