/** The colours of the maps, light and dark, and which of the two is in force. */

export const PALETTES = {
  light: {
    water: "#d3e3ea",
    shallow: "#c5dae3",
    land: "#f3f4f1",
    coast: "#9fb6c0",
    border: "#c6cdd0",
    graticule: "#b4cad4",
    label: "#334b57",
    halo: "#f6fafb",
    outline: "#ffffff",
    silent: "#8b9ba3",
    trail: "#1f5f7a",
    accent: "#0d7f9e",
  },
  dark: {
    water: "#091721",
    shallow: "#0c202b",
    land: "#182a34",
    coast: "#35505d",
    border: "#2b3f4a",
    graticule: "#15303d",
    label: "#b9cdd6",
    halo: "#08141b",
    outline: "#06121a",
    silent: "#5f737d",
    trail: "#7fc4dc",
    accent: "#3fc3e0",
  },
};

const STORED = "_x_adminTheme"; // where the admin's theme switch keeps its choice, JSON encoded
const SYSTEM = globalThis.matchMedia("(prefers-color-scheme: dark)");

/** `light` or `dark`: the choice made anywhere in the console, else the system's. */
export function currentTheme() {
  const chosen = readChoice();
  if (chosen === "light" || chosen === "dark") return chosen;
  return SYSTEM.matches ? "dark" : "light";
}

/** Keep a choice for the whole console. */
export function chooseTheme(theme) {
  localStorage.setItem(STORED, JSON.stringify(theme));
}

/** Call back with the theme whenever it changes: here, in another tab, or in the system. */
export function onThemeChange(listener) {
  const tell = () => listener(currentTheme());
  SYSTEM.addEventListener("change", tell);
  globalThis.addEventListener("storage", (event) => event.key === STORED && tell());
  new MutationObserver(tell).observe(document.documentElement, { attributes: true, attributeFilter: ["class"] });
}

function readChoice() {
  try {
    return JSON.parse(localStorage.getItem(STORED) ?? '"auto"');
  } catch {
    return "auto";
  }
}
