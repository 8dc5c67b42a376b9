"""Arithmetic from text to text without idl: the report's model in plain Keras, and the same network in PyTorch.

    python benchmarks/text_text_peers.py course --out DIR [--level 0.9806] [--epochs 200]
    python benchmarks/text_text_peers.py lstm --out DIR [--epochs 6] [--threads N]

All 20,000 queries a+b and a-b of numbers to 99, one-hot, padded to the right; a random half trains, batches of 32.
`course` trains by `fit` until so many held-out answers are right, and writes `result.json`; what it takes to look is
written too, because who trains would not look after every epoch. `lstm` writes the seconds of each epoch.
"""

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

os.environ["KERAS_BACKEND"] = "tensorflow"

import numpy as np

CHARACTERS = "0123456789+- "
UNITS, BATCH, ASKED, ANSWERED = 256, 32, 5, 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("peer", choices=("course", "lstm"))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=200)
    parser.add_argument("--level", type=float, default=0.9806)
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    course(given) if given.peer == "course" else lstm(given)


def queries() -> tuple[Any, Any]:
    """One-hot queries (20000, 5, 13) and answers (20000, 3, 13), float32, shuffled."""
    pairs = [(a, op, b) for a in range(100) for b in range(100) for op in "+-"]
    asked = [f"{a}{op}{b}".ljust(ASKED) for a, op, b in pairs]
    answers = [str(a + b if op == "+" else a - b).ljust(ANSWERED) for a, op, b in pairs]
    order = np.random.default_rng(0).permutation(len(pairs))
    return one_hot(asked)[order], one_hot(answers)[order]


def one_hot(texts: list[str]) -> Any:
    places = {character: place for place, character in enumerate(CHARACTERS)}
    return np.eye(len(CHARACTERS), dtype=np.float32)[[[places[character] for character in text] for text in texts]]


def course(given: argparse.Namespace) -> None:
    import keras
    from keras import layers

    asked, answers = queries()
    half = len(asked) // 2
    model = keras.Sequential(
        [
            keras.Input((ASKED, len(CHARACTERS))),
            layers.LSTM(UNITS),
            layers.RepeatVector(ANSWERED),
            layers.LSTM(UNITS, return_sequences=True),
            layers.TimeDistributed(layers.Dense(len(CHARACTERS), activation="softmax")),
        ]
    )
    model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    truth = answers[half:].argmax(-1)

    class Look(keras.callbacks.Callback):
        seconds, exact, epochs = 0.0, 0.0, 0

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            started = time.perf_counter()
            said = model.predict(asked[half:], batch_size=1000, verbose=0).argmax(-1)
            self.exact, self.epochs = float((said == truth).all(axis=1).mean()), epoch + 1
            model.stop_training = self.exact >= given.level
            self.seconds += time.perf_counter() - started
            print(self.epochs, self.exact, flush=True)

    look = Look()
    model.fit(asked[:half], answers[:half], batch_size=BATCH, epochs=given.epochs, verbose=0, callbacks=[look])
    found = {"exact": look.exact, "epochs": look.epochs, "looking_seconds": look.seconds}
    (given.out / "result.json").write_text(json.dumps(found))


def lstm(given: argparse.Namespace) -> None:
    import torch
    from torch import nn

    torch.set_num_threads(given.threads)
    torch.manual_seed(0)
    asked, answers = (torch.from_numpy(values) for values in queries())
    half = len(asked) // 2
    truth = answers.argmax(-1)

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder = nn.LSTM(len(CHARACTERS), UNITS, batch_first=True)
            self.decoder = nn.LSTM(UNITS, UNITS, batch_first=True)
            self.characters = nn.Linear(UNITS, len(CHARACTERS))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            _, (state, _) = self.encoder(x)
            states, _ = self.decoder(state[-1].unsqueeze(1).expand(-1, ANSWERED, -1))
            return self.characters(states)

    model, score = Model(), nn.CrossEntropyLoss()
    adam = torch.optim.Adam(model.parameters())
    with open(given.out / "log.jsonl", "w") as file:
        for epoch in range(1, given.epochs + 1):
            started = time.perf_counter()
            for rows in torch.randperm(half).split(BATCH):
                adam.zero_grad()
                score(model(asked[rows]).flatten(0, 1), truth[rows].flatten()).backward()
                adam.step()
            file.write(json.dumps({"epoch": epoch, "seconds": time.perf_counter() - started}) + "\n")


if __name__ == "__main__":
    main()
