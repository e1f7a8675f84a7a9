"""Programs of others that speak through the server, each in an environment of its own."""
