"""Who comes back under another name: traces of device and address, hints, and bans of address ranges."""
