"""PostgreSQL, the truth: tables, transactions and named operations on them."""
