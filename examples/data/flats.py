"""Makes flats.csv, 400 invented flats, and new-flats.csv, four more without a rent: python3 flats.py"""

import random

DISTRICTS = {"harbour": 16.0, "centre": 19.0, "hills": 13.0, "mill": 10.5}


def flat(draw):
    district = draw.choice(list(DISTRICTS))
    rooms = draw.choice([1, 1, 2, 2, 2, 3, 3, 4, 5])
    size = round(rooms * draw.uniform(17, 26) + draw.uniform(8, 20), 1)
    built = f"{draw.randint(1905, 2020)}-{draw.randint(1, 12):02}-{draw.randint(1, 28):02}"
    lift = draw.choice(["yes", "no"])
    age = 2024 - int(built[:4])
    rent = size**0.9 * DISTRICTS[district] * 1.35 * (1.12 if lift == "yes" else 1) * (1 - 0.0022 * age)
    rent *= draw.lognormvariate(0, 0.06 + 0.002 * age)
    floor = "" if draw.random() < 0.06 else str(draw.randint(0, 7))
    return [district, f"{size}", str(rooms), built, lift, floor, f"{rent:.0f}"]


draw = random.Random(1)
with open("flats.csv", "w") as out:
    out.write("id,district,size,rooms,built,lift,floor,rent\n")
    for i in range(400):
        out.write(",".join([f"F{i + 1:04}", *flat(draw)]) + "\n")
with open("new-flats.csv", "w") as out:
    out.write("id,floor,lift,built,rooms,size,district\n")
    out.write("N1,3,yes,1998-05-04,3,71.5,harbour\n")
    out.write("N2,,no,1931-02-11,2,48.0,mill\n")
    out.write("N3,1,no,1975-10-30,2,55.0,island\n")
    out.write("N4,6,yes,2015-07-01,5,410.0,centre\n")
