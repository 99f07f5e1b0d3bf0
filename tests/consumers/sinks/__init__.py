"""Each kind of sink on the real server: `contract` for the target alone, `matrix` for its process under faults."""
