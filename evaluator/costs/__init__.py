"""What evaluations cost: whose each second of a node was, and what it comes to in money. Pure."""
