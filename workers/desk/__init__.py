"""What signed-in people and services can do with tickets, one module a subject."""
