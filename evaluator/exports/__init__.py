"""What leaves the product as a file: rows as values first, then CSV, JSON, Greenhouse's shape, HTML, text and PDF."""
