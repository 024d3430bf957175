"""Draws the pictures of examples/data/digits: strokes of a pen on black, 28 x 28, none of which any model has seen.

    python3 -m venv v && v/bin/pip install pillow && v/bin/python examples/data/digits.py
"""

from pathlib import Path

from PIL import Image, ImageDraw

STROKES = {
    "four": [[(18, 23), (18, 5), (7, 16), (22, 16)]],
    "seven": [[(8, 6), (20, 6), (12, 23)]],
    "three": [[(8, 6), (18, 6), (12, 13), (18, 15), (18, 20), (13, 23), (8, 21)]],
    "house": [[(5, 23), (5, 12), (14, 4), (23, 12), (23, 23), (5, 23), (23, 12), (5, 12), (23, 23)]],
}
for name, strokes in STROKES.items():
    large = Image.new("L", (28 * 8, 28 * 8))
    pen = ImageDraw.Draw(large)
    for stroke in strokes:
        pen.line([(8 * x, 8 * y) for x, y in stroke], fill=255, width=20, joint="curve")
    large.resize((28, 28), Image.Resampling.LANCZOS).save(Path(__file__).parent / "digits" / f"{name}.png", optimize=True)
