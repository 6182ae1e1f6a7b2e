"""A sheet to draw on, written as SVG: text stays text, and names are escaped by the XML writer."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass, field

INK = "#1f2933"
FAINT = "#7b8794"
FONT = "system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif"


@dataclass
class Sheet:
    """Shapes in the order in which they are drawn; lengths in pixels, y downwards."""

    elements: list[ET.Element] = field(default_factory=list)

    def rectangle(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        *,
        fill: str,
        stroke: str = "none",
        radius: float = 3,
        dashed: bool = False,
    ) -> None:
        """Draw a rectangle with rounded corners."""
        attributes = {
            "x": _number(x),
            "y": _number(y),
            "width": _number(width),
            "height": _number(height),
            "rx": _number(radius),
            "fill": fill,
            "stroke": stroke,
        }
        if dashed:
            attributes["stroke-dasharray"] = "4 3"
        self.elements.append(ET.Element("rect", attributes))

    def text(
        self,
        x: float,
        y: float,
        words: str,
        *,
        size: float = 11,
        anchor: str = "middle",
        fill: str = INK,
        bold: bool = False,
    ) -> None:
        """Write one line whose vertical middle is y."""
        element = ET.Element(
            "text",
            {
                "x": _number(x),
                "y": _number(y),
                "font-size": _number(size),
                "text-anchor": anchor,
                "fill": fill,
                "dominant-baseline": "central",
            },
        )
        if bold:
            element.set("font-weight", "600")
        element.text = words
        self.elements.append(element)

    def line(
        self,
        path: str,
        *,
        stroke: str = INK,
        width: float = 1.4,
        dash: str = "",
        arrow: bool = False,
    ) -> None:
        """Draw an SVG path, with an arrow head at its end if asked."""
        attributes = {
            "d": path,
            "fill": "none",
            "stroke": stroke,
            "stroke-width": _number(width),
            "stroke-linejoin": "round",
        }
        if dash:
            attributes["stroke-dasharray"] = dash
        if arrow:
            attributes["marker-end"] = "url(#arrow)"
        self.elements.append(ET.Element("path", attributes))

    def circle(self, x: float, y: float, radius: float, *, fill: str, stroke: str = INK) -> None:
        """Draw a circle."""
        self.elements.append(
            ET.Element(
                "circle",
                {
                    "cx": _number(x),
                    "cy": _number(y),
                    "r": _number(radius),
                    "fill": fill,
                    "stroke": stroke,
                    "stroke-width": "1.4",
                },
            )
        )

    def to_svg(self, width: float, height: float, *, title: str) -> str:
        """Finish the drawing.

        Args:
            width: of the sheet, in pixels.
            height: of the sheet, in pixels.
            title: what is on it, for screen readers.
        """
        size = {"width": _number(width), "height": _number(height)}
        root = ET.Element(
            "svg",
            {
                "xmlns": "http://www.w3.org/2000/svg",
                "role": "img",
                "font-family": FONT,
                "viewBox": f"0 0 {size['width']} {size['height']}",
                **size,
            },
        )
        ET.SubElement(root, "title").text = title
        marker = ET.SubElement(
            ET.SubElement(root, "defs"),
            "marker",
            {
                "id": "arrow",
                "viewBox": "0 0 8 8",
                "refX": "7",
                "refY": "4",
                "markerWidth": "7",
                "markerHeight": "7",
                "orient": "auto",
            },
        )
        ET.SubElement(marker, "path", {"d": "M0 0 L8 4 L0 8 z", "fill": "context-stroke"})
        ET.SubElement(root, "rect", {**size, "fill": "#ffffff"})
        root.extend(self.elements)
        ET.indent(root)
        return ET.tostring(root, encoding="unicode") + "\n"


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
