"""The plain reference engine: slow, and written to be obviously right. See README.md here."""
