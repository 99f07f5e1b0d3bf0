"""What the two servers of MongoDB's wire share."""

from typing import Any

from tests.servers.base import HOST, Server


class MongoWire(Server):
    """A server that pymongo talks to."""

    @property
    def url(self) -> str:
        return f"mongodb://{HOST}:{self.port}/matchline"

    def connect(self) -> Any:
        import pymongo

        return pymongo.MongoClient(self.url, serverSelectionTimeoutMS=2000, directConnection=True)

    def answers(self) -> bool:
        import pymongo.errors

        try:
            with self.connect() as client:
                # Not `ping`: it is answered before the data can be read.
                return client.get_default_database().list_collection_names() is not None
        except pymongo.errors.PyMongoError:
            return False
