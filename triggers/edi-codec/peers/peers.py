"""How fast pyx12 and pydifact read the samples of our own bench: a line of JSON each, as that prints it."""

import json
import sys
import time

from pydifact.segments import Segment  # noqa: F401  (what the parser gives)
from pydifact.parser import Parser
from pyx12.x12file import X12Reader


def figure(name, size, work):
    began = time.process_time()
    work()
    rate = size / (time.process_time() - began) / 1e6
    print(json.dumps({"name": name, "figures": {"mb_per_s": round(rate, 2)}}), flush=True)


def x12(path):
    with open(path, encoding="ascii") as file:
        for segment in X12Reader(file):
            for element in segment.values_iterator():
                element  # every value is looked at


def edifact(text):
    for segment in Parser().parse(text):
        for element in segment.elements:
            element


folder = sys.argv[1]
with open(f"{folder}/sample.x12", "rb") as sample:
    figure("X12: pyx12 4.0.0, tokenize", len(sample.read()), lambda: x12(f"{folder}/sample.x12"))
with open(f"{folder}/sample.edi", encoding="iso-8859-1") as sample:
    read = sample.read()
figure("EDIFACT: pydifact 0.2.3, tokenize", len(read), lambda: edifact(read))
