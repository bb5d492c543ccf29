"""The pages: server-rendered, read-only, on loopback until there is a login."""
