"""Steps 4, 5 and 9 towards the outside: one process for each `[[sink]]`, each resumable from its own cursor."""
