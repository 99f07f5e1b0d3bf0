"""Kafka in KRaft mode: one node that is broker and controller. Its jars come by Maven."""

import functools
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.servers.base import HOST, Server, free_port
from tests.servers.found import CannotBuild, built, lacking, program, run

RECIPE = Path(__file__).parent / "recipes" / "kafka" / "pom.xml"
CLUSTER_ID = "bWF0Y2hsaW5lLXRlc3RzMQ"  # any 16 bytes in base64

# One node: everything that is replicated has one replica. Its own topics have few partitions: there would be fifty of
# each, and a start takes them up one by one. A
# broker that was killed is let in again only when its session is over.
PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers={host}:{controller}
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller}
advertised.listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={data}
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
offsets.topic.num.partitions=3
transaction.state.log.num.partitions=3
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
auto.create.topics.enable=false
"""


@functools.cache
def missing() -> str:
    """What is not here of Kafka; fetches it where it can be had."""
    if lacks := lacking({"java": "JDK 17 or newer", "mvn": "Debian's maven"}, "confluent_kafka"):
        return lacks
    try:
        jars()
    except CannotBuild as why:
        return f"Kafka can't be had: {why}"
    return ""


def start(folder: Path, options: Sequence[str] = ()) -> "Kafka":
    """A broker without topics; options are lines of server.properties."""
    return Kafka(folder, options).start()


def start_measured(folder: Path) -> "Kafka":
    """One whose speed is asked for: it takes longer to start."""
    return Measured(folder).start()


def jars() -> Path:
    """The folder of its jars."""
    return built("kafka", RECIPE.read_text(), _fetch) / "lib"


def _fetch(folder: Path) -> None:
    shutil.copy(RECIPE, folder)
    goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", "-DoutputDirectory=lib"]
    run(program("mvn"), "--quiet", "--batch-mode", *goal, cwd=folder)


def classes() -> Path:
    """What a start loads, in the form that the JVM maps: with it a start takes a third of the time."""
    return built("kafka-classes", RECIPE.read_text() + program("java"), _archive_classes) / "classes.jsa"


def _archive_classes(folder: Path) -> None:
    _First(folder / "server").start().stop()


class Kafka(Server):
    """One broker, with the controller in the same process."""

    name = "kafka"

    def __init__(self, folder: Path, options: Sequence[str] = ()) -> None:
        super().__init__(folder, options)
        self.controller_port = free_port()

    @property
    def url(self) -> str:
        return f"kafka://{self.address}?topic_prefix=ml"

    @property
    def address(self) -> str:
        """As `bootstrap.servers` takes it."""
        return f"{HOST}:{self.port}"

    def prepare(self) -> None:
        lines = PROPERTIES.format(host=HOST, port=self.port, controller=self.controller_port, data=self.data)
        (self.folder / "server.properties").write_text("\n".join([lines, *self.options, ""]))
        self.run_tool(
            *(*self._java(), "kafka.tools.StorageTool", "format", "--standalone"),
            *("-t", CLUSTER_ID, "-c", "server.properties"),
        )

    def command(self) -> list[str]:
        return [*self._java(), "kafka.Kafka", "server.properties"]

    def connect(self) -> Any:
        from confluent_kafka.admin import AdminClient

        return AdminClient({"bootstrap.servers": self.address, "log_level": 0})

    def answers(self) -> bool:
        """Every partition has its leader: after a restart it names its topics before it can be asked about them."""
        from confluent_kafka import KafkaException, TopicPartition
        from confluent_kafka.admin import OffsetSpec

        admin = self.connect()
        try:
            found = admin.list_topics(timeout=2)
            topics = found.topics.items()
            places = [TopicPartition(name, number) for name, topic in topics for number in topic.partitions]
            asked = admin.list_offsets(dict.fromkeys(places, OffsetSpec.latest()), request_timeout=2) if places else {}
            for answer in asked.values():
                answer.result()
        except KafkaException:
            return False
        return bool(found.brokers)

    def _java(self) -> list[str]:
        # Its tests wait for starts: less is compiled, and that at once.
        quick = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", self._classes())
        return [program("java"), "-Xmx512m", "-XX:-UsePerfData", *quick, "-cp", f"{jars()}/*"]

    def _classes(self) -> str:
        return f"-XX:SharedArchiveFile={classes()}"


class Measured(Kafka):
    """Compiled as well as can be."""

    def _java(self) -> list[str]:
        return [program("java"), "-Xmx512m", "-XX:-UsePerfData", "-cp", f"{jars()}/*"]


class _First(Kafka):
    """The one whose classes are kept."""

    def _classes(self) -> str:
        return f"-XX:ArchiveClassesAtExit={self.folder.parent}/classes.jsa"
