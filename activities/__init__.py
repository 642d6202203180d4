"""Effects and checks: one class of activities for each kind of thing that a ticket needs done."""
