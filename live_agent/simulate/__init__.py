"""Text interviews between the agent and simulated candidates of known ability: the demonstration's input."""

from live_agent.simulate.candidate import Ability, SimulatedCandidate
from live_agent.simulate.cohort import hand_over, simulate_into, simulate_one_of
from live_agent.simulate.interview import SimulatedInterview, draw_abilities, simulate

__all__ = [
    "Ability",
    "SimulatedCandidate",
    "SimulatedInterview",
    "draw_abilities",
    "hand_over",
    "simulate",
    "simulate_into",
    "simulate_one_of",
]
