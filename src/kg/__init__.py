"""A knowledge graph of who does what for technical education and work in the Netherlands."""
