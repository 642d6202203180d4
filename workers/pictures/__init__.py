"""Pictures of SOPs, and of the way a ticket took through its SOP: Mermaid and SVG."""
