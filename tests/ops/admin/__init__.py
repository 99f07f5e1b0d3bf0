"""The admin API on a running pipeline."""
