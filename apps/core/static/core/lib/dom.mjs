/**
 * Builds elements from values. Text always becomes a text node: a name that came over the feed is never parsed
 * as HTML, and there is no way here to make it so.
 */

const SVG = "http://www.w3.org/2000/svg";

/** A new element. `attributes.on` is an object of listeners; `null`, `undefined` and `false` are left out. */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") {
      for (const [event, listener] of Object.entries(value)) node.addEventListener(event, listener);
    } else if (name === "class") {
      node.className = value;
    } else if (name === "vars") {
      for (const [key, entry] of Object.entries(value)) node.style.setProperty(`--${key}`, entry);
    } else {
      node.setAttribute(name, value === true ? "" : String(value));
    }
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** An icon of the page's own sprite. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#icon-${name}`);
  svg.append(use);
  return svg;
}

/** Replace what stands in a node. */
export function fill(node, ...children) {
  node.replaceChildren(...children.flat().filter(Boolean));
}

/** Set a node's text only when it differs, so that a ticking clock does not disturb a selection or a reader. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** The JSON that the server put into the page under this id. */
export function pageData(id) {
  return JSON.parse(document.getElementById(id).textContent);
}

/** A colour safe to hand to CSS and canvas: `#rgb` or `#rrggbb`, else the fallback. */
export function safeColour(value, fallback) {
  return typeof value === "string" && /^#(?:[0-9a-f]{3}|[0-9a-f]{6})$/i.test(value) ? value : fallback;
}
