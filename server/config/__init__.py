"""The node's configuration: frozen, typed, one section a concern."""

from server.config.loading import load, variables
from server.config.node_secret import node_secret
from server.config.problems import ConfigError, Problem
from server.config.sections import AuthKey, is_loopback
from server.config.settings import Settings

__all__ = [
    "AuthKey",
    "ConfigError",
    "Problem",
    "Settings",
    "is_loopback",
    "load",
    "node_secret",
    "variables",
]
