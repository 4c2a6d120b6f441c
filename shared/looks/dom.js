// Makes elements. Text is always text: nothing that the API says is read as markup.

/** Make an element; `attributes` named on… are listeners, true and false set or leave out. */
export function el(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value === true) made.setAttribute(key, "");
    else if (value !== false && value !== null) made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** Make a card with a title. */
export function card(title, ...children) {
  return el("section", { class: "card", "aria-label": title }, el("h2", {}, title), ...children);
}

/** Make a labelled input. */
export function field(label, name, attributes = {}) {
  return el("label", { class: "field" }, label, el("input", { name, required: true, ...attributes }));
}

/** Make a labelled choice; `options` are pairs of value and text. */
export function chooser(label, options, chosen, onchange) {
  const select = el("select", { "aria-label": label, onchange: () => onchange(select.value) });
  for (const [value, text] of options) {
    select.append(el("option", { value, selected: value === chosen }, text));
  }
  return select;
}

/** Make a form that reports what `onsend` throws, in words. */
export function form(title, button, onsend, ...children) {
  const told = el("p", { class: "note", role: "status" });
  const send = el("button", {}, button);
  const made = el("form", { "aria-label": title }, ...children, send, told);
  made.addEventListener("submit", async (event) => {
    event.preventDefault();
    send.disabled = true;
    told.textContent = "";
    try {
      told.textContent = (await onsend(Object.fromEntries(new FormData(made)), made)) ?? "";
    } catch (error) {
      told.textContent = error.message;
    } finally {
      send.disabled = false;
    }
  });
  return made;
}

/** Say something to a screen reader. */
export function speak(text) {
  document.getElementById("spoken").textContent = text;
}
