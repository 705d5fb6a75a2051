"""Portuguese names, descriptions and prices of the drawn products, under invented brands."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

BRANDS = ("Aurora", "Lume", "Trama", "Brisa", "Maré", "Jatobá", "Orvalho", "Pitanga", "Candeia", "Sereno")
# Name, whether it is feminine, and a plausible price in R$ of a plain synthetic one.
CATEGORIES: dict[str, tuple[str, bool, float]] = {
    "pump": ("Scarpin", False, 189),
    "ballet_flat": ("Sapatilha", True, 119),
    "sandal": ("Sandália", True, 159),
    "boot": ("Bota Cano Alto", True, 379),
    "ankle_boot": ("Bota Cano Curto", True, 279),
    "sneaker": ("Tênis", False, 199),
    "loafer": ("Mocassim", False, 189),
    "oxford": ("Oxford", False, 199),
    "mule": ("Mule", True, 149),
    "espadrille": ("Espadrille", True, 139),
    "slide": ("Slide", False, 89),
    "thong": ("Chinelo", False, 49),
}
HEELS = {
    "block": "Salto Bloco",
    "stiletto": "Salto Fino",
    "kitten": "Salto Baixo",
    "spool": "Salto Carretel",
    "wedge": "Anabela",
    "platform": "Plataforma",
}
# Masculine, feminine.
COLORS = {
    "black": ("Preto", "Preta"),
    "white": ("Branco", "Branca"),
    "beige": ("Bege", "Bege"),
    "brown": ("Marrom", "Marrom"),
    "caramel": ("Caramelo", "Caramelo"),
    "navy": ("Azul-marinho", "Azul-marinho"),
    "red": ("Vermelho", "Vermelha"),
    "pink": ("Rosa", "Rosa"),
    "green": ("Verde", "Verde"),
    "metallic": ("Metalizado", "Metalizada"),
    "multicolor": ("Multicolorido", "Multicolorida"),
    "multineutral": ("Multineutro", "Multineutra"),
}
MATERIALS = {
    "leather": ("couro", 1.6),
    "synthetic": ("material sintético", 1.0),
    "suede": ("camurça", 1.5),
    "patent": ("verniz", 1.2),
    "canvas": ("lona", 0.95),
    "mesh": ("malha", 1.05),
    "satin": ("cetim", 1.2),
    "snake": ("estampa de cobra", 1.35),
}
SOLES = {
    "rubber": "de borracha",
    "leather": "de couro",
    "lacquered": "laqueado",
    "rope": "de juta",
    "lug": "tratorado",
    "eva": "de EVA branco",
    "gum": "de látex",
    "wood": "de madeira",
}


@dataclass(frozen=True, slots=True)
class Wording:
    """What the catalog says of a product; `price` in R$."""

    name: str
    description: str
    brand: str
    price: str


def word(values: Mapping[str, str], style: np.random.Generator, own: np.random.Generator) -> Wording:
    """Name, description, brand and price; brand and price level belong to the style."""
    noun, feminine, base = CATEGORIES[values["category"]]
    brand = BRANDS[int(style.integers(len(BRANDS)))]
    color = COLORS[values["color"]][feminine]
    fabric, factor = MATERIALS[values["material"]]
    plain = f"em {fabric.title()}" if style.random() < 0.5 else ""
    heel = HEELS.get(values["heel"], plain)
    name = " ".join(part for part in (noun, heel, color, brand) if part)
    price = base * factor * style.uniform(0.85, 1.25) * (1.12 if values["features"] != "unadorned" else 1.0)
    price += own.choice((0.0, 0.0, 0.0, 10.0))
    description = f"{noun} {color.lower()} em {fabric}, solado {SOLES[values['sole']]}."
    return Wording(name, description, brand, f"{int(price // 10) * 10 + 9}.90")
