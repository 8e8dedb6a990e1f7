// Everything below a node that is outside its figure, cut, or a row too high: see layout.py.
([root, highest]) => {
  const name = (node) => {
    const text = node.textContent.trim().slice(0, 60);
    return `${node.tagName.toLowerCase()}.${node.getAttribute("class") ?? ""} "${text}"`;
  };
  const seen = (node) => node.checkVisibility() && node.getClientRects().length > 0;
  const all = (what) => [...document.querySelector(root).querySelectorAll(what)].filter(seen);
  const faults = [];
  for (const text of all("svg text")) {
    const [box, frame] = [text.getBoundingClientRect(), text.closest("svg").getBoundingClientRect()];
    const across = Math.max(frame.left - box.left, box.right - frame.right);
    const letters = box.height / 4; // a line is higher than what is written on it
    const along = Math.max(frame.top - box.top, box.bottom - frame.bottom) - letters;
    const by = Math.round(Math.max(across, along));
    if (by > 1) faults.push(`outside its figure by ${by} px: ${name(text)}`);
  }
  for (const row of all("tr")) {
    const height = Math.round(row.getBoundingClientRect().height);
    if (height > highest) faults.push(`a row of ${height} px: ${name(row)}`);
  }
  for (const node of all("*:not(svg, svg *)")) {
    const [across, room] = [node.scrollWidth, node.clientWidth], hides = ["hidden", "clip"].includes(getComputedStyle(node).overflowX);
    if (hides && across > room + 1 && node.textContent.trim()) faults.push(`cut sideways from ${across} to ${room} px: ${name(node)}`);
    if (getComputedStyle(node).overflowY === "visible") continue;
    const [whole, shown] = [node.scrollHeight, node.clientHeight];
    if (whole > shown + 1 && node.textContent.trim()) faults.push(`cut from ${whole} to ${shown} px: ${name(node)}`);
  }
  const wide = document.documentElement.scrollWidth;
  if (wide > window.innerWidth + 1) faults.push(`the page is ${wide} px wide`);
  return faults;
}
