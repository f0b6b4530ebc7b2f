"""Ours against its peers and against its floors: how fast, in how much memory."""
