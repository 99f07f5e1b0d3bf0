// Light or dark: as the system has it, until somebody chooses.

const NAME = "matchline.theme";
const root = document.documentElement;

export function applyTheme() {
  const chosen = localStorage.getItem(NAME);
  if (chosen) root.dataset.theme = chosen;
}

export function toggleTheme() {
  const now = root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  root.dataset.theme = now === "dark" ? "light" : "dark";
  localStorage.setItem(NAME, root.dataset.theme);
}
