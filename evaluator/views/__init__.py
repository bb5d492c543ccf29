"""What is read, before it is drawn: words and figures as values that a page, a terminal, a file or a PDF prints."""
