"""TOML in, frozen Settings out; secrets."""
