"""Commands that request uploads and show their states."""
