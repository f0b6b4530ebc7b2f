"""Commands that run workers and look after database, settings and surroundings."""
