// Copies for elsewhere: a table as Markdown, a figure as a PNG or as the Markdown that shows it. Only scripts can do it.
const MARKUP = /[\\`*_{}[\]<>|~!&$]/g, AUTOMATIC = /:\/\/|[@#]/g; // of code hosts: nothing becomes a link or a mention
const plain = (node) => node.textContent.replace(/\s+/g, " ").trim();
const literal = (text) => text
  .replace(MARKUP, "\\$&").replace(AUTOMATIC, (found) => [...found].map((sign) => `&#${sign.charCodeAt()};`).join(""));
const words = (node) => literal(plain(node));
const PNG_SCALE = 2; // sharp on a dense screen, and on a slide
const MARGIN = 8;
const PAPER = "#ffffff", INK = "#1b1f24";
// What is copied says it too, also where only a part is spoiled: nothing else there would.
const band = document.querySelector("main > .invalid h2"), greyed = document.querySelector("main.spoiled");

function titleOf(part) {
  const title = (part.querySelector("h2, h3, summary") ?? part).cloneNode(true);
  title.querySelector(".link")?.remove();
  return plain(title);
}

function tableText(table) {
  const part = table.closest(".part"), note = part.querySelector(".note");
  const heads = [...table.tHead.rows[0].cells];
  const line = (cells) => `| ${cells.join(" | ")} |`;
  const rows = [...table.tBodies[0].rows].map((row) =>
    line([...row.cells].filter((cell) => !cell.classList.contains("drawn")).map(words)));
  const rule = `|${heads.map((head) => (head.classList.contains("number") ? "--:" : "---")).join("|")}|`;
  const heading = [band && words(band), literal(titleOf(part))].filter(Boolean).join(": ");
  const parts = [`**${heading}**`, [line(heads.map(words)), rule, ...rows].join("\n"), note && words(note)];
  return `${parts.filter(Boolean).join("\n\n")}\n`;
}

const figureText = (figure) =>
  `![${[band, figure.querySelector("figcaption")].filter(Boolean).map(words).join(": ")}](${figure.id}.png)\n`;

// The figure as it is shown now, with the arms and the range that were chosen, in dark ink on white.
async function picture(figure) {
  const drawn = figure.querySelector("svg.figure"), copy = drawn.cloneNode(true), foot = band ? 24 : 0;
  const width = drawn.viewBox.baseVal.width + 2 * MARGIN, height = drawn.viewBox.baseVal.height + 2 * MARGIN;
  const looks = { width, height, viewBox: `-${MARGIN} -${MARGIN} ${width} ${height}`, "data-theme": "light", color: INK };
  for (const [name, value] of Object.entries(looks)) copy.setAttribute(name, value);
  copy.prepend(Object.assign(document.createElementNS("http://www.w3.org/2000/svg", "style"), {
    textContent: document.querySelector("style").textContent,
  }));
  const image = new Image();
  image.src = `data:image/svg+xml,${encodeURIComponent(new XMLSerializer().serializeToString(copy))}`;
  await image.decode();
  const canvas = Object.assign(document.createElement("canvas"), { width: width * PNG_SCALE, height: (height + foot) * PNG_SCALE });
  const pen = canvas.getContext("2d");
  pen.scale(PNG_SCALE, PNG_SCALE);
  pen.fillStyle = PAPER;
  pen.fillRect(0, 0, width, height + foot);
  pen.filter = greyed ? "grayscale(1) opacity(0.45)" : "none";
  pen.drawImage(image, 0, 0, width, height);
  pen.filter = "none";
  pen.fillStyle = INK;
  pen.font = "bold 14px sans-serif";
  if (band) pen.fillText(plain(band), MARGIN, height + 8);
  return canvas.toDataURL("image/png");
}

// Where the browser gives no clipboard to a page of this kind, the text stands there selected, ready for the keys.
async function copied(text, button) {
  try {
    await navigator.clipboard.writeText(text);
    return "Copied";
  } catch {
    const field = Object.assign(document.createElement("textarea"), { value: text, readOnly: true, rows: 4 });
    field.setAttribute("aria-label", "Markdown to copy");
    field.addEventListener("blur", () => field.remove());
    button.after(field);
    field.select();
    if (!document.execCommand("copy")) return "Copy it with the keys";
    field.blur(); // which takes it away
    return "Copied";
  }
}

async function saved(figure) {
  Object.assign(document.createElement("a"), { href: await picture(figure), download: `${figure.id}.png` }).click();
  return "Saved";
}

function addButton(holder, name, title, act) {
  const button = Object.assign(document.createElement("button"), { type: "button" });
  const say = (text) => {
    button.textContent = text;
    button.setAttribute("aria-label", `${text}: ${title}`);
  };
  button.addEventListener("click", async () => {
    say(await act(button));
    setTimeout(say, 2000, name);
  });
  say(name);
  holder.append(button);
}

const copies = () => Object.assign(document.createElement("div"), { className: "copies" });
for (const table of all(document, ".part > .scroll > table")) {
  const part = table.closest(".part"), holder = copies();
  addButton(holder, "Copy as Markdown", titleOf(part), (button) => copied(tableText(table), button));
  table.parentNode.after(holder);
}
for (const figure of all(document, "figure.part")) {
  const holder = copies(), title = titleOf(figure);
  addButton(holder, "Save as PNG", title, () => saved(figure));
  addButton(holder, "Copy as Markdown", title, (button) => copied(figureText(figure), button));
  figure.append(holder);
}
