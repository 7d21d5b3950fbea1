"""Wires the rooms, starts threads, talks to systemd."""
