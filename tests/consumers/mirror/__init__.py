"""Events out of a Kafka topic."""
