"""Pictures of the pages for the documents, taken from the demonstration's own interviews."""
