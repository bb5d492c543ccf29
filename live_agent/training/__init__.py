"""How the demonstration judge is made: samples, tokenizer, training, evaluation, in one command."""
