"""The HTTP face: routes, content negotiation, errors, pages; no RDF logic, no SPARQL text."""
