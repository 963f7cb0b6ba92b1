// Makes elements. What a client sent is only ever set as text, never as markup.

const SVG = "http://www.w3.org/2000/svg";

/** An element with attributes (`on…` are listeners, `style` is an object) and children. */
export function el(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

/** The same for SVG. */
export function svg(name, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style") setStyle(element, value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return element;
}

/** Sets properties one by one: the page's policy forbids style attributes. */
export function setStyle(element, properties) {
  for (const [name, value] of Object.entries(properties)) element.style.setProperty(name, value);
}

/** A number and its noun, in the singular or the plural: `1 text`, `1,000 texts`. */
export function counted(number, noun) {
  return `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
}

/** Replaces the children of an element. */
export function fill(element, ...children) {
  const given = children.flat(Infinity).filter((child) => child !== null && child !== undefined);
  element.replaceChildren(...given);
}

/** A button that says for a moment what it has done. */
export function actionButton(label, action, attributes = {}) {
  const button = el("button", {type: "button", ...attributes}, label);
  button.addEventListener("click", async () => {
    let said;
    try {
      said = await action(button);
    } catch (error) {
      said = `Failed: ${error.message}`;
    }
    if (!said) return;
    button.textContent = said;
    setTimeout(() => { button.textContent = label; }, 1500);
  });
  return button;
}

/** Copies text, and says so; without permission it selects the text instead. */
export async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return "Copied";
  } catch {
    return "The browser does not allow copying";
  }
}

/** Offers a text or a blob as a file. */
export function download(content, name, type = "text/plain") {
  const url = URL.createObjectURL(content instanceof Blob ? content : new Blob([content], {type}));
  const link = el("a", {href: url, download: name});
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
