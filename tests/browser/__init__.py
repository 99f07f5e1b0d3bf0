"""The pages in a real Chromium, on a running pipeline: needs playwright and chromium (MATCHLINE_SERVERS=1)."""
