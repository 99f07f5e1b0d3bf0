"""Another host's events out of a Kafka topic: a ring and a journal here, for consumers that run as they are."""
