"""What the judge learns from a panel: the answers, and at the end of each line what that line expresses.

An answer has two dozen tokens to learn from, an interview has as many lines that each say something. A reader who
knows at a line's end which criterion it bears on, at which level and under which id has little left to do for the
answer; so that is taught as well, from a middle layer, by heads that are thrown away at the end.
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from live_agent.training.encoding import IGNORED, LATER, NOTHING, Encoded, Panel
from rubrics.model import CRITERIA_MAX, LEVELS

if TYPE_CHECKING:
    import torch

KINDS = 1 + LATER + CRITERIA_MAX


class Heads:
    """Reads topic, kind and level off a line's end; the id is read by the vocabulary's own rows."""

    def __init__(self, hidden: int, topics: int, device: str) -> None:
        import torch

        self.early = torch.nn.Sequential(torch.nn.RMSNorm(hidden), torch.nn.Linear(hidden, topics)).to(device)
        self.norm = torch.nn.RMSNorm(hidden).to(device)
        self.kind = torch.nn.Linear(hidden, KINDS).to(device)
        self.level = torch.nn.Linear(hidden, len(LEVELS)).to(device)

    @property
    def modules(self) -> "torch.nn.ModuleList":
        """For an optimiser and a checkpoint."""
        import torch

        return torch.nn.ModuleList([self.norm, self.kind, self.level, self.early])


def hidden_states(model: Any, panel: Panel, pad: int) -> tuple[Any, Any]:
    """Hidden states after each layer: of the shared prompt (1, tokens, hidden), and of what each member adds, padded
    (members, tokens, hidden).

    The shared prompt is read once; each member goes on from what it left.
    """
    import torch

    device = model.device
    read = model.model(input_ids=torch.tensor([panel.prefix], device=device), use_cache=True, output_hidden_states=True)
    shared, cache = read.hidden_states, read.past_key_values
    cache.batch_repeat_interleave(len(panel.members))
    ids = padded([member.ids for member in panel.members], pad).to(device)
    # Causal, so that the padding behind a member changes nothing.
    read = model.model(input_ids=ids, past_key_values=cache, use_cache=True, output_hidden_states=True)
    return shared, read.hidden_states


def heard_states(model: Any, members: Sequence[Encoded], layers: int, pad: int) -> Any:
    """Hidden states after the first layers of what was said alone, without any rubric: (members, tokens, hidden)."""
    import torch

    ids = padded([member.ids for member in members], pad).to(model.device)
    trunk = model.model
    hidden = trunk.embed_tokens(ids)
    rotary = trunk.rotary_emb(hidden, position_ids=torch.arange(ids.shape[1], device=model.device)[None])
    for layer in trunk.layers[:layers]:
        hidden = layer(hidden, attention_mask=None, position_embeddings=rotary)  # causal without a mask
    return hidden


def topics_loss(heads: Heads, hidden: Any, members: Sequence[Encoded]) -> Any:
    """Cross entropy of the topic at the lines' ends, averaged; nothing for lines without one."""
    import torch
    from torch.nn.functional import cross_entropy

    lines = [(row, line) for row, member in enumerate(members) for line in member.lines if line.topic != IGNORED]
    if not lines:
        return hidden.sum() * 0.0
    wanted = torch.tensor([line.topic for _, line in lines], device=hidden.device)
    return cross_entropy(heads.early(hidden[[row for row, _ in lines], [line.end for _, line in lines]]), wanted)


def pointing_loss(model: Any, layer: int, shared: Any, hidden: Any, members: Sequence[Encoded]) -> Any:
    """How far the first two heads of this layer look away from the lines that a choice rests on, in nats; averaged.

    The first is to look at any line of the criterion, the second at the very line whose id comes next. shared, hidden:
    the states that the layer reads. Without it a model this small finds the lines of its answer one time in three.
    """
    import torch

    choices = [(row, choice) for row, member in enumerate(members) for choice in member.choices]
    if not choices:
        return hidden.sum() * 0.0
    rows, at = [row for row, _ in choices], torch.tensor([choice.at for _, choice in choices], device=hidden.device)
    queries, keys = looks(model, layer, shared, hidden)
    first = shared.shape[1]  # the members' own tokens begin there
    scores = torch.einsum("chd,chkd->chk", queries[rows, :, at], keys[rows])
    behind = torch.arange(keys.shape[2], device=hidden.device)[None] > first + at[:, None]
    looked = scores.masked_fill(behind[:, None], float("-inf")).log_softmax(-1)
    wanted = torch.zeros_like(looked, dtype=torch.bool)
    for number, (_, choice) in enumerate(choices):
        wanted[number, 0, [first + end for end in choice.lines]] = True
        if choice.line is not None:
            wanted[number, 1, first + choice.line] = True
    told = wanted.any(-1)
    return -looked.masked_fill(~wanted, float("-inf"))[told].logsumexp(-1).mean()


def looks(model: Any, layer: int, shared: Any, hidden: Any) -> tuple[Any, Any]:
    """Queries of the members' tokens and keys of all tokens, for two heads of the layer: (members, 2, tokens, size)."""
    import torch

    block, trunk = model.model.layers[layer], model.model
    size = block.self_attn.head_dim
    length = shared.shape[1] + hidden.shape[1]
    cos, sin = trunk.rotary_emb(hidden, position_ids=torch.arange(length, device=hidden.device)[None])

    def heads(states: Any, projection: Any, first: int) -> Any:
        made = projection(block.input_layernorm(states)).unflatten(-1, (-1, size))[:, :, :2].transpose(1, 2)
        turned = torch.cat((-made[..., size // 2 :], made[..., : size // 2]), dim=-1)
        here = slice(first, first + states.shape[1])
        return made * cos[:, None, here] + turned * sin[:, None, here]

    own = shared.shape[1]
    keys = heads(hidden, block.self_attn.k_proj, own)
    before = heads(shared, block.self_attn.k_proj, 0).expand(hidden.shape[0], -1, -1, -1)
    queries = heads(hidden, block.self_attn.q_proj, own) / math.sqrt(size)
    return queries, torch.cat((before, keys), dim=2)


def padded(rows: Sequence[Sequence[float]], fill: float) -> "torch.Tensor":
    """Rows of different length as one matrix."""
    import torch

    longest = max(map(len, rows))
    return torch.tensor([[*row, *([fill] * (longest - len(row)))] for row in rows])


def answer_loss(model: Any, hidden: Any, members: Sequence[Encoded], prompt_share: float) -> Any:
    """Weighted cross entropy at the answers' tokens and at a few of the prompts'.

    The vocabulary's scores are worked out at those places only: they are most of the work in a model this small.
    """
    import torch
    from torch.nn.functional import cross_entropy

    ids, weights = padded([m.ids for m in members], 0), padded([m.weights for m in members], 0.0)
    for row, member in enumerate(members):
        weights[row, 1 : member.answer_begins] = (torch.rand(member.answer_begins - 1) < prompt_share).float()
    ids, weights = ids[:, 1:].to(hidden.device), weights[:, 1:].to(hidden.device)
    chosen = weights > 0
    each = cross_entropy(model.lm_head(hidden[:, :-1][chosen]).float(), ids[chosen], reduction="none")
    return (each * weights[chosen]).sum() / weights[chosen].sum()


def lines_loss(
    model: Any,
    heads: Heads,
    early: Any,
    hidden: Any,
    members: Sequence[Encoded],
    ids: Sequence[int],
    nothing_weight: float,
) -> Any:
    """Cross entropy of topic, kind, level and own id at the lines' ends, averaged each.

    early: hidden states a layer before, from which the topic is read: what is said is understood before it is compared
    with the rubric. ids: the tokens of utterance ids.
    """
    import torch
    from torch.nn.functional import cross_entropy

    lines = [(row, line) for row, member in enumerate(members) for line in member.lines]
    if not lines:
        return hidden.sum() * 0.0
    device = hidden.device
    states = heads.norm(hidden[[row for row, _ in lines], [line.end for _, line in lines]])
    kinds = torch.tensor([line.kind for _, line in lines], device=device)
    levels = torch.tensor([line.level for _, line in lines], device=device)
    own = torch.tensor([ids.index(line.own_id) for _, line in lines], device=device)
    share = torch.ones(KINDS, device=device)
    share[NOTHING] = nothing_weight
    rows = model.lm_head.weight[torch.tensor(ids, device=device)]
    loss = cross_entropy(heads.kind(states), kinds, weight=share) + cross_entropy(states @ rows.T, own)
    if bool((levels != IGNORED).any()):
        loss = loss + cross_entropy(heads.level(states), levels, ignore_index=IGNORED)
    return loss + topics_loss(heads, early, members)
