"""How far a judge's levels can be relied on: its noise from one scoring to the next, its agreement with people."""
