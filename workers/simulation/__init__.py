"""Runs of SOPs on a virtual clock: the real ticket workflow, with scripted handlers and people around it."""
