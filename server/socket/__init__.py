"""Our own Engine.IO WebSocket driver: one object and no task a connection, frames encoded once for all."""
