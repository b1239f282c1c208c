"""What a person has set: options, settings, profiles, the address and the key."""
