"""What a footwear group sells: how often each value occurs, given the values chosen before it."""

from collections.abc import Mapping

import numpy as np

from vitrine.taxonomy import NOT_APPLICABLE

Weights = Mapping[str, float]

ATTRIBUTES = (
    "category",
    "type",
    "closure",
    "back",
    "heel",
    "heel_height",
    "color",
    "upper",
    "heel_covering",
    "sole",
    "toe",
    "features",
    "material",
)
CATEGORY: Weights = {
    "sandal": 19,
    "sneaker": 14,
    "pump": 13,
    "ballet_flat": 12,
    "ankle_boot": 9,
    "loafer": 8,
    "boot": 7,
    "mule": 6,
    "espadrille": 4.5,
    "slide": 3.5,
    "oxford": 2.5,
    "thong": 1.5,
}
HEEL: Mapping[str, Weights] = {
    "pump": {"stiletto": 42, "block": 26, "kitten": 18, "spool": 8, "wedge": 4, "low": 2},
    "ballet_flat": {"none": 74, "low": 20, "kitten": 6},
    "sandal": {"none": 25, "block": 23, "wedge": 16, "stiletto": 14, "platform": 14, "kitten": 4, "spool": 4},
    "boot": {"block": 40, "low": 21, "stiletto": 13, "platform": 12, "none": 9, "wedge": 5},
    "ankle_boot": {
        "block": 43,
        "low": 20,
        "stiletto": 15,
        "platform": 9,
        "wedge": 6,
        "spool": 4,
        "kitten": 3,
    },
    "sneaker": {"none": 70, "platform": 24, "wedge": 6},
    "loafer": {"low": 48, "none": 20, "block": 21, "platform": 11},
    "oxford": {"low": 58, "platform": 16, "block": 16, "none": 10},
    "mule": {"block": 30, "none": 23, "kitten": 15, "stiletto": 12, "wedge": 8, "spool": 7, "platform": 5},
    "espadrille": {"none": 45, "wedge": 35, "platform": 20},
    "slide": {"none": 60, "platform": 30, "wedge": 10},
    "thong": {"none": 84, "platform": 16},
}
HEEL_HEIGHT: Mapping[str, Weights] = {
    "none": {"flat": 1},
    "low": {"very_low": 62, "low": 38},
    "kitten": {"low": 80, "mid": 20},
    "block": {"low": 24, "mid": 42, "high": 25, "very_high": 9},
    "stiletto": {"mid": 12, "high": 50, "very_high": 38},
    "spool": {"low": 30, "mid": 58, "high": 12},
    "wedge": {"low": 22, "mid": 40, "high": 28, "very_high": 10},
    "platform": {"very_low": 12, "low": 38, "mid": 34, "high": 16},
}
BACK: Mapping[str, Weights] = {
    "pump": {"closed": 66, "slingback": 20, "ankle_strap": 10, "cutout": 4},
    "ballet_flat": {"closed": 74, "slingback": 12, "ankle_strap": 10, "cutout": 4},
    "sandal": {"ankle_strap": 54, "slingback": 28, "closed": 13, "cutout": 5},
    "boot": {"closed": 78, "pull_tab": 20, "cutout": 2},
    "ankle_boot": {"closed": 66, "pull_tab": 31, "cutout": 3},
    "sneaker": {"closed": 70, "pull_tab": 28, "cutout": 2},
    "loafer": {"closed": 96, "cutout": 4},
    "oxford": {"closed": 95, "cutout": 5},
    "mule": {"open": 1},
    "espadrille": {"closed": 72, "slingback": 16, "ankle_strap": 12},
    "slide": {"open": 1},
    "thong": {"open": 1},
}
CLOSURE: Mapping[str, Weights] = {
    "pump": {"slip_on": 76, "buckle": 16, "elastic": 4, "button": 4},
    "ballet_flat": {"slip_on": 74, "buckle": 13, "elastic": 8, "button": 5},
    "sandal": {"buckle": 58, "lace_up": 14, "velcro": 10, "elastic": 11, "button": 7},
    "boot": {"zipper": 52, "slip_on": 18, "lace_up": 16, "buckle": 10, "elastic": 4},
    "ankle_boot": {"zipper": 36, "elastic": 24, "lace_up": 24, "buckle": 11, "slip_on": 5},
    "sneaker": {"lace_up": 70, "velcro": 13, "slip_on": 9, "elastic": 8},
    "loafer": {"slip_on": 82, "elastic": 9, "buckle": 9},
    "oxford": {"lace_up": 84, "buckle": 10, "velcro": 6},
    "espadrille": {"slip_on": 56, "lace_up": 22, "elastic": 14, "buckle": 8},
}
STRAPPED_CLOSURE: Weights = {"buckle": 66, "elastic": 12, "button": 8, "velcro": 7, "lace_up": 7}
UPPER: Mapping[str, Weights] = {
    "sandal": {"multi_strap": 40, "single_strap": 28, "crossed_straps": 24, "woven": 5, "quilted": 3},
    "slide": {"single_strap": 48, "crossed_straps": 26, "multi_strap": 12, "woven": 8, "quilted": 6},
    "thong": {"single_strap": 1},
    "mule": {
        "plain": 38,
        "single_strap": 22,
        "woven": 12,
        "crossed_straps": 12,
        "quilted": 10,
        "perforated": 6,
    },
    "sneaker": {"plain": 52, "paneled": 26, "perforated": 14, "woven": 3, "quilted": 5},
    "pump": {"plain": 74, "paneled": 11, "perforated": 5, "woven": 4, "quilted": 6},
}
CLOSED_UPPER: Weights = {"plain": 60, "paneled": 14, "perforated": 9, "woven": 8, "quilted": 9}
COVERING: Mapping[str, Weights] = {
    "block": {"upper": 48, "stacked": 18, "wood": 9, "lacquered": 9, "metallic": 6, "cork": 5, "rope": 5},
    "stiletto": {"upper": 68, "lacquered": 18, "metallic": 14},
    "kitten": {"upper": 70, "lacquered": 16, "metallic": 14},
    "spool": {"upper": 52, "stacked": 14, "wood": 14, "lacquered": 12, "metallic": 8},
    "wedge": {"upper": 24, "cork": 28, "rope": 30, "wood": 12, "stacked": 6},
}
SOLE: Mapping[str, Weights] = {
    "pump": {"leather": 40, "rubber": 32, "lacquered": 28},
    "ballet_flat": {"rubber": 50, "leather": 38, "lacquered": 6, "gum": 6},
    "sandal": {"rubber": 42, "leather": 30, "lacquered": 9, "rope": 7, "eva": 6, "wood": 6},
    "boot": {"rubber": 42, "lug": 34, "leather": 24},
    "ankle_boot": {"rubber": 42, "lug": 34, "leather": 20, "gum": 4},
    "sneaker": {"eva": 62, "rubber": 16, "gum": 16, "lug": 6},
    "loafer": {"leather": 40, "rubber": 40, "lug": 12, "gum": 8},
    "oxford": {"leather": 48, "rubber": 30, "lug": 16, "gum": 6},
    "mule": {"leather": 40, "rubber": 32, "wood": 18, "lacquered": 10},
    "espadrille": {"rope": 93, "gum": 7},
    "slide": {"eva": 36, "rubber": 40, "gum": 12, "rope": 12},
    "thong": {"rubber": 56, "eva": 36, "gum": 8},
}
TOE: Mapping[str, Weights] = {
    "pump": {"pointed": 48, "almond": 18, "round": 14, "square": 12, "open": 6, "cap": 2},
    "ballet_flat": {"round": 50, "pointed": 14, "almond": 16, "square": 14, "cap": 4, "open": 2},
    "boot": {"round": 42, "pointed": 22, "almond": 20, "square": 16},
    "ankle_boot": {"round": 42, "pointed": 22, "almond": 18, "square": 14, "cap": 4},
    "sneaker": {"round": 68, "cap": 32},
    "loafer": {"round": 46, "almond": 28, "square": 18, "pointed": 8},
    "oxford": {"round": 36, "cap": 34, "almond": 20, "pointed": 10},
    "mule": {"pointed": 28, "square": 26, "round": 20, "almond": 18, "open": 8},
    "espadrille": {"round": 84, "cap": 10, "open": 6},
}
FEATURES: Mapping[str, Weights] = {
    "pump": {"unadorned": 58, "bow": 12, "gems": 9, "chain": 6, "studs": 6, "flower": 5, "embroidery": 4},
    "ballet_flat": {
        "unadorned": 42,
        "bow": 30,
        "studs": 7,
        "gems": 6,
        "flower": 5,
        "embroidery": 5,
        "pompom": 5,
    },
    "sandal": {
        "unadorned": 56,
        "studs": 9,
        "gems": 10,
        "flower": 8,
        "bow": 6,
        "tassel": 4,
        "pompom": 4,
        "chain": 3,
    },
    "boot": {"unadorned": 64, "studs": 10, "fringe": 16, "chain": 5, "embroidery": 5},
    "ankle_boot": {"unadorned": 66, "studs": 13, "fringe": 9, "chain": 7, "embroidery": 5},
    "sneaker": {"unadorned": 74, "embroidery": 9, "studs": 7, "gems": 6, "bow": 4},
    "loafer": {"unadorned": 34, "chain": 26, "tassel": 24, "fringe": 8, "studs": 8},
    "oxford": {"unadorned": 84, "tassel": 8, "studs": 8},
    "mule": {"unadorned": 48, "bow": 12, "chain": 10, "gems": 8, "pompom": 8, "flower": 6, "studs": 8},
    "espadrille": {"unadorned": 62, "embroidery": 16, "bow": 10, "pompom": 6, "tassel": 6},
    "slide": {"unadorned": 54, "bow": 12, "gems": 12, "studs": 8, "flower": 7, "pompom": 7},
    "thong": {"unadorned": 58, "gems": 18, "flower": 16, "bow": 8},
}
MATERIAL: Mapping[str, Weights] = {
    "sneaker": {"synthetic": 34, "leather": 24, "canvas": 18, "mesh": 20, "suede": 4},
    "espadrille": {"canvas": 60, "suede": 16, "leather": 14, "synthetic": 10},
    "thong": {"synthetic": 62, "leather": 30, "patent": 8},
    "slide": {"synthetic": 44, "leather": 36, "suede": 10, "patent": 6, "snake": 4},
    "boot": {"leather": 42, "synthetic": 24, "suede": 24, "patent": 6, "snake": 4},
    "ankle_boot": {"leather": 42, "synthetic": 24, "suede": 22, "patent": 7, "snake": 5},
}
DRESS_MATERIAL: Weights = {"leather": 32, "synthetic": 25, "suede": 14, "patent": 14, "satin": 9, "snake": 6}
COLOR: Weights = {
    "black": 24,
    "beige": 13,
    "white": 10,
    "brown": 10,
    "caramel": 10,
    "pink": 6.5,
    "navy": 5.5,
    "red": 5.5,
    "multicolor": 4.5,
    "multineutral": 4.5,
    "metallic": 4,
    "green": 2.5,
}


def choose(weights: Weights, rng: np.random.Generator, *, without: frozenset[str] = frozenset()) -> str:
    """One value drawn by weight."""
    kept = {value: weight for value, weight in weights.items() if value not in without}
    total = sum(kept.values())
    mark = rng.random() * total
    for value, weight in kept.items():
        mark -= weight
        if mark < 0:
            return value
    return next(reversed(kept))


def _type(category: str, sole: str, toe: str, upper: str) -> str:
    """The family that a category belongs to, given how it is built."""
    fixed = {
        "sandal": "sandal",
        "boot": "boot",
        "ankle_boot": "boot",
        "sneaker": "sneaker",
        "slide": "slipper",
        "thong": "slipper",
    }
    if category == "mule" and sole == "wood":
        return "clog"
    if category in ("mule", "espadrille", "pump", "ballet_flat") and toe == "open":
        return "sandal" if category in ("mule", "espadrille") else "shoe"
    return fixed.get(category, "shoe")


def sample_values(rng: np.random.Generator) -> dict[str, str]:
    """All attributes of a style but its color, obeying the taxonomy's rules."""
    category = choose(CATEGORY, rng)
    heel = choose(HEEL[category], rng)
    upper = choose(UPPER.get(category, CLOSED_UPPER), rng)
    strappy = upper in ("single_strap", "crossed_straps", "multi_strap")
    back = choose(BACK[category], rng)
    slender = heel in ("stiletto", "kitten", "spool")
    rough = frozenset(("rope", "lug", "eva", "gum", "wood")) if slender else frozenset()
    if heel not in ("platform", "none", "wedge", "block"):
        rough |= {"rope", "wood", "eva"}
    sole = choose(SOLE[category], rng, without=rough)
    toe = choose(TOE[category], rng) if category in TOE else NOT_APPLICABLE
    toe = "open" if category == "mule" and strappy else toe
    return {
        "category": category,
        "type": _type(category, sole, toe, upper),
        "closure": _closure(category, back, rng),
        "back": back,
        "heel": heel,
        "heel_height": choose(HEEL_HEIGHT[heel], rng),
        "upper": upper,
        "heel_covering": choose(COVERING[heel], rng) if heel in COVERING else NOT_APPLICABLE,
        "sole": sole,
        "toe": toe,
        "features": choose(FEATURES[category], rng),
        "material": choose(MATERIAL.get(category, DRESS_MATERIAL), rng),
    }


def _closure(category: str, back: str, rng: np.random.Generator) -> str:
    if back == "open":
        return NOT_APPLICABLE
    if back in ("slingback", "ankle_strap"):
        return choose(STRAPPED_CLOSURE, rng, without=frozenset(("lace_up",)) if back == "slingback" else frozenset())
    return choose(CLOSURE[category], rng)
