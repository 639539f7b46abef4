"use strict";
// Searching, filtering and sorting of the devices. Text becomes text nodes only: nothing here makes markup of it.
(() => {
  const byId = (id) => document.getElementById(id);
  const source = byId("data");
  if (!source) return;

  const { now, rows: packed } = JSON.parse(source.textContent);
  const usable = new Set(["issued", "registered", "bundled"]);
  const rows = packed.map(([name, state, serial, expires, registered, bundled, error, cause, generation, algorithm, urgency]) => ({
    name, state, serial, expires, registered, bundled, error, cause, generation, algorithm, urgency,
    usable: usable.has(state),
    text: [name, serial, state, algorithm, error ?? ""].join("\n").toLowerCase(),
  }));

  // What may be shown.
  const filters = [
    { name: "All", test: () => true },
    { name: "Failed", test: (row) => row.cause !== null },
    { name: "Not registered", test: (row) => row.usable && row.registered === null },
    { name: "Not in an image", test: (row) => row.usable && row.bundled === null },
    { name: "Expired", test: (row) => row.urgency === "expired" },
    { name: "Renew now", test: (row) => row.urgency === "due" },
    { name: "Renewal pending", test: (row) => row.urgency === "pending" },
    ...["intended", "issued", "registered", "bundled", "revoked"].map((state) => ({
      group: "State", name: state, test: (row) => row.state === state,
    })),
    ...[...document.querySelectorAll("#causes [data-cause]")].map((line) => {
      const cause = Number(line.dataset.cause);
      const name = line.querySelector(".cause").textContent;
      return { group: "Failure", name, line, test: (row) => row.cause === cause };
    }),
  ];

  // The orders in which it may be shown. Without one, rows stand as they came.
  const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
  const byText = (field) => (a, b) => collator.compare(a[field], b[field]);
  const byTime = (field) => (a, b) => (a[field] ?? Infinity) - (b[field] ?? Infinity) || 0;
  const orders = [
    { name: "what needs attention first" },
    { key: "name", name: "name, A to Z", compare: byText("name") },
    { key: "name", name: "name, Z to A", compare: byText("name"), down: true },
    { key: "state", name: "state, A to Z", compare: byText("state") },
    { key: "state", name: "state, Z to A", compare: byText("state"), down: true },
    { key: "expires", name: "expires first", compare: byTime("expires") },
    { key: "expires", name: "expires last", compare: byTime("expires"), down: true },
    { key: "registered", name: "registered first", compare: byTime("registered") },
    { key: "registered", name: "registered last", compare: byTime("registered"), down: true },
    { key: "bundled", name: "in an image first", compare: byTime("bundled") },
    { key: "bundled", name: "in an image last", compare: byTime("bundled"), down: true },
  ];

  const search = byId("search");
  const filter = byId("filter");
  const order = byId("order");
  const status = byId("status");
  const table = byId("found");
  const heads = [...table.querySelectorAll("th[data-order]")];
  const size = matchMedia("(max-width: 40rem)").matches ? 25 : 100;
  let found = rows;
  let page = 0;

  const element = (name, properties = {}, ...children) => {
    const made = Object.assign(document.createElement(name), properties);
    made.append(...children);
    return made;
  };
  const counted = (number) => number.toLocaleString("en");
  const day = (seconds) => (seconds === null ? "–" : new Date(seconds * 1000).toISOString().slice(0, 10));

  // The color only repeats what the words tell.
  const classes = { expired: "bad", due: "warn" };
  const endWords = ({ expires, urgency }) => {
    const days = Math.trunc((expires - now) / 86400);
    const left = `${days} ${days === 1 ? "day" : "days"} left`;
    return { expired: "expired", due: `renew now, ${left}`, pending: `${left}, renewal pending` }[urgency] ?? left;
  };
  const end = (row) => {
    const made = element("div", {}, element("span", { className: classes[row.urgency] ?? "" }, day(row.expires)));
    if (row.usable) made.append(element("span", { className: "note" }, endWords(row)));
    return made;
  };
  const line = (row) => {
    const cell = (label, ...children) => {
      const made = element("td", { role: "cell" }, ...children);
      made.dataset.label = label;
      return made;
    };
    const first = element("th", { scope: "row", role: "rowheader" },
      element("bdi", { className: "name" }, row.name),
      element("span", { className: "serial" }, row.serial));
    if (row.error !== null) first.append(element("span", { className: "error" }, row.error));
    return element("tr", { role: "row" },
      first,
      cell("State", element("span", { className: `state state-${row.state}` }, row.state)),
      cell("Expires", end(row)),
      cell("Registered", day(row.registered)),
      cell("In an image", day(row.bundled)));
  };

  const show = () => {
    const pages = Math.max(1, Math.ceil(found.length / size));
    page = Math.min(page, pages - 1);
    const from = page * size;
    const shown = found.slice(from, from + size);
    table.tBodies[0].replaceChildren(...shown.map(line));
    table.hidden = shown.length === 0;
    byId("page").textContent = `Page ${counted(page + 1)} of ${counted(pages)}`;
    byId("previous").disabled = page === 0;
    byId("next").disabled = page === pages - 1;
    byId("previous").parentElement.hidden = pages === 1;
  };

  // Spoken when typing pauses, and not after every letter.
  let timer = 0;
  const tell = () => {
    clearTimeout(timer);
    const text = found.length === 0 ? "Nothing fits."
      : found.length === rows.length ? `${counted(rows.length)} devices`
      : `${counted(found.length)} of ${counted(rows.length)} devices`;
    timer = setTimeout(() => { status.textContent = text; }, status.textContent ? 250 : 0);
  };

  const update = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const { test } = filters[filter.value];
    const { key, compare, down } = orders[order.value];
    found = rows.filter((row) => test(row) && words.every((word) => row.text.includes(word)));
    if (compare) {
      // Rows without a time come after rows with one, in both orders.
      const lacks = (row) => row[key] === null;
      found.sort((a, b) => lacks(a) - lacks(b) || (down ? compare(b, a) : compare(a, b)));
    }
    for (const head of heads) {
      const sorted = head.dataset.order === key;
      if (sorted) head.setAttribute("aria-sort", down ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    }
    page = 0;
    show();
    tell();
  };

  const choose = (select, options) => {
    let group = select;
    options.forEach((option, index) => {
      if (option.group && group.label !== option.group) {
        group = element("optgroup", { label: option.group });
        select.append(group);
      }
      const text = option.name.length > 60 ? `${option.name.slice(0, 59)}…` : option.name;
      const count = option.test ? ` (${counted(rows.filter(option.test).length)})` : "";
      group.append(element("option", { value: String(index) }, text + count));
    });
  };
  choose(filter, filters);
  choose(order, orders);

  for (const head of heads) {
    const button = element("button", { type: "button" }, head.textContent);
    button.addEventListener("click", () => {
      const up = orders.findIndex(({ key }) => key === head.dataset.order);
      order.value = String(Number(order.value) === up ? up + 1 : up);
      update();
    });
    head.replaceChildren(button);
  }
  filters.forEach(({ line: cause, test }, index) => {
    if (!cause || !rows.some(test)) return;
    const button = element("button", { type: "button", className: "link" }, "Show these devices");
    button.addEventListener("click", () => {
      search.value = "";
      filter.value = String(index);
      update();
      byId("devices").scrollIntoView();
      byId("devices").focus({ preventScroll: true });
    });
    cause.cells[0].append(button);
  });
  const turn = (by) => () => {
    page += by;
    show();
    byId("devices").scrollIntoView();
  };
  byId("previous").addEventListener("click", turn(-1));
  byId("next").addEventListener("click", turn(1));
  search.addEventListener("input", update);
  filter.addEventListener("change", update);
  order.addEventListener("change", update);

  // Browsers keep what was typed when a page is loaded again.
  update();
  byId("blocked").remove();
  byId("explorer").hidden = false;
})();
