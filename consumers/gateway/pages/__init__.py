"""Pages for people, as files: no build step, nothing from another host."""
